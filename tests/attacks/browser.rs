//! What a page of another site could do with a visitor's browser.

use reqwest::{Method, header::HeaderMap};
use serde_json::json;

use crate::{
    socket::Socket,
    target::{Target, attacks},
};

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_can_do_nothing() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            forms_and_images_run_no_operation,
            nothing_is_changed_by_get,
            sockets_of_other_origins_are_refused,
            other_origins_may_read_nothing,
            cookies_are_not_set,
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_not_framed_or_sniffed() {
    let target = Target::up().await;
    target
        .side_by_side(
            attacks![target; headers_that_browsers_heed, answers_with_tokens_are_not_stored],
        )
        .await;
}

const EVIL: &str = "https://evil.example";
const LOGOUT: &str = "mutation { authLogout(input: {}) { sessionId } }";

async fn forms_and_images_run_no_operation(target: Target) {
    let person = target.person("fiona").await;
    let cookie = format!(
        "atelier_token={}",
        person.client.token.as_deref().expect("signed in")
    );
    let url = format!("{}/graphql", target.client.base);
    let body = json!({ "query": LOGOUT }).to_string();
    // What a form or `fetch` with `no-cors` can send without asking first.
    for content_type in [
        "text/plain",
        "text/plain;application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let request = target
            .client
            .http
            .post(&url)
            .header("cookie", &cookie)
            .header("origin", EVIL)
            .header("content-type", content_type);
        let response = request.body(body.clone()).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 415, "{content_type}");
    }
    let response = target
        .client
        .http
        .post(&url)
        .header("cookie", &cookie)
        .header("origin", EVIL)
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status().as_u16(), 415, "no content type");
    let query = "%7Bviewer%7Bid%7D%7D";
    for site in ["cross-site", "same-site"] {
        for accept in ["*/*", "text/event-stream", "image/avif,image/webp"] {
            let request = target
                .client
                .http
                .get(format!("{url}?query={query}"))
                .header("cookie", &cookie)
                .header("sec-fetch-site", site);
            let response = request
                .header("accept", accept)
                .send()
                .await
                .expect("an answer");
            assert!(
                [403, 406].contains(&response.status().as_u16()),
                "{site} {accept}: {}",
                response.status()
            );
        }
    }
    assert!(
        person.client.run("{ viewer { id } }", json!({})).await["viewer"]["id"].is_string(),
        "it was signed out"
    );
}

async fn nothing_is_changed_by_get(target: Target) {
    let person = target.person("flora").await;
    let token = person.client.token.as_deref().expect("signed in");
    let query = "mutation%7BauthLogout(input%3A%7B%7D)%7BsessionId%7D%7D";
    for accept in [
        "application/json",
        "text/event-stream",
        "multipart/mixed;subscriptionSpec=1.0",
        "multipart/mixed;deferSpec=20220824",
    ] {
        for method in [Method::GET, Method::HEAD] {
            let request = target.client.http.request(
                method.clone(),
                format!("{}/graphql?query={query}", target.client.base),
            );
            let response = request
                .bearer_auth(token)
                .header("accept", accept)
                .send()
                .await
                .expect("an answer");
            let status = response.status().as_u16();
            let text = response.text().await.expect("text");
            // A stream tells in its first event.
            assert!(
                status == 405 || (status == 200 && !text.contains("sessionId\":\"")),
                "{method} {accept}: {status} {text}"
            );
        }
    }
    assert!(
        person.client.run("{ viewer { id } }", json!({})).await["viewer"]["id"].is_string(),
        "it was signed out"
    );
}

async fn sockets_of_other_origins_are_refused(target: Target) {
    let port = target.address.port();
    let hostile = [
        EVIL.to_owned(),
        "null".to_owned(),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://evil.example/127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}@evil.example"),
        format!("http://127.0.0.1:{}", port.wrapping_add(1)),
        format!("http://localhost:{port}"),
        "http://127.0.0.1".to_owned(),
        "file://".to_owned(),
    ];
    for origin in &hostile {
        for protocol in ["graphql-transport-ws", "graphql-ws"] {
            let opened = Socket::open_with(
                &target,
                &[("sec-websocket-protocol", protocol), ("origin", origin)],
            )
            .await;
            assert!(opened.is_err(), "a page of {origin} opened a socket");
        }
    }
    let own = format!("http://127.0.0.1:{port}");
    let opened = Socket::open_with(
        &target,
        &[
            ("sec-websocket-protocol", "graphql-transport-ws"),
            ("origin", &own),
        ],
    )
    .await;
    assert!(opened.is_ok(), "its own pages may");
}

