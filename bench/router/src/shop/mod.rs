//! A shop split over four subgraphs, and the same shop as one schema that says
//! what the right answers are.

mod accounts;
mod data;
mod inventory;
mod products;
mod reviews;
mod whole;

use anyhow::anyhow;
use async_graphql::{
    EmptyMutation, EmptySubscription, Executor, ObjectType, SDLExportOptions, Schema,
    ValidationMode,
};
use atelier_composition::{SubgraphSdl, compose};

/// The subgraphs in the order of their addresses.
pub const NAMES: [&str; 4] = ["accounts", "inventory", "products", "reviews"];

/// A schema with queries only.
pub type Queries<Q> = Schema<Q, EmptyMutation, EmptySubscription>;

/// The four schemas.
#[derive(Clone)]
pub struct Subgraphs {
    /// Users.
    pub accounts: Queries<accounts::Query>,
    /// Stock and shipping.
    pub inventory: Queries<inventory::Query>,
    /// Names, prices and weights.
    pub products: Queries<products::Query>,
    /// Reviews by users of products.
    pub reviews: Queries<reviews::Query>,
}

impl Subgraphs {
    /// Builds the schemas as ordinary subgraphs have them.
    pub fn new() -> Self {
        Self::validating(ValidationMode::Strict)
    }

    /// Builds the schemas for a router in the same process, which has validated what it asks.
    pub fn in_process() -> Self {
        Self::validating(ValidationMode::Fast)
    }

    fn validating(mode: ValidationMode) -> Self {
        Self {
            accounts: federated(accounts::Query, mode),
            inventory: federated(inventory::Query, mode),
            products: federated(products::Query, mode),
            reviews: federated(reviews::Query, mode),
        }
    }

    /// The composed schema with these URLs, in the order of [`NAMES`].
    ///
    /// # Errors
    /// When composition refuses the subgraphs, which a test excludes.
    pub fn supergraph(&self, urls: &[String; 4]) -> anyhow::Result<String> {
        let sdls = [
            sdl(&self.accounts),
            sdl(&self.inventory),
            sdl(&self.products),
            sdl(&self.reviews),
        ];
        let parts: Vec<SubgraphSdl> = NAMES
            .iter()
            .zip(urls)
            .zip(sdls)
            .map(|((name, url), sdl)| SubgraphSdl::new(*name, url, sdl))
            .collect();
        let composed = compose(&parts).map_err(|errors| anyhow!("{errors:?}"))?;
        Ok(composed.supergraph_sdl)
    }
}

impl Default for Subgraphs {
    fn default() -> Self {
        Self::new()
    }
}

fn federated<Q: ObjectType + 'static>(query: Q, mode: ValidationMode) -> Queries<Q> {
    Schema::build(query, EmptyMutation, EmptySubscription)
        .validation_mode(mode)
        .enable_federation()
        .finish()
}

fn sdl<Q: ObjectType + 'static>(schema: &Queries<Q>) -> String {
    schema.sdl_with_options(SDLExportOptions::new().federation().compose_directive())
}

/// The right answer to a request, from the shop as one schema.
///
/// # Errors
/// When the request itself is wrong.
pub async fn expected(
    query: &str,
    variables: &serde_json::Value,
) -> anyhow::Result<serde_json::Value> {
    let schema = Schema::new(whole::Query, EmptyMutation, EmptySubscription);
    let request = async_graphql::Request::new(query)
        .variables(async_graphql::Variables::from_json(variables.clone()));
    let response = Executor::execute(&schema, request).await;
    if let Some(error) = response.errors.first() {
        return Err(anyhow!("the query has no right answer: {error}"));
    }
    Ok(serde_json::to_value(&response)?)
}
