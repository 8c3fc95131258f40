//! Requests to addresses that users give, against real listeners on loopback.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use atelier_kit::outbound::{
    Lookup, Outbound, OutboundConfig, OutboundError, OutboundRequest, networks,
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    response::{IntoResponse, Response},
};

/// What a server was sent.
type Seen = Arc<Mutex<Vec<(Method, String, HeaderMap, Bytes)>>>;
/// Where paths redirect to, and with which status.
type Redirects = Arc<HashMap<String, (u16, String)>>;

/// A server that answers paths with redirects or text, and notes what it is sent.
struct Server {
    address: SocketAddr,
    seen: Seen,
}

impl Server {
    async fn start(at: &str, redirects: &[(&str, u16, String)]) -> Self {
        let seen = Seen::default();
        let redirects: HashMap<String, (u16, String)> = redirects
            .iter()
            .map(|(path, status, to)| ((*path).to_owned(), (*status, to.clone())))
            .collect();
        let app = Router::new()
            .fallback(answer)
            .with_state((Arc::clone(&seen), Arc::new(redirects)));
        let listener = tokio::net::TcpListener::bind((at, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, seen }
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    fn seen(&self) -> Vec<(Method, String, HeaderMap, Bytes)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(
    State((seen, redirects)): State<(Seen, Redirects)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    seen.lock()
        .unwrap()
        .push((method, path.clone(), headers, body));
    if let Some((status, to)) = redirects.get(&path) {
        return Response::builder()
            .status(*status)
            .header(header::LOCATION, to)
            .body(Body::empty())
            .unwrap();
    }
    match path.as_str() {
        "/large" => vec![b'x'; 10_000].into_response(),
        // An answer without a length that never ends.
        "/endless" => Body::from_stream(futures::stream::repeat_with(|| {
            Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 1000]))
        }))
        .into_response(),
        "/silent" => std::future::pending().await,
        _ => "hello".into_response(),
    }
}

/// Names and their addresses; a name with several turns gives the next one each time.
struct Names(HashMap<&'static str, Vec<Vec<IpAddr>>>, AtomicUsize);

impl Names {
    fn new(names: &[(&'static str, &[&str])]) -> Arc<Self> {
        let parse = |turn: &&str| turn.split(' ').map(|ip| ip.parse().unwrap()).collect();
        let names = names
            .iter()
            .map(|(name, turns)| (*name, turns.iter().map(parse).collect()));
        Arc::new(Self(names.collect(), AtomicUsize::new(0)))
    }

    fn asked(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let turn = self.1.fetch_add(1, Ordering::SeqCst);
        let turns = self.0.get(host).ok_or(io::ErrorKind::NotFound)?;
        Ok(turns[turn.min(turns.len() - 1)].clone())
    }
}

/// As if 127.0.0.1 were public, and the rest of loopback what it is.
fn config() -> OutboundConfig {
    OutboundConfig {
        allow_networks: networks("127.0.0.1").unwrap(),
        allow_http: true,
        ports: Vec::new(),
        ..OutboundConfig::default()
    }
}

fn client(config: OutboundConfig, names: &Arc<Names>) -> Outbound {
    Outbound::with_lookup(config, Arc::clone(names) as Arc<dyn Lookup>).unwrap()
}

async fn refused(client: &Outbound, url: String) -> OutboundError {
    client.send(OutboundRequest::get(url)).await.unwrap_err()
}

#[tokio::test]
async fn a_request_reaches_a_host_that_is_allowed() {
    let server = Server::start("127.0.0.1", &[]).await;
    let names = Names::new(&[("hooks.example", &["127.0.0.1"])]);
    let client = client(config(), &names);
    let mut request = OutboundRequest::post(
        server.url("hooks.example", "/in?a=1"),
        HeaderValue::from_static("application/json"),
        "{}",
    );
    let signature = HeaderValue::from_static("s");
    request.headers.insert("webhook-signature", signature);
    let answer = client.send(request).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..]),
        (200, &b"hello"[..])
    );
    let (method, path, headers, body) = server.seen().remove(0);
    assert_eq!(
        (method, path.as_str(), &body[..]),
        (Method::POST, "/in", &b"{}"[..])
    );
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["webhook-signature"], "s");
    assert!(
        headers["host"]
            .to_str()
            .unwrap()
            .starts_with("hooks.example:")
    );
}

