//! `Query.node` and `Query.nodes`: any object by its id.
//!
//! The prefix of an id names the type of the object, so no domain has to be asked: this subgraph,
//! which lives in the router's process, returns the type and the id, and the router fetches the
//! rest from the type's owner with `_entities`, in one call per type. As always, the owner decides
//! whether the object exists and whether the caller may see it.
//!
//! The caller must be signed in, because an interface in a supergraph requires what each of its
//! types requires.

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
/// The most ids in one call.
const MOST: usize = 100;

/// Declares the types that have ids. Of each, only the id is known here.
macro_rules! nodes {
    ($($(#[$doc:meta])* $name:ident: $entity:ty),* $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(async_graphql::SimpleObject)]
            #[graphql(unresolvable = "id")]
            pub struct $name {
                /// The object's id.
                #[graphql(owned)]
                id: ID,
            }
        )*

        /// An object that can be fetched by its id alone.
        #[derive(Interface)]
        #[graphql(field(name = "id", ty = "ID", desc = "The object's id, unique among all objects of all types."))]
        pub enum Node {
            $($(#[$doc])* $name($name)),*
        }

        impl Node {
            /// Returns the object that an id identifies, if its prefix is known and the rest is
            /// well formed.
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
    Asset: atelier_contracts::media::Asset,
    /// The transfer of a file to the object store.
    Upload: atelier_contracts::media::Upload,
    /// A unit of background work.
    Task: id::Task,
}

/// The root of all queries.
pub struct Query;

/// The root of all queries.
#[Object]
impl Query {
    /// Returns the object with this id, of any type that implements `Node`; null if there is none
    /// that the caller may see. Requires a signed-in caller.
    #[graphql(directive = authenticated::apply())]
    async fn node(&self, #[graphql(desc = "The object's id.")] id: ID) -> Option<Node> {
        Node::of(&id)
    }

    /// Returns the objects with these ids, in the order of the ids; null for each id without an
    /// object that the caller may see. Requires a signed-in caller.
    #[graphql(directive = authenticated::apply(), directive = list_size::apply(Some(20), None, None, None))]
    async fn nodes(
        &self,
        #[graphql(desc = "The ids of the objects, at most 100. They may be of different types.")]
        ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MOST {
            let detail = "\"ids\" can hold at most 100 ids.";
            return Err(Error::with_detail(ErrorCode::BadUserInput, detail).into());
        }
        Ok(ids.iter().map(Node::of).collect())
    }
}

/// Builds the executable schema.
pub fn service() -> Service {
    Service::new(|| Schema::build(Query, EmptyMutation, EmptySubscription).enable_federation())
}

#[cfg(test)]
mod tests;
