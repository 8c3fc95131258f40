//! Lamps.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Result, Subscription};
use atelier_contracts::{lighting, stub};
use atelier_kit::{
    delivery::Interest,
    event::Told,
    graphql::{
        actor, directive::authenticated, directive::resumable, load, mutation, scope, subscribe,
    },
    id::Id,
    loader::Batch,
    page::{Connection, Cursor, PageArgs},
};
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;

use super::deps;
use crate::{
    app::lamp::{self, LampById},
    db::lamp::LampRow,
    error::LightingUserError,
};

/// A lamp.
#[derive(Debug, Clone)]
pub struct Lamp(LampRow);

/// A lamp. Only its owner can see it.
#[Object(directive = authenticated::apply())]
impl Lamp {
    /// The lamp's id.
    async fn id(&self) -> Id<lighting::Lamp> {
        self.0.id
    }

    /// The person it belongs to.
    async fn owner(&self) -> Option<stub::User> {
        let id = self.0.owner_id;
        Some(stub::User { id })
    }

    /// The lamp's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// When the lamp was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the lamp was last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

async fn load_lamp(ctx: &Context<'_>, id: Id<lighting::Lamp>) -> Result<Option<Lamp>> {
    let batch = || LampById {
        deps: deps(ctx).clone(),
        actor: Arc::clone(&scope(ctx).actor),
    };
    Ok(load(ctx, batch, id).await?.map(Lamp))
}

/// How lamps are found.
#[derive(Default)]
pub struct LampQuery;

#[Object]
impl LampQuery {
    /// Returns the lamp with this id; null if there is none that the caller may see.
    #[graphql(directive = authenticated::apply())]
    async fn lamp(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The lamp's id.")] id: Id<lighting::Lamp>,
    ) -> Result<Option<Lamp>> {
        load_lamp(ctx, id).await
    }

    /// A lamp, for the router.
    #[graphql(entity)]
    async fn find_lamp_by_id(
        &self,
        ctx: &Context<'_>,
        id: Id<lighting::Lamp>,
    ) -> Result<Option<Lamp>> {
        load_lamp(ctx, id).await
    }
}

/// The caller's lamps.
#[derive(Default)]
pub struct LampsOfViewer;

#[atelier_kit::object]
impl LampsOfViewer {
    /// The caller's lamps, newest first.
    #[graphql(directive = authenticated::apply())]
    async fn lamps(&self, ctx: &Context<'_>, page: PageArgs) -> Result<Option<Connection<Lamp>>> {
        let page = lamp::page(deps(ctx), actor(ctx), &page).await?;
        Ok(Some(page.connection(Lamp)))
    }
}

/// The input of `lampCreate`.
#[derive(InputObject)]
pub struct LampCreateInput {
    /// The lamp's name, 1 to 100 characters.
    pub name: String,
}

/// The input of `lampRename`.
#[derive(InputObject)]
pub struct LampRenameInput {
    /// The lamp's id.
    pub id: Id<lighting::Lamp>,
    /// The new name, 1 to 100 characters.
    pub name: String,
}

/// The input of `lampDelete`.
#[derive(InputObject)]
pub struct LampDeleteInput {
    /// The lamp's id.
    pub id: Id<lighting::Lamp>,
}

atelier_kit::payload! {
    /// The result of `lampCreate`.
    pub struct LampCreatePayload, LightingUserError {
        /// The new lamp.
        lamp: Lamp,
    }

    /// The result of `lampRename`.
    pub struct LampRenamePayload, LightingUserError {
        /// The lamp after the change.
        lamp: Lamp,
    }

    /// The result of `lampDelete`.
    pub struct LampDeletePayload, LightingUserError {
        /// The id of the deleted lamp.
        deleted_id: Id<lighting::Lamp>,
    }
}

/// How lamps are changed.
#[derive(Default)]
pub struct LampMutation;

#[Object]
impl LampMutation {
    /// Creates a lamp.
    #[graphql(directive = authenticated::apply())]
    async fn lamp_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The lamp to create.")] input: LampCreateInput,
    ) -> Result<LampCreatePayload> {
        let created = lamp::create(deps(ctx), actor(ctx), &input.name).await;
        mutation(ctx, created.map(Lamp))
    }

    /// Renames a lamp.
    #[graphql(directive = authenticated::apply())]
    async fn lamp_rename(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The lamp and its new name.")] input: LampRenameInput,
    ) -> Result<LampRenamePayload> {
        let renamed = lamp::rename(deps(ctx), actor(ctx), input.id, &input.name).await;
        mutation(ctx, renamed.map(Lamp))
    }

    /// Deletes a lamp for good.
    #[graphql(directive = authenticated::apply())]
    async fn lamp_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The lamp to delete.")] input: LampDeleteInput,
    ) -> Result<LampDeletePayload> {
        mutation(ctx, lamp::delete(deps(ctx), actor(ctx), input.id).await)
    }
}

atelier_kit::events! {
    /// Something that happened to one of the caller's lamps.
    pub enum LampEvent {
        /// The id of the lamp.
        lamp_id: Id<lighting::Lamp>,
    } {
        /// A lamp was created.
        Created(LampCreated) {
            /// The lamp as it is now; null if it is gone.
            lamp: Option<Lamp>,
        },
        /// A lamp was changed.
        Updated(LampUpdated) {
            /// The lamp as it is now; null if it is gone.
            lamp: Option<Lamp>,
        },
        /// A lamp was deleted.
        Deleted(LampDeleted) {},
    }
}

/// How lamps are followed.
#[derive(Default)]
pub struct LampSubscription;

#[Subscription]
impl LampSubscription {
    /// Delivers what happens to the caller's lamps.
    #[graphql(
        directive = authenticated::apply(),
        directive = resumable::apply("after".to_owned(), "cursor".to_owned())
    )]
    async fn lamp_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Resumes behind the event with this cursor. Without it, only new events are delivered."
        )]
        after: Option<Cursor>,
    ) -> Result<BoxStream<'static, Result<LampEvent>>> {
        let owner = actor(ctx).require_user()?;
        let lamps = Arc::new(LampById {
            deps: deps(ctx).clone(),
            actor: Arc::clone(&scope(ctx).actor),
        });
        let tell = move |told, cursor| lamp_event(Arc::clone(&lamps), told, cursor);
        subscribe(ctx, deps(ctx), Interest::of(owner), after, tell).await
    }
}

async fn lamp_event(
    lamps: Arc<LampById>,
    told: Told<lighting::LampFact>,
    cursor: Cursor,
) -> Result<Option<LampEvent>> {
    let (occurred_at, lamp_id) = (told.occurred_at, told.fact.lamp());
    let lamp = lamps.load(vec![lamp_id]).await?.remove(&lamp_id);
    let lamp = lamp.map(Lamp);
    Ok(Some(match told.fact {
        lighting::LampFact::LampCreated(_) => LampEvent::Created(LampCreated {
            cursor,
            occurred_at,
            lamp_id,
            lamp,
        }),
        lighting::LampFact::LampUpdated(_) => LampEvent::Updated(LampUpdated {
            cursor,
            occurred_at,
            lamp_id,
            lamp,
        }),
        lighting::LampFact::LampDeleted(_) => LampEvent::Deleted(LampDeleted {
            cursor,
            occurred_at,
            lamp_id,
        }),
    }))
}
