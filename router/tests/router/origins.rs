//! Pages of other sites.

use atelier_router::RouterConfig;
use atelier_router::config::Cors;
use http::Request;

use crate::edge::{edge, get};
use crate::harness::http;

#[tokio::test]
async fn requests_of_other_sites_need_a_preflight() {
    let config = RouterConfig {
        cors: Cors {
            origins: vec!["https://friend.example".into()],
            ..Cors::default()
        },
        ..RouterConfig::default()
    };
    let base = edge(config).await;
    let ask = "query=%7Bme%7Bname%7D%7D";
    let cross = ("sec-fetch-site", "cross-site");
    assert_eq!(get(&base, ask, &[cross]).await.status, 403);
    assert_eq!(
        get(&base, ask, &[cross, ("x-requested-with", "fetch")])
            .await
            .status,
        200
    );
    assert_eq!(
        get(&base, ask, &[cross, ("origin", "https://friend.example")])
            .await
            .status,
        200
    );
    assert_eq!(
        get(&base, ask, &[cross, ("origin", "https://foe.example")])
            .await
            .status,
        403
    );
    assert_eq!(
        get(&base, ask, &[("sec-fetch-site", "same-origin")])
            .await
            .status,
        200
    );
    assert_eq!(get(&base, ask, &[]).await.status, 200);
}

#[tokio::test]
async fn browsers_of_allowed_origins_are_let_in() {
    let config = RouterConfig {
        cors: Cors {
            origins: vec!["https://friend.example".into()],
            credentials: true,
            ..Cors::default()
        },
        ..RouterConfig::default()
    };
    let base = edge(config).await;
    let preflight = |origin: &str| {
        Request::options(format!("{base}/graphql"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "content-type,authorization",
            )
            .body(String::new())
            .unwrap()
    };
    let friend = http(preflight("https://friend.example")).await;
    assert_eq!(
        friend.header("access-control-allow-origin"),
        "https://friend.example"
    );
    assert_eq!(friend.header("access-control-allow-credentials"), "true");
    let foe = http(preflight("https://foe.example")).await;
    assert_eq!(foe.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn pages_of_other_origins_cannot_open_websockets() {
    let base = edge(RouterConfig::default()).await;
    let upgrade = |origin: &str| {
        Request::get(format!("{base}/graphql"))
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", "graphql-transport-ws")
            .header("origin", origin)
            .body(String::new())
            .unwrap()
    };
    assert_eq!(http(upgrade("https://foe.example")).await.status, 403);
    let (mut sender, connection) = {
        let host = base.trim_start_matches("http://");
        let stream = tokio::net::TcpStream::connect(host).await.unwrap();
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream))
            .await
            .unwrap()
    };
    tokio::spawn(connection);
    let mut own = upgrade(&base);
    let host = base.trim_start_matches("http://").parse().unwrap();
    own.headers_mut().insert("host", host);
    *own.uri_mut() = "/graphql".parse().unwrap();
    assert_eq!(sender.send_request(own).await.unwrap().status(), 101);
}
