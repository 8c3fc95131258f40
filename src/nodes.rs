//! `Query.node` and `Query.nodes`: any object by its id.
//!
//! An id says by its prefix what it names, so no domain is asked: this subgraph, which lives in the
//! router's process, answers with the type and the id, and the router fetches the rest from the
//! type's owner by `_entities`, one call for each type. Whether the object is there, and whether the
//! caller may see it, the owner decides as always.
//!
//! Only who is signed in may ask: an interface in a supergraph demands what each of its types demands.

use async_graphql::{EmptyMutation, EmptySubscription, ID, Interface, Object, Result, Schema};
use atelier_kit::{
    error::{Error, ErrorCode},
    graphql::{
        Service,
        directive::{authenticated, list_size},
    },
    id::{self, Id},
};

/// The subgraph's name.
pub const NAME: &str = "node";
/// The most ids of one call.
const MOST: usize = 100;

/// Declares the types that have ids: each is known here by its id alone.
macro_rules! nodes {
    ($($(#[$doc:meta])* $name:ident: $entity:ty),* $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(async_graphql::SimpleObject)]
            #[graphql(unresolvable = "id")]
            pub struct $name {
                /// The id.
                #[graphql(owned)]
                id: ID,
            }
        )*

        /// Anything that can be fetched by its id alone.
        #[derive(Interface)]
        #[graphql(field(name = "id", ty = "ID", desc = "The id, unique among all objects."))]
        pub enum Node {
            $($(#[$doc])* $name($name)),*
        }

        impl Node {
            /// The object that an id names, if its prefix is known and the rest is well formed.
            fn of(id: &ID) -> Option<Self> {
                $(if let Ok(known) = id.parse::<Id<$entity>>() {
                    return Some(Self::$name($name { id: ID(known.to_string()) }));
                })*
                None
            }
        }

        /// The types that have ids, and their prefixes.
        #[cfg(test)]
        const TYPES: &[(&str, &str)] = &[$((stringify!($name), <$entity as id::Entity>::PREFIX)),*];
    };
}

nodes! {
    /// A person or bot with an account.
    User: id::User,
    /// A stored file.
    Asset: id::Asset,
    /// The sending of a file.
    Upload: atelier_media::Upload,
    /// A unit of background work.
    Task: id::Task,
}

/// What can be asked.
pub struct Query;

/// What can be asked.
#[Object]
impl Query {
    /// The object with an id of any type; null if there is none that the caller may see.
    #[graphql(directive = authenticated::apply())]
    async fn node(&self, #[graphql(desc = "The object's id.")] id: ID) -> Option<Node> {
        Node::of(&id)
    }

    /// The objects with ids of any types, in the order of the ids; null for each that is none, or none
    /// that the caller may see.
    #[graphql(directive = authenticated::apply(), directive = list_size::apply(Some(20), None, None, None))]
    async fn nodes(
        &self,
        #[graphql(desc = "The objects' ids, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MOST {
            let detail = "ids: at most 100 ids can be asked for at once.";
            return Err(Error::with_detail(ErrorCode::BadUserInput, detail).into());
        }
        Ok(ids.iter().map(Node::of).collect())
    }
}

/// The executable schema.
pub fn service() -> Service {
    Service::new(|| Schema::build(Query, EmptyMutation, EmptySubscription).enable_federation())
}

#[cfg(test)]
mod tests;