fn allowed(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("access-control-allow-origin")
        .and_then(|value| value.to_str().ok())
}

async fn other_origins_may_read_nothing(target: Target) {
    let person = target.person("frida").await;
    let url = format!("{}/graphql", target.client.base);
    for origin in [EVIL, "null", "http://localhost:3000"] {
        for method in ["POST", "PUT", "DELETE", "GET"] {
            let request = target
                .client
                .http
                .request(Method::OPTIONS, &url)
                .header("origin", origin);
            let request = request
                .header("access-control-request-method", method)
                .header(
                    "access-control-request-headers",
                    "content-type,authorization",
                );
            let response = request.send().await.expect("an answer");
            assert_eq!(allowed(response.headers()), None, "{origin} {method}");
            assert_eq!(
                response.headers().get("access-control-allow-credentials"),
                None,
                "{origin} {method}"
            );
        }
        let token = person.client.token.as_deref().expect("signed in");
        let request = target
            .client
            .http
            .post(&url)
            .bearer_auth(token)
            .header("origin", origin);
        let response = request
            .json(&json!({ "query": "{ viewer { email } }" }))
            .send()
            .await
            .expect("an answer");
        assert_eq!(allowed(response.headers()), None, "{origin}");
    }
}

async fn cookies_are_not_set(target: Target) {
    let person = target.person("flavia").await;
    let input = json!({ "login": person.name, "password": crate::target::PASSWORD });
    let query =
        "mutation($input: AuthLoginInput!) { authLogin(input: $input) { tokens { accessToken } } }";
    let request = target
        .client
        .http
        .post(format!("{}/graphql", target.client.base));
    let response = request
        .json(&json!({ "query": query, "variables": { "input": input } }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.headers().get("set-cookie"), None);
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

async fn headers_that_browsers_heed(target: Target) {
    for path in ["/", "/graphql?query=%7Bviewer%7Bid%7D%7D", "/nothing"] {
        let request = target
            .client
            .http
            .get(format!("{}{path}", target.client.base))
            .header("accept", "text/html, application/json");
        let response = request.send().await.expect("an answer");
        let headers = response.headers();
        assert_eq!(
            header(headers, "x-content-type-options"),
            "nosniff",
            "{path}: {headers:?}"
        );
    }
    let page = target
        .client
        .http
        .get(format!("{}/", target.client.base))
        .send()
        .await
        .expect("the playground");
    let headers = page.headers();
    let policy = header(headers, "content-security-policy");
    assert!(
        policy.contains("frame-ancestors 'none'"),
        "the page can be framed: {headers:?}"
    );
    assert!(
        policy.contains("default-src 'self'") || policy.contains("default-src 'none'"),
        "scripts of others could run: {policy}"
    );
    assert!(
        !policy.contains("script-src *") && !policy.contains("'unsafe-eval'"),
        "{policy}"
    );
    assert_eq!(
        header(headers, "x-frame-options").to_ascii_uppercase(),
        "DENY",
        "{headers:?}"
    );
    assert!(
        [
            "no-referrer",
            "same-origin",
            "strict-origin-when-cross-origin"
        ]
        .contains(&header(headers, "referrer-policy")),
        "{headers:?}"
    );
}

async fn answers_with_tokens_are_not_stored(target: Target) {
    let person = target.person("felicia").await;
    let input = json!({ "login": person.name, "password": crate::target::PASSWORD });
    let query =
        "mutation($input: AuthLoginInput!) { authLogin(input: $input) { tokens { accessToken } } }";
    let request = target
        .client
        .http
        .post(format!("{}/graphql", target.client.base));
    let response = request
        .json(&json!({ "query": query, "variables": { "input": input } }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(header(response.headers(), "cache-control"), "no-store");
    let token = person.client.token.as_deref().expect("signed in");
    let url = format!(
        "{}/graphql?query=%7Bviewer%7Bemail%7D%7D",
        target.client.base
    );
    let response = target
        .client
        .http
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .expect("an answer");
    assert!(
        header(response.headers(), "cache-control").contains("no-store"),
        "{:?}",
        response.headers()
    );
}
