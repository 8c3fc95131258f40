//! What is for operators only, on a listener of its own: metrics, and health in detail.

use std::net::SocketAddr;

use atelier_kit::health::Health;
use atelier_router::{Server, config::Connections};
use atelier_telemetry::metrics::{self, Metrics};
use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::serve;

/// The operators' listener, open but not served yet.
pub struct Admin {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Admin {
    /// Opens it, if an address is given.
    ///
    /// # Errors
    /// Says what to do when the port is taken.
    pub async fn listen(address: Option<SocketAddr>) -> anyhow::Result<Option<Self>> {
        let Some(address) = address else {
            return Ok(None);
        };
        let listener = serve::listen(address, "--admin-listen").await?;
        let address = listener.local_addr()?;
        Ok(Some(Self { listener, address }))
    }

    /// Serves `/metrics`, `/health/live` and `/health/ready` until `stop`.
    pub fn serve(
        self,
        health: &Health,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        let routes = Router::new()
            .merge(health.router())
            .merge(metrics::router(metrics));
        let limits = Connections {
            max: 100,
            ..Connections::default()
        };
        tokio::spawn(async move {
            let served = Server::of(routes, limits).serve(self.listener, stop).await;
            if let Err(error) = served {
                tracing::error!(target: "atelier", %error, "the operators' listener broke");
            }
        })
    }
}
