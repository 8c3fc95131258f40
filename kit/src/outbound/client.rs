//! The client.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use url::Url;

use super::{
    Lookup, OutboundConfig, OutboundError, SystemLookup, connect::Connector, error::failed,
    redirect,
};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(15);
/// The most unused connections to one host.
const IDLE_PER_HOST: usize = 2;
/// The most headers of a response, and the most bytes in them.
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Headers that only the client itself sets.
const OWN_HEADERS: [header::HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A request to a user-supplied address.
#[derive(Debug, Clone)]
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// The URL as the user gave it.
    pub url: String,
    /// Headers, without those that the client sets itself.
    pub headers: HeaderMap,
    /// The body; may be empty.
    pub body: Bytes,
}

impl OutboundRequest {
    /// Creates a `GET` request.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Creates a `POST` request with `body`.
    pub fn post(url: impl Into<String>, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self {
            method: Method::POST,
            url: url.into(),
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]),
            body: body.into(),
        }
    }
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct OutboundAnswer {
    /// The status. The caller decides whether it means success.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, at most [`OutboundConfig::max_answer_bytes`].
    pub body: Bytes,
    /// The URL that the response came from, after redirects.
    pub url: String,
}

/// One hop of a request.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Sends requests to user-supplied addresses; cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    config: Arc<OutboundConfig>,
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
}

impl Outbound {
    /// Creates a client with a policy and the machine's resolver.
    ///
    /// # Errors
    /// If the certificate authorities cannot be read.
    pub fn new(config: OutboundConfig) -> Result<Self, String> {
        Self::with_lookup(config, Arc::new(SystemLookup))
    }

    /// Like [`Self::new`], with another resolver.
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn with_lookup(config: OutboundConfig, lookup: Arc<dyn Lookup>) -> Result<Self, String> {
        let tls = tls(&config)?;
        let config = Arc::new(config);
        let connector = Connector {
            config: Arc::clone(&config),
            lookup,
        };
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_headers(MAX_HEADERS)
            .http1_max_buf_size(MAX_HEADER_BYTES)
            .build(connector);
        Ok(Self { config, client })
    }

    /// Checks a URL when it is supplied, before it is stored. A host's name is checked again, by
    /// its addresses, for every connection.
    ///
    /// # Errors
    /// Why no request would be sent there.
    pub fn check(&self, url: &str) -> Result<(), OutboundError> {
        self.config.parse(url).map(drop)
    }

    /// Sends a request, follows redirects and reads the response.
    ///
    /// # Errors
    /// [`OutboundError`]. A response with an error status is not an error.
    pub async fn send(&self, request: OutboundRequest) -> Result<OutboundAnswer, OutboundError> {
        if let Some(name) = OWN_HEADERS
            .iter()
            .find(|name| request.headers.contains_key(*name))
        {
            return Err(OutboundError::HeaderRefused(name.to_string()));
        }
        let hop = Hop {
            url: self.config.parse(&request.url)?,
            method: request.method,
            headers: request.headers,
            body: request.body,
        };
        tokio::time::timeout(self.config.deadline, self.follow(hop))
            .await
            .map_err(|_| OutboundError::TimedOut)?
    }

    async fn follow(&self, mut hop: Hop) -> Result<OutboundAnswer, OutboundError> {
        for _ in 0..=self.config.max_redirects {
            let (parts, body) = self.ask(&hop).await?.into_parts();
            match redirect::next(&self.config, &hop, parts.status, &parts.headers)? {
                Some(next) => hop = next,
                None => {
                    return Ok(OutboundAnswer {
                        status: parts.status,
                        headers: parts.headers,
                        body: self.read(body).await?,
                        url: hop.url.into(),
                    });
                }
            }
        }
        Err(OutboundError::TooManyRedirects(self.config.max_redirects))
    }

    async fn ask(&self, hop: &Hop) -> Result<http::Response<Incoming>, OutboundError> {
        let uri: Uri = hop
            .url
            .as_str()
            .parse()
            .map_err(|_| OutboundError::UrlInvalid)?;
        let mut request = Request::new(Full::new(hop.body.clone()));
        *request.method_mut() = hop.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = hop.headers.clone();
        let headers = request.headers_mut();
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static("atelier"));
        // A response that is small on the wire stays small in memory.
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        self.client.request(request).await.map_err(failed)
    }

    async fn read(&self, mut body: Incoming) -> Result<Bytes, OutboundError> {
        let limit = self.config.max_answer_bytes;
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(failed)?.into_data() else {
                continue;
            };
            if read.len() + data.len() > limit {
                return Err(OutboundError::TooLarge(limit));
            }
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    }
}

/// TLS 1.2 or 1.3 with the machine's certificate authorities, and those of `ca_file`.
fn tls(config: &OutboundConfig) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &config.ca_file {
        let problem = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| problem(&error))? {
            let certificate = certificate.map_err(|error| problem(&error))?;
            roots.add(certificate).map_err(|error| problem(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
