//! The edge: HTTP, WebSockets and server-sent events on axum.

mod caller;
mod csrf;
mod delivery;
mod graphiql;
mod graphql;
mod multipart;
mod negotiate;
mod observe;
mod params;
mod server;
mod sse;
mod sse_single;
mod websocket;
mod websocket_operation;
mod websocket_session;
mod ws_protocol;

pub use server::Server;

use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::Cors;
use crate::router::Router;

impl Router {
    /// The routes of the router: the endpoint at `http.path`, and the playground
    /// at `/` unless switched off.
    /// [`Router::server`] also limits connections. Who can reach these routes is not
    /// known, so introspection that is open on loopback only is closed.
    pub fn into_axum(self) -> axum::Router {
        self.listens_on(std::net::Ipv4Addr::UNSPECIFIED.into());
        self.routes()
    }

    fn routes(self) -> axum::Router {
        let path = self.config().http.path.clone();
        let cors = cors(&self.config().cors);
        let playground = self.config().playground.enabled;
        let state = Arc::new(self);
        let endpoint = get(graphql::get)
            .post(graphql::post)
            .put(graphql::put)
            .delete(graphql::delete);
        let mut app = axum::Router::new()
            .route(&path, endpoint)
            // Bodies are bounded by `limits.max_body_bytes`, with an answer of our own.
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(state);
        if let Some(cors) = cors {
            app = app.layer(cors);
        }
        if playground {
            app = app.merge(graphiql::routes());
        }
        app
    }
}

fn cors(config: &Cors) -> Option<CorsLayer> {
    if config.origins.is_empty() {
        return None;
    }
    let any = config.origins.iter().any(|origin| origin == "*");
    let origins = if any {
        AllowOrigin::any()
    } else {
        let values = config
            .origins
            .iter()
            .filter_map(|origin| HeaderValue::from_str(origin).ok());
        AllowOrigin::list(values)
    };
    let usual = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT,
        header::ACCEPT_LANGUAGE,
        HeaderName::from_static("x-request-id"),
        HeaderName::from_static("x-requested-with"),
        HeaderName::from_static("apollo-require-preflight"),
        HeaderName::from_static("x-graphql-event-stream-token"),
        HeaderName::from_static("idempotency-key"),
    ];
    let own = config.headers.iter().filter_map(|name| name.parse().ok());
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(usual.into_iter().chain(own).collect::<Vec<HeaderName>>())
        .expose_headers([HeaderName::from_static("x-request-id")])
        .max_age(Duration::from_secs(config.max_age_s));
    // Browsers refuse credentials with `*`, and so does the layer.
    Some(if config.credentials && !any {
        layer.allow_credentials(true)
    } else {
        layer
    })
}
