//! What can be done.

use async_graphql::{Context, Object, Result};
use atelier_kit::{
    error::Fail,
    graphql::{actor, directive::authenticated, mutation},
};

use super::{
    asset::Asset,
    input::{
        AssetDeleteInput, AssetRestoreInput, AssetUpdateInput, AssetsPurgeInput, UploadAbortInput,
        UploadCompleteInput, UploadCreateInput, UploadPartsSignInput, UploadProveInput,
    },
    load_asset, media,
    payload::{
        AssetDeletePayload, AssetRestorePayload, AssetUpdatePayload, AssetsPurgePayload,
        SignedPart, UploadAbortPayload, UploadCompletePayload, UploadCreatePayload,
        UploadPartsSignPayload, UploadProvePayload,
    },
    reference::TaskReference,
    upload::Upload,
};
use crate::{
    app::{asset, upload},
    db::upload::UploadRow,
};

/// What can be done.
pub struct Mutation;

/// The file that an upload became.
async fn file_of(ctx: &Context<'_>, row: &UploadRow) -> Result<Option<Asset>> {
    match row.asset_id {
        Some(id) => load_asset(ctx, id).await,
        None => Ok(None),
    }
}

/// What can be done.
#[Object]
impl Mutation {
    /// Plans the upload of a file and reserves storage for it.
    #[graphql(directive = authenticated::apply())]
    async fn upload_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file.")] input: UploadCreateInput,
    ) -> Result<UploadCreatePayload> {
        mutation(
            ctx,
            upload::create(media(ctx), actor(ctx), input.into())
                .await
                .map(Upload),
        )
    }

    /// Signs the requests with which parts are sent. Sign again whatever is missing to resume.
    #[graphql(directive = authenticated::apply())]
    async fn upload_parts_sign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The parts.")] input: UploadPartsSignInput,
    ) -> Result<UploadPartsSignPayload> {
        let parts: Vec<_> = input
            .parts
            .into_iter()
            .map(|part| upload::PartToSign {
                number: part.number,
                sha256: part.sha256,
            })
            .collect();
        let signed = upload::sign_parts(media(ctx), actor(ctx), input.upload_id, &parts).await;
        let done = signed.map(|(row, parts)| {
            let parts = parts.into_iter().map(|part| SignedPart {
                number: part.number,
                request: part.request.into(),
            });
            (Upload(row), parts.collect())
        });
        mutation(ctx, done)
    }

    /// Makes a file of what was sent, after size, checksum and type were verified. May be repeated.
    #[graphql(directive = authenticated::apply())]
    async fn upload_complete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The upload.")] input: UploadCompleteInput,
    ) -> Result<UploadCompletePayload> {
        match upload::complete(media(ctx), actor(ctx), input.upload_id).await {
            Ok(completed) => {
                let asset = file_of(ctx, &completed.upload).await?;
                mutation(
                    ctx,
                    Ok((
                        Upload(completed.upload),
                        asset,
                        completed.task.map(|id| TaskReference { id }),
                    )),
                )
            }
            Err(fail) => mutation(ctx, Err(fail)),
        }
    }

    /// Makes a file of content that is there already, if the answer shows that the caller has it.
    #[graphql(directive = authenticated::apply())]
    async fn upload_prove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The answer.")] input: UploadProveInput,
    ) -> Result<UploadProvePayload> {
        match upload::prove(media(ctx), actor(ctx), input.upload_id, &input.answer).await {
            Ok(row) => {
                let asset = file_of(ctx, &row).await?;
                mutation(ctx, Ok((Upload(row), asset)))
            }
            Err(fail) => mutation(ctx, Err(fail)),
        }
    }

    /// Gives an upload up. May be repeated.
    #[graphql(directive = authenticated::apply())]
    async fn upload_abort(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The upload.")] input: UploadAbortInput,
    ) -> Result<UploadAbortPayload> {
        mutation(
            ctx,
            upload::abort(media(ctx), actor(ctx), input.upload_id)
                .await
                .map(Upload),
        )
    }

    /// Renames a file.
    #[graphql(directive = authenticated::apply())]
    async fn asset_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: AssetUpdateInput,
    ) -> Result<AssetUpdatePayload> {
        mutation(
            ctx,
            asset::rename(media(ctx), actor(ctx), input.id, input.filename.as_deref())
                .await
                .map(Asset),
        )
    }

    /// Puts a file into the trash, from where it is purged after some weeks. May be repeated.
    #[graphql(directive = authenticated::apply())]
    async fn asset_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file.")] input: AssetDeleteInput,
    ) -> Result<AssetDeletePayload> {
        mutation(
            ctx,
            asset::trash(media(ctx), actor(ctx), input.id)
                .await
                .map(Asset),
        )
    }

    /// Takes a file out of the trash. May be repeated.
    #[graphql(directive = authenticated::apply())]
    async fn asset_restore(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file.")] input: AssetRestoreInput,
    ) -> Result<AssetRestorePayload> {
        mutation(
            ctx,
            asset::restore(media(ctx), actor(ctx), input.id)
                .await
                .map(Asset),
        )
    }

    /// Removes files from the trash for good and gives their storage back.
    #[graphql(directive = authenticated::apply())]
    async fn assets_purge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The files.")] input: AssetsPurgeInput,
    ) -> Result<AssetsPurgePayload> {
        let locale = actor(ctx).locale;
        match asset::purge(media(ctx), actor(ctx), &input.ids).await {
            Ok((purged, refusals)) => Ok(AssetsPurgePayload::partly(purged, refusals, locale)),
            Err(Fail::Refused(refusals)) => {
                Ok(AssetsPurgePayload::partly(Vec::new(), refusals, locale))
            }
            Err(Fail::Error(error)) => Err(error.into()),
        }
    }
}
