//! A subgraph behind a URL: pooled connections, bounded bodies, a deadline per request.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::http1::{self, CONNECT, Http1, IDLE};
use super::tls::Tls;
use super::websocket::WebsocketSubgraph;
use super::{
    SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse, headers, multipart, sse,
};
use crate::config::{SubgraphSettings, SubscriptionProtocol};
use crate::operation::Kind;

/// Media types asked for.
const ACCEPTED: &str = "application/graphql-response+json, application/json";

pub(super) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A subgraph reached over HTTP.
#[derive(Debug)]
pub struct HttpSubgraph {
    name: Box<str>,
    uri: Uri,
    /// For plain HTTP/1.1, which is what subgraphs next door speak.
    http1: Option<Http1>,
    /// For TLS, HTTP/2 and event streams; built when first needed.
    client: OnceLock<HttpClient>,
    settings: SubgraphSettings,
    tls: Arc<Tls>,
    timeout: Duration,
    max_response_bytes: usize,
    events: Events,
    /// Sent with every request.
    headers: HeaderMap,
}

#[derive(Debug)]
enum Events {
    Websocket(WebsocketSubgraph),
    Sse(Uri),
    Multipart(Uri),
}

impl HttpSubgraph {
    /// Reaches `url` with these settings.
    ///
    /// # Errors
    /// When the URL is not an absolute `http` or `https` URL, or a header's value
    /// cannot be read.
    pub fn new(name: &str, url: &str, settings: &SubgraphSettings) -> Result<Self, String> {
        let uri = absolute(url)?;
        let events_url = settings.subscription_url.as_deref().unwrap_or(url);
        let tls = Arc::new(Tls::new(settings.ca_file.as_deref())?);
        let events = match settings.subscriptions {
            SubscriptionProtocol::Websocket => {
                let tls = Arc::clone(&tls);
                Events::Websocket(WebsocketSubgraph::new(name, events_url, settings, tls)?)
            }
            SubscriptionProtocol::Sse => Events::Sse(absolute(events_url)?),
            SubscriptionProtocol::Multipart => Events::Multipart(absolute(events_url)?),
        };
        Ok(Self {
            name: name.into(),
            http1: match settings.http2 {
                true => None,
                false => Http1::new(
                    &uri,
                    ACCEPTED,
                    settings.max_idle_connections,
                    settings.max_response_bytes,
                ),
            },
            uri,
            client: OnceLock::new(),
            settings: settings.clone(),
            tls,
            timeout: Duration::from_millis(settings.timeout_ms),
            max_response_bytes: settings.max_response_bytes,
            events,
            headers: headers::read(&settings.headers)?,
        })
    }

    fn client(&self) -> &HttpClient {
        self.client
            .get_or_init(|| client(&self.settings, &self.tls))
    }

    async fn send(&self, request: &SubgraphRequest) -> Result<Bytes, SubgraphError> {
        if let Some(http1) = &self.http1 {
            let answer = http1.send(request).await?;
            let json = answer.content_type.as_deref().map(http1::is_json);
            check_type(answer.status, json)?;
            return Ok(answer.body);
        }
        let mut response = self.call(request).await;
        // A kept-alive connection may be closed just when it is used again. Only
        // what changes nothing may be sent twice.
        if response.is_err() && request.operation.kind() == Kind::Query {
            response = self.call(request).await;
        }
        let response = response?;
        let (parts, body) = response.into_parts();
        let kind = parts.headers.get(CONTENT_TYPE);
        let json = kind.map(|kind| http1::is_json(kind.as_bytes()));
        check_type(parts.status.as_u16(), json)?;
        collect(body, &parts.headers, self.max_response_bytes).await
    }
}

impl HttpSubgraph {
    async fn call(&self, request: &SubgraphRequest) -> Result<Response<Incoming>, SubgraphError> {
        let call = post(&self.uri, request, ACCEPTED)?;
        let response = self.client().request(call).await;
        response.map_err(|error| SubgraphError::Unavailable(chain(&error)))
    }
}

