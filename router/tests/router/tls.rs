//! Subgraphs behind TLS with a certificate of their own authority.

use std::sync::Arc;

use atelier_router::config::{SubgraphDefaults, SubscriptionProtocol, Subscriptions};
use atelier_router::{ClientRequest, LocalSubgraph, Outcome, Router, RouterConfig, Supergraph};
use futures::StreamExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};

use crate::harness::{ask, supergraph};
use crate::log::{self, Log};
use crate::socket::WAIT;

/// Serves the log over TLS; gives `https://…` and the authority's certificate.
async fn serve(log: &Log) -> (String, String) {
    let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let composed = atelier_composition::compose(&[log::sdl(log, "")]).unwrap();
    let app = Router::builder(Supergraph::parse(&composed.supergraph_sdl).unwrap())
        .subgraph(
            "log",
            Arc::new(LocalSubgraph::new(log::schema(log), |_, _| {})),
        )
        .build()
        .unwrap()
        .into_axum();
    let listener = tokio::net::TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, app) = (acceptor.clone(), app.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(tcp).await else {
                    return;
                };
                let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                    .serve_connection_with_upgrades(
                        TokioIo::new(stream),
                        TowerToHyperService::new(app),
                    )
                    .await;
            });
        }
    });
    (format!("https://localhost:{port}/graphql"), root.pem())
}

fn router(log: &Log, url: &str, defaults: SubgraphDefaults) -> Router {
    Router::builder(supergraph(&[log::sdl(log, url)]))
        .config(RouterConfig {
            subgraph_defaults: defaults,
            subscriptions: Subscriptions::default(),
            ..RouterConfig::default()
        })
        .build()
        .unwrap()
}

#[tokio::test]
async fn queries_and_events_come_over_tls_with_the_authority_of_ca_file() {
    let log = Log::default();
    let (url, root) = serve(&log).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), root).unwrap();
    for protocol in [
        SubscriptionProtocol::Websocket,
        SubscriptionProtocol::Sse,
        SubscriptionProtocol::Multipart,
    ] {
        let log_length = log.clone();
        let router = router(
            &log,
            &url,
            SubgraphDefaults {
                ca_file: Some(file.path().to_owned()),
                subscriptions: protocol,
                ..SubgraphDefaults::default()
            },
        );
        let answer = ask(&router, "{ length }").await;
        assert!(answer["data"]["length"].is_number(), "{answer}");
        let Outcome::Stream(mut events, _) = router
            .execute(ClientRequest::new("subscription { heard }"))
            .await
        else {
            panic!("no stream by {protocol:?}")
        };
        log_length.followed_by(1).await;
        log.add("hello");
        let event = tokio::time::timeout(WAIT, events.next())
            .await
            .unwrap()
            .unwrap();
        let event: Value = serde_json::from_slice(&event).unwrap();
        assert_eq!(event, json!({"data": {"heard": "hello"}}));
        drop(events);
        log.followed_by(0).await;
    }
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let log = Log::default();
    let (url, _) = serve(&log).await;
    let router = router(&log, &url, SubgraphDefaults::default());
    let answer = ask(&router, "{ length }").await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "SUBGRAPH_UNAVAILABLE"
    );
    let refused = router
        .execute(ClientRequest::new("subscription { heard }"))
        .await;
    assert!(matches!(refused, Outcome::Single(_)));
    assert_eq!(log.followers(), 0);
}

#[test]
fn a_ca_file_without_certificates_is_refused_at_the_start() {
    let log = Log::default();
    let file = tempfile::NamedTempFile::new().unwrap();
    let built = Router::builder(supergraph(&[log::sdl(&log, "https://localhost:1/")]))
        .config(RouterConfig {
            subgraph_defaults: SubgraphDefaults {
                ca_file: Some(file.path().to_owned()),
                ..SubgraphDefaults::default()
            },
            ..RouterConfig::default()
        })
        .build();
    let problem = built.unwrap_err().to_string();
    assert!(problem.contains("holds no certificate"), "{problem}");
}