#[tokio::test]
async fn names_for_addresses_that_are_not_public_are_refused_before_anything_is_sent() {
    let server = Server::start("127.0.0.2", &[]).await;
    let names = Names::new(&[
        ("loopback.example", &["127.0.0.2"]),
        ("mapped.example", &["::ffff:127.0.0.2"]),
        ("nat64.example", &["64:ff9b::7f00:2"]),
        ("metadata.example", &["169.254.169.254"]),
        ("private.example", &["10.0.0.1"]),
        // One good address among bad ones does not help, in whatever order.
        ("mixed.example", &["127.0.0.1 127.0.0.2"]),
        ("mixed-too.example", &["fd00::1 127.0.0.1"]),
    ]);
    let client = client(config(), &names);
    for name in names.0.keys() {
        let error = refused(&client, server.url(name, "/")).await;
        assert!(
            matches!(error, OutboundError::AddressRefused),
            "{name}: {error:?}"
        );
        // Nobody learns by the text whether a name exists that is not theirs to know.
        let unknown = refused(&client, server.url("unknown.example", "/")).await;
        assert!(
            matches!(unknown, OutboundError::NotResolved(_)),
            "{unknown:?}"
        );
        assert_eq!(unknown.to_string(), error.to_string());
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn addresses_written_in_the_url_are_judged_too() {
    let server = Server::start("127.0.0.2", &[]).await;
    let names = Names::new(&[]);
    let client = client(config(), &names);
    for host in [
        "127.0.0.2",
        "2130706434",
        "0x7f000002",
        "0177.0.0.2",
        "[::ffff:7f00:2]",
    ] {
        let error = refused(&client, server.url(host, "/")).await;
        assert!(
            matches!(error, OutboundError::AddressRefused),
            "{host}: {error:?}"
        );
        assert!(client.check(&server.url(host, "/")).is_err());
    }
    assert!(server.seen().is_empty());
    assert_eq!(names.asked(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_address_after_it_was_checked_gains_nothing() {
    let (public, private) = (
        Server::start("127.0.0.1", &[]).await,
        Server::start("127.0.0.2", &[]).await,
    );
    let names = Names::new(&[("rebind.example", &["127.0.0.1", "127.0.0.2"])]);
    let client = client(config(), &names);
    client.check(&private.url("rebind.example", "/")).unwrap();
    let answer = client
        .send(OutboundRequest::get(public.url("rebind.example", "/")))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    let error = refused(&client, private.url("rebind.example", "/")).await;
    assert!(matches!(error, OutboundError::AddressRefused), "{error:?}");
    assert!(private.seen().is_empty());
    assert_eq!(names.asked(), 2, "once for each connection, never before");
}

#[tokio::test]
async fn redirects_are_followed_by_the_same_rules() {
    let private = Server::start("127.0.0.2", &[]).await;
    let public = Server::start(
        "127.0.0.1",
        &[
            ("/literal", 302, private.url("127.0.0.2", "/")),
            ("/number", 307, private.url("2130706434", "/")),
            ("/name", 308, private.url("inside.example", "/")),
            ("/file", 302, "file:///etc/passwd".to_owned()),
            (
                "/credentials",
                302,
                "http://me:secret@hooks.example/".to_owned(),
            ),
            ("/loop", 302, "/loop".to_owned()),
            ("/step", 302, "/literal".to_owned()),
            ("/nowhere", 302, "http://".to_owned()),
            ("/fine", 303, "there".to_owned()),
        ],
    )
    .await;
    let names = Names::new(&[
        ("hooks.example", &["127.0.0.1"]),
        ("inside.example", &["127.0.0.2"]),
    ]);
    let client = client(config(), &names);
    for (path, expected) in [
        ("/literal", "AddressRefused"),
        ("/number", "AddressRefused"),
        ("/name", "AddressRefused"),
        ("/step", "AddressRefused"),
        ("/file", "SchemeRefused(\"file\")"),
        ("/credentials", "UrlInvalid"),
        ("/loop", "TooManyRedirects(3)"),
        ("/nowhere", "RedirectInvalid"),
    ] {
        let error = refused(&client, public.url("hooks.example", path)).await;
        assert_eq!(format!("{error:?}"), expected, "{path}");
    }
    assert!(private.seen().is_empty());
    let loops = public
        .seen()
        .iter()
        .filter(|seen| seen.1 == "/loop")
        .count();
    assert_eq!(loops, 4, "the first request and three redirects");
    let answer = client
        .send(OutboundRequest::get(public.url("hooks.example", "/fine")))
        .await
        .unwrap();
    assert_eq!(answer.url, public.url("hooks.example", "/there"));
}

#[tokio::test]
async fn credentials_and_bodies_go_along_only_where_they_belong() {
    let other = Server::start("127.0.0.1", &[]).await;
    let server = Server::start(
        "127.0.0.1",
        &[
            ("/away", 307, other.url("other.example", "/away")),
            ("/here", 307, "/end".to_owned()),
            ("/see", 303, "/end".to_owned()),
        ],
    )
    .await;
    let names = Names::new(&[
        ("hooks.example", &["127.0.0.1"]),
        ("other.example", &["127.0.0.1"]),
    ]);
    let client = client(config(), &names);
    for path in ["/away", "/here", "/see"] {
        let mut request = OutboundRequest::post(
            server.url("hooks.example", path),
            HeaderValue::from_static("text/plain"),
            "body",
        );
        let secret = HeaderValue::from_static("Bearer secret");
        request
            .headers
            .insert(header::AUTHORIZATION, secret.clone());
        request.headers.insert("x-api-key", secret);
        client.send(request).await.unwrap();
    }
    let (method, _, headers, body) = other.seen().remove(0);
    assert_eq!((method, &body[..]), (Method::POST, &b"body"[..]));
    assert!(!headers.contains_key(header::AUTHORIZATION));
    assert!(!headers.contains_key("x-api-key"));
    assert_eq!(headers["content-type"], "text/plain");
    let ends: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.1 == "/end")
        .collect();
    assert_eq!((&ends[0].0, &ends[0].3[..]), (&Method::POST, &b"body"[..]));
    assert_eq!((&ends[1].0, &ends[1].3[..]), (&Method::GET, &b""[..]));
    assert!(
        ends.iter()
            .all(|end| end.2.contains_key(header::AUTHORIZATION))
    );
}

#[tokio::test]
async fn time_and_bytes_are_bounded() {
    let server = Server::start("127.0.0.1", &[]).await;
    let names = Names::new(&[("hooks.example", &["127.0.0.1"])]);
    let small = OutboundConfig {
        max_answer_bytes: 9999,
        ..config()
    };
    let short = OutboundConfig {
        deadline: Duration::from_millis(300),
        ..config()
    };
    for (limits, path, expected) in [
        (&small, "/large", "TooLarge(9999)"),
        (&small, "/endless", "TooLarge(9999)"),
        (&short, "/silent", "TimedOut"),
    ] {
        let client = client(limits.clone(), &names);
        let error = refused(&client, server.url("hooks.example", path)).await;
        assert_eq!(format!("{error:?}"), expected, "{path}");
    }
}

#[tokio::test]
async fn what_would_change_the_meaning_of_a_request_is_refused() {
    let server = Server::start("127.0.0.1", &[]).await;
    let names = Names::new(&[("hooks.example", &["127.0.0.1"])]);
    let open = client(config(), &names);
    for name in ["host", "transfer-encoding", "connection", "content-length"] {
        let mut request = OutboundRequest::get(server.url("hooks.example", "/"));
        let name: header::HeaderName = name.parse().unwrap();
        request.headers.insert(&name, HeaderValue::from_static("x"));
        let error = open.send(request).await.unwrap_err();
        assert!(
            matches!(error, OutboundError::HeaderRefused(_)),
            "{error:?}"
        );
    }
    let strict = client(OutboundConfig::default(), &names);
    let error = refused(&strict, server.url("hooks.example", "/")).await;
    assert!(
        matches!(error, OutboundError::SchemeRefused(_)),
        "{error:?}"
    );
    let error = refused(&strict, "https://hooks.example:2375/".to_owned()).await;
    assert!(
        matches!(error, OutboundError::PortRefused(2375)),
        "{error:?}"
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn https_is_believed_only_with_a_certificate_for_the_name() {
    let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["hooks.example".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, root.pem()).unwrap();

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let (mut read, mut buffer) = (Vec::new(), [0; 1024]);
                while !read.ends_with(b"\r\n\r\n") {
                    let count = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await?;
                    read.extend_from_slice(&buffer[..count]);
                }
                // A redirect that would carry the request into the open.
                let answer: &[u8] = if read.starts_with(b"GET /down") {
                    b"HTTP/1.1 302 Found\r\nlocation: http://hooks.example/\r\ncontent-length: 0\r\n\r\n"
                } else {
                    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
                };
                tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await?;
                tokio::io::AsyncWriteExt::shutdown(&mut stream).await
            });
        }
    });
    let names = Names::new(&[
        ("hooks.example", &["127.0.0.1"]),
        ("other.example", &["127.0.0.1"]),
    ]);
    let believing = client(
        OutboundConfig {
            ca_file: Some(ca_file),
            ..config()
        },
        &names,
    );
    let url = |host: &str, path: &str| format!("https://{host}:{port}{path}");
    let answer = believing
        .send(OutboundRequest::get(url("hooks.example", "/")))
        .await
        .unwrap();
    assert_eq!(&answer.body[..], b"hi");
    let error = refused(&believing, url("hooks.example", "/down")).await;
    assert!(matches!(error, OutboundError::Downgraded), "{error:?}");
    let other_name = refused(&believing, url("other.example", "/")).await;
    assert!(
        matches!(other_name, OutboundError::Failed(_)),
        "{other_name:?}"
    );
    let nobody_vouches = refused(&client(config(), &names), url("hooks.example", "/")).await;
    assert!(
        matches!(nobody_vouches, OutboundError::Failed(_)),
        "{nobody_vouches:?}"
    );
}