fn absolute(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| format!("{url:?} is not a URL"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(_)) => Ok(uri),
        _ => Err(format!("{url:?} is not an absolute http or https URL")),
    }
}

fn client(settings: &SubgraphSettings, tls: &Tls) -> HttpClient {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.enforce_http(false);
    http.set_connect_timeout(Some(CONNECT));
    let https = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config((**tls.config()).clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(settings.max_idle_connections)
        .http2_only(settings.http2)
        .build(https)
}

/// The HTTP request for `request`.
pub(super) fn post(
    uri: &Uri,
    request: &SubgraphRequest,
    accept: &'static str,
) -> Result<Request<Full<Bytes>>, SubgraphError> {
    let mut call = Request::builder()
        .method(Method::POST)
        .uri(uri.clone())
        .body(Full::new(Bytes::from(request.body())))
        .map_err(|error| SubgraphError::Unavailable(error.to_string()))?;
    let headers = call.headers_mut();
    let context = &request.context;
    for (name, value) in context.headers.iter().chain(&context.caller.forward) {
        headers.insert(name.clone(), value.clone());
    }
    if let Some(propagate) = &context.propagate {
        (propagate.0)(headers);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert("x-request-id", id);
    }
    Ok(call)
}

/// Errors of GraphQL may come with any status; other bodies mean nothing to a
/// client. `json` is what the body says of itself.
fn check_type(status: u16, json: Option<bool>) -> Result<(), SubgraphError> {
    let success = (200..300).contains(&status);
    if json.unwrap_or(success) {
        return Ok(());
    }
    let what = format!("status {status} with a body that is not JSON");
    Err(match success {
        true => SubgraphError::InvalidResponse(what),
        false => SubgraphError::Unavailable(what),
    })
}

/// The body, up to `limit` bytes. A body of one piece is not copied.
async fn collect(
    mut body: Incoming,
    headers: &HeaderMap,
    limit: usize,
) -> Result<Bytes, SubgraphError> {
    let too_large = || SubgraphError::InvalidResponse(format!("it has more than {limit} bytes"));
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > limit) {
        return Err(too_large());
    }
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| SubgraphError::Unavailable(chain(&error)))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.as_ref().map_or(0, Bytes::len) + rest.len() + data.len() > limit {
            return Err(too_large());
        }
        match &first {
            None => first = Some(data),
            Some(head) if rest.is_empty() => {
                rest.reserve(announced.unwrap_or(0).max(head.len() + data.len()));
                rest.extend_from_slice(head);
                rest.extend_from_slice(&data);
                first = Some(Bytes::new());
            }
            Some(_) => rest.extend_from_slice(&data),
        }
    }
    Ok(if rest.is_empty() {
        first.unwrap_or_default()
    } else {
        rest.freeze()
    })
}

/// An error with its causes: the outermost alone says little.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[async_trait]
impl SubgraphClient for HttpSubgraph {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        let request = headers::with(&self.headers, &self.name, request)?;
        match tokio::time::timeout(self.timeout, self.send(&request)).await {
            Ok(body) => body.map(SubgraphResponse::Json),
            Err(_) => Err(SubgraphError::Timeout),
        }
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        let request = headers::with(&self.headers, &self.name, request)?;
        let start = async {
            match &self.events {
                Events::Websocket(websocket) => websocket.subscribe(request).await,
                Events::Sse(uri) => {
                    sse::subscribe(self.client(), uri, &request, self.max_response_bytes).await
                }
                Events::Multipart(uri) => {
                    let limit = self.max_response_bytes;
                    multipart::subscribe(self.client(), uri, &request, limit).await
                }
            }
        };
        match tokio::time::timeout(self.timeout, start).await {
            Ok(events) => events,
            Err(_) => Err(SubgraphError::Timeout),
        }
    }
}
