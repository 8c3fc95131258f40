//! A domain that shows files to its members, and to everybody.

use atelier_contracts::audience::{Audience, GroupFact, Membership, WireId};
use atelier_kit::{actor::Actor, entity, id::Id};
use serde_json::{Value, json};

use super::World;
use crate::pictures;

/// The name of the domain.
pub const DOMAIN: &str = "spaces";

entity!(
    /// Something that has members.
    pub Space, "spc"
);

impl World {
    /// A group without members.
    pub fn group(&self) -> WireId {
        self.test.deps.new_id::<Space>().into()
    }

    /// A picture of somebody's that is ready.
    pub async fn picture(&self, owner: &Actor, notes: Option<Vec<u8>>) -> Value {
        let seed: Id<Space> = self.test.deps.new_id();
        let width = 20 + (seed.uuid().as_u128() % 50) as u32;
        let bytes = pictures::jpeg(&pictures::halves(width, 20), notes);
        let done = self.upload(owner, "p.jpg", "image/jpeg", &bytes).await;
        self.work().await;
        done["asset"]["id"].clone()
    }

    /// Attaches files of a user, for one subject; gives what was refused.
    pub async fn attach(&self, audience: &Audience, owner: &Actor, assets: &[Value]) -> Value {
        let subject = WireId::from(Id::<Space>::from_uuid(Default::default()));
        self.attach_for(&subject, audience, owner, assets).await
    }

    /// Attaches files of a user; gives what was refused.
    pub async fn attach_for(
        &self,
        subject: &WireId,
        audience: &Audience,
        owner: &Actor,
        assets: &[Value],
    ) -> Value {
        let user = owner.user_id().unwrap();
        let input =
            json!({ "audience": audience, "subject": subject, "userId": user, "assetIds": assets });
        let service = Actor::service(DOMAIN);
        let mut payload = self
            .mutate(
                &service,
                "audienceAttach",
                "refused { assetId reason }",
                input,
            )
            .await;
        assert_eq!(payload["userErrors"], json!([]));
        payload["refused"].take()
    }

    /// Takes back what [`World::attach`] has done.
    pub async fn detach(&self, audience: &Audience, assets: &[Value]) {
        let subject = WireId::from(Id::<Space>::from_uuid(Default::default()));
        let input = json!({ "audience": audience, "subject": subject, "assetIds": assets });
        let service = Actor::service(DOMAIN);
        let payload = self
            .mutate(&service, "audienceDetach", "detached", input)
            .await;
        assert_eq!(payload["detached"], json!(true));
    }

    /// Hears that somebody is a member of a group.
    pub async fn add(&self, group: &WireId, who: &Actor, revision: i64) {
        let fact = GroupFact::MemberAdded(membership(group, who, revision));
        self.told(DOMAIN, &fact).await;
    }

    /// Hears that somebody is no longer a member of a group.
    pub async fn remove(&self, group: &WireId, who: &Actor, revision: i64) {
        let fact = GroupFact::MemberRemoved(membership(group, who, revision));
        self.told(DOMAIN, &fact).await;
    }

    /// Whether somebody sees a file.
    pub async fn sees(&self, who: &Actor, asset: &Value) -> bool {
        let query = "query($id: ID!) { asset(id: $id) { id } }";
        let found = self.data(who, query, json!({ "id": asset })).await;
        found["asset"]["id"] == *asset
    }
}

/// A change of a membership.
pub fn membership(group: &WireId, who: &Actor, revision: i64) -> Membership {
    Membership {
        group: group.clone(),
        user: who.user_id().unwrap(),
        revision,
    }
}
