//! HTTP routes besides GraphQL.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::app::Accounts;

/// The domain's routes.
pub fn routes(accounts: Arc<Accounts>) -> Router {
    Router::new()
        .route("/.well-known/jwks.json", get(jwks))
        .with_state(accounts)
}

/// Serves the keys that verify access tokens (RFC 7517).
async fn jwks(State(accounts): State<Arc<Accounts>>) -> Response {
    match accounts.keys.jwks(&accounts.deps).await {
        Ok(keys) => ([(header::CACHE_CONTROL, "public, max-age=60")], Json(keys)).into_response(),
        Err(error) => {
            tracing::error!(cause = error.cause_chain(), "the JWKS cannot be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
