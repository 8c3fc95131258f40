//! Attaching files to audiences, at the command of the domains that show them.

use atelier_contracts::{
    audience::{
        AttachmentRefusalReason, Audience, AudienceAttachInput, AudienceDetachInput, MAX_ATTACHED,
        RefusedAttachment, WireId,
    },
    media::Asset,
};
use atelier_kit::{actor::Actor, id::Id};

use super::{Media, access::can_be_shown};
use crate::{
    db::{
        asset::{self, AssetAndBlob},
        audience::{self, Showing},
    },
    error::{Fail, MediaErrorCode, Refusal},
};

/// Lets an audience see files of a user; if one of them cannot be attached, none is, and the answer
/// tells which. May be repeated.
pub async fn attach(
    media: &Media,
    actor: &Actor,
    input: &AudienceAttachInput,
) -> Result<Vec<RefusedAttachment>, Fail> {
    let showing = showing(actor, &input.audience, &input.subject)?;
    check_list(&input.asset_ids)?;
    media
        .deps
        .transaction(async |tx| {
            asset::lock(tx, &input.asset_ids).await?;
            let rows = asset::whole(tx, &input.asset_ids).await?;
            let refused = refused(input, &rows);
            if refused.is_empty() {
                let now = media.deps.clock.now();
                audience::attach(tx, showing, &input.asset_ids, now).await?;
            }
            Ok(refused)
        })
        .await
}

/// Takes back what [`attach`] has done for the same audience and subject. May be repeated.
pub async fn detach(media: &Media, actor: &Actor, input: &AudienceDetachInput) -> Result<(), Fail> {
    let showing = showing(actor, &input.audience, &input.subject)?;
    check_list(&input.asset_ids)?;
    media
        .deps
        .statement(async |tx| Ok(audience::detach(tx, showing, &input.asset_ids).await?))
        .await
}

/// What the calling domain shows; users cannot call.
fn showing<'a>(
    actor: &'a Actor,
    audience: &'a Audience,
    subject: &'a WireId,
) -> Result<Showing<'a>, Fail> {
    Ok(Showing {
        audience,
        domain: actor.require_service()?,
        subject,
    })
}

fn check_list(ids: &[Id<Asset>]) -> Result<(), Fail> {
    if (1..=MAX_ATTACHED).contains(&ids.len()) {
        return Ok(());
    }
    let refusal = Refusal::new(MediaErrorCode::ListInvalid, "input.assetIds");
    Err(refusal.with("max", MAX_ATTACHED).into())
}

/// Those files that cannot be attached, and why.
fn refused(input: &AudienceAttachInput, rows: &[AssetAndBlob]) -> Vec<RefusedAttachment> {
    let reason = |id: Id<Asset>| {
        let own = |row: &&AssetAndBlob| {
            row.asset.id == id && row.asset.owner_id == input.user_id && can_be_shown(row)
        };
        match (rows.iter().find(own), input.kind) {
            (None, _) => Some(AttachmentRefusalReason::NotFound),
            (Some(row), Some(kind)) if row.blob.kind != kind => {
                Some(AttachmentRefusalReason::WrongKind)
            }
            (Some(_), _) => None,
        }
    };
    let ids = input.asset_ids.iter().copied();
    ids.filter_map(|asset_id| {
        let reason = reason(asset_id)?;
        Some(RefusedAttachment { asset_id, reason })
    })
    .collect()
}
