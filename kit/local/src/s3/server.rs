//! The store over HTTP on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleError;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::Response;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer, ExposeHeaders};

use super::listen;
use super::protocol::Protocol;
use super::store::S3Store;
use crate::LocalError;

/// The region of the store: S3's default, which every client assumes without configuration.
const REGION: &str = "us-east-1";
/// How long requests under way may go on after the stop.
const DRAIN: Duration = Duration::from_secs(5);

/// The key pair that signs requests.
#[derive(Clone)]
pub struct S3Credentials {
    /// The public half.
    pub access_key: String,
    /// The secret half.
    pub secret_key: String,
}

impl S3Credentials {
    /// A new random pair.
    pub fn generate() -> Self {
        let secret_key = crate::secret::generate();
        let access_key: String = crate::secret::generate().chars().take(16).collect();
        Self {
            access_key: format!("atelier{access_key}"),
            secret_key,
        }
    }

    /// The pair kept in `dir`, made the first time; its file is readable by its owner only.
    ///
    /// # Errors
    /// [`LocalError::Io`] when it can be neither read nor written.
    pub fn remembered(dir: &std::path::Path) -> Result<Self, LocalError> {
        std::fs::create_dir_all(dir).map_err(LocalError::io("cannot create", dir))?;
        let secret_key = crate::secret::remembered(&dir.join("secret-key"))?;
        Ok(Self {
            access_key: "atelier".to_owned(),
            secret_key,
        })
    }
}

impl std::fmt::Debug for S3Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("S3Credentials")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// A running S3 server. Dropping it closes the port at once; [`stop`](Self::stop) lets requests
/// under way finish.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    credentials: S3Credentials,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl S3Server {
    /// Serves `store` on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`LocalError::PortTaken`], or [`LocalError::Io`].
    pub async fn start(
        store: S3Store,
        address: SocketAddr,
        credentials: S3Credentials,
    ) -> Result<Self, LocalError> {
        let path = store.path().to_owned();
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::AddrInUse => LocalError::PortTaken {
                    port: address.port(),
                    wanted_for: "the S3 store",
                },
                _ => LocalError::io("cannot listen for", path.clone())(error),
            })?;
        let address = listener
            .local_addr()
            .map_err(LocalError::io("cannot listen for", path))?;
        let (stop, stopped) = oneshot::channel();
        let app = router(store, &credentials);
        let task = tokio::spawn(listen::serve(listener, app, async {
            let _ = stopped.await;
        }));
        Ok(Self {
            address,
            credentials,
            stop: Some(stop),
            task,
        })
    }

    /// As [`start`](Self::start) on a free loopback port.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_on_free_port(
        store: S3Store,
        credentials: S3Credentials,
    ) -> Result<Self, LocalError> {
        Self::start(
            store,
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            credentials,
        )
        .await
    }

    /// As [`start`](Self::start) on loopback, on the port of the last time, so that URLs that were
    /// handed out before a restart go on working; on a new one the first time or when it is taken.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_on_remembered_port(
        store: S3Store,
        credentials: S3Credentials,
    ) -> Result<Self, LocalError> {
        let port = crate::port::choose(None, &store.path().join("port"), "the S3 store")?;
        Self::start(
            store,
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            credentials,
        )
        .await
    }

    /// The base URL, such as `http://127.0.0.1:9000`; buckets are the first part of the path.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The region to sign for.
    pub fn region(&self) -> &'static str {
        REGION
    }

    /// The key pair to sign with.
    pub fn credentials(&self) -> &S3Credentials {
        &self.credentials
    }

    /// Stops listening, lets requests under way finish for some seconds, then cuts them off.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if tokio::time::timeout(DRAIN, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(store: S3Store, credentials: &S3Credentials) -> Router {
    let mut service = S3ServiceBuilder::new(Protocol { store });
    service.set_auth(SimpleAuth::from_single(
        credentials.access_key.clone(),
        credentials.secret_key.clone(),
    ));
    let service = HandleError::new(service.build(), |error: s3s::HttpError| async move {
        tracing::error!(?error, "s3 request failed outside the protocol");
        StatusCode::INTERNAL_SERVER_ERROR
    });
    Router::new()
        .fallback_service(service)
        .layer(map_response(told_type))
        .layer(cors())
}

/// Objects are what their type says: browsers must not find something else in their bytes.
async fn told_type(mut response: Response) -> Response {
    let nosniff = HeaderValue::from_static("nosniff");
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// Browsers upload straight to the store with presigned URLs, from whatever origin the page has;
/// the signature is the authorization. `ETag` must be readable to complete a multipart upload.
fn cors() -> CorsLayer {
    let exposed = [
        "etag",
        "content-range",
        "accept-ranges",
        "x-amz-request-id",
        "x-amz-checksum-sha256",
    ];
    CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list(exposed.map(HeaderName::from_static)))
        .max_age(Duration::from_secs(3600))
}
