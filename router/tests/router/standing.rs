//! Open sockets and subscriptions of callers whose credentials or rights change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use atelier_router::config::Subscriptions;
use atelier_router::{Caller, ClientRequest, Credentials, Identify, IdentifyError, Renew};
use futures::FutureExt;
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::{http as http_answer, serve_router};
use crate::owners::{Graph, STATUS, ends_with, graph_for, next, of};
use crate::socket::Socket;

/// What is known of the only caller there is.
#[derive(Clone)]
struct Account(Arc<Known>);

struct Known {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    asked: AtomicUsize,
}

#[derive(Clone, Default)]
struct State {
    scopes: Vec<String>,
    refusal: Option<IdentifyError>,
    expires_at: Option<SystemTime>,
}

impl Account {
    fn with(scopes: &[&str]) -> Self {
        let state = State {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..State::default()
        };
        Self(Arc::new(Known {
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            asked: AtomicUsize::new(0),
        }))
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        how(&mut self.0.state.lock());
    }

    fn refuse(&self, code: &str, status: StatusCode) {
        self.change(|state| state.refusal = Some(IdentifyError::new(code, "No.", status)));
    }

    /// Tells all that is open to look again.
    fn tell(&self) {
        self.0.changes.send_modify(|number| *number += 1);
    }

    fn verified(&self) -> Result<Caller, IdentifyError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let state = self.0.state.lock().clone();
        if let Some(refusal) = state.refusal {
            return Err(refusal);
        }
        let (account, known) = (self.clone(), Arc::clone(&self.0));
        let renew = Renew::new(move |_| std::future::ready(account.verified()).boxed())
            .holding(Duration::ZERO)
            .told_by(move || known.changes.subscribe());
        Ok(Caller {
            authenticated: true,
            identity: Some(format!("ada {:?}", state.scopes).into()),
            scopes: state.scopes.into(),
            renew: Some(renew),
            expires_at: state.expires_at,
            ..Caller::default()
        })
    }
}

#[async_trait]
impl Identify for Account {
    async fn identify(&self, _: &Credentials<'_>) -> Result<Caller, IdentifyError> {
        self.verified()
    }
}

/// The status of products needs a scope.
const OWNERS: [&str; 2] = ["status: String @requiresScopes(scopes: [[\"admin\"]])", ""];
const CONTINUED: &str =
    "subscription { logged { ... on Added { cursor text product { status } } } }";
const HEARD: &str = "subscription { heard }";
const LENGTH: &str = "{ length }";

fn graph(account: &Account) -> Graph {
    let identify = Arc::new(account.clone());
    graph_for(OWNERS, Subscriptions::default(), identify)
}

async fn follow(
    graph: &Graph,
    account: &Account,
    query: &str,
) -> futures::stream::BoxStream<'static, bytes::Bytes> {
    let mut request = ClientRequest::new(query);
    request.caller = Arc::new(account.verified().unwrap());
    graph.start(request).await
}

async fn connect(graph: &Graph) -> Socket {
    let base = serve_router(graph.router.clone()).await;
    Socket::ready(&base).await
}

#[tokio::test]
async fn a_subscription_to_which_nothing_happens_ends_with_its_credential() {
    let account = Account::with(&[]);
    let graph = graph(&account);
    let mut events = follow(&graph, &account, HEARD).await;
    graph.log.followed_by(1).await;
    account.refuse("SESSION_REVOKED", StatusCode::UNAUTHORIZED);
    account.tell();
    ends_with(&mut events, "SESSION_REVOKED").await;
    graph.log.followed_by(0).await;
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "credentials end by the real time"
)]
async fn a_subscription_to_which_nothing_happens_ends_when_the_credential_expires() {
    let account = Account::with(&[]);
    account.change(|state| {
        state.expires_at = Some(SystemTime::now() + Duration::from_millis(300));
    });
    let graph = graph(&account);
    let mut events = follow(&graph, &account, HEARD).await;
    ends_with(&mut events, "TOKEN_EXPIRED").await;
}

#[tokio::test]
async fn a_subscription_goes_on_behind_its_cursor_with_the_rights_of_now() {
    let account = Account::with(&["admin"]);
    let graph = graph(&account);
    let mut events = follow(&graph, &account, CONTINUED).await;
    graph.log.add("1");
    let event = next(&mut events).await;
    assert_eq!(event["data"]["logged"]["product"]["status"], "one");
    account.change(|state| state.scopes.clear());
    account.tell();
    for text in ["2", "3"] {
        graph.log.add(text);
        let event = next(&mut events).await;
        assert_eq!(event["data"]["logged"]["text"], text);
        assert_eq!(event["data"]["logged"]["product"], json!({"status": null}));
        assert_eq!(event["errors"][0]["extensions"]["code"], "FORBIDDEN");
    }
    assert_eq!(graph.one.calls(), 1, "nothing was asked without the scope");
}

#[tokio::test]
async fn a_subscription_that_cannot_be_continued_ends_when_rights_change() {
    let account = Account::with(&["admin"]);
    let graph = graph(&account);
    let mut events = follow(&graph, &account, HEARD).await;
    graph.log.add("1");
    next(&mut events).await;
    account.change(|state| state.scopes.clear());
    account.tell();
    ends_with(&mut events, "RIGHTS_CHANGED").await;
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_not_noticed() {
    let account = Account::with(&["admin"]);
    let graph = graph(&account);
    let mut events = follow(&graph, &account, STATUS).await;
    for text in ["1", "2", "3"] {
        account.tell();
        graph.log.add(text);
        assert_eq!(next(&mut events).await, of(text, "status", "one"));
    }
    assert_eq!(graph.opened(), 1);
}

#[tokio::test]
async fn nobody_is_verified_again_without_a_reason_where_changes_are_told() {
    let account = Account::with(&["admin"]);
    let graph = graph(&account);
    let mut events = follow(&graph, &account, STATUS).await;
    let asked = account.0.asked.load(Ordering::SeqCst);
    for text in ["1", "2", "3"] {
        graph.log.add(text);
        assert_eq!(next(&mut events).await, of(text, "status", "one"));
    }
    assert_eq!(account.0.asked.load(Ordering::SeqCst), asked);
}

#[tokio::test]
async fn those_with_other_rights_do_not_share_what_was_asked_before_the_change() {
    let account = Account::with(&["admin"]);
    let graph = graph(&account);
    let mut before = follow(&graph, &account, CONTINUED).await;
    graph.log.add("1");
    next(&mut before).await;
    account.change(|state| state.scopes.clear());
    account.tell();
    let mut after = follow(&graph, &account, CONTINUED).await;
    graph.log.add("2");
    for events in [&mut before, &mut after] {
        let event = next(events).await;
        assert_eq!(event["data"]["logged"]["product"], json!({"status": null}));
    }
}

#[tokio::test]
async fn an_operation_on_an_open_socket_needs_a_credential_that_holds() {
    let account = Account::with(&[]);
    let graph = graph(&account);
    let mut socket = connect(&graph).await;
    socket.subscribe("1", LENGTH).await;
    assert_eq!(socket.next().await["payload"]["data"]["length"], 0);
    assert_eq!(socket.next().await["type"], "complete");
    // Nobody tells of the change.
    account.refuse("SESSION_REVOKED", StatusCode::UNAUTHORIZED);
    socket.subscribe("2", LENGTH).await;
    assert_eq!(socket.close_code().await, 4403);
}

#[tokio::test]
async fn an_operation_on_an_open_socket_has_the_rights_of_now() {
    let account = Account::with(&["admin"]);
    let graph = graph(&account);
    let mut socket = connect(&graph).await;
    account.change(|state| state.scopes.clear());
    socket.subscribe("1", STATUS).await;
    graph.log.followed_by(1).await;
    graph.log.add("1");
    let event = socket.next().await;
    let payload = &event["payload"];
    assert_eq!(payload["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(payload["data"]["logged"]["product"]["status"], Value::Null);
    assert_eq!(graph.one.calls(), 0);
}

#[tokio::test]
async fn an_idle_socket_is_closed_when_its_credential_ends() {
    let account = Account::with(&[]);
    let graph = graph(&account);
    let mut socket = connect(&graph).await;
    account.refuse("ACCOUNT_DISABLED", StatusCode::FORBIDDEN);
    account.tell();
    assert_eq!(socket.close_code().await, 4403);
}

#[tokio::test]
async fn nobody_is_believed_on_a_socket_while_it_cannot_be_found_out() {
    let account = Account::with(&[]);
    let graph = graph(&account);
    let mut socket = connect(&graph).await;
    account.refuse("UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE);
    account.tell();
    socket.subscribe("1", LENGTH).await;
    let refused = socket.next().await;
    assert_eq!(refused["type"], "error");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "UNAVAILABLE");
    account.change(|state| state.refusal = None);
    socket.subscribe("2", LENGTH).await;
    assert_eq!(socket.next().await["payload"]["data"]["length"], 0);
}

#[tokio::test]
async fn one_name_is_one_operation_and_ends_with_its_stream() {
    let account = Account::with(&[]);
    let graph = graph(&account);
    let base = serve_router(graph.router.clone()).await;
    let request = |method: &str, token: &str, body: String| {
        http::Request::builder()
            .method(method)
            .uri(format!("{base}/graphql"))
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .header("x-graphql-event-stream-token", token)
            .body(body)
            .unwrap()
    };
    let reserve = http::Request::put(format!("{base}/graphql"));
    let token = http_answer(reserve.body(String::new()).unwrap()).await.body;
    let stream = crate::harness::stream(request("GET", &token, String::new())).await;
    let operation = json!({ "query": HEARD, "extensions": { "operationId": "1" } }).to_string();
    let posts = (0..8).map(|_| http_answer(request("POST", &token, operation.clone())));
    let answers = futures::future::join_all(posts).await;
    let accepted = answers.iter().filter(|answer| answer.status == 202);
    assert_eq!(accepted.count(), 1);
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 409).count(),
        7
    );
    graph.log.followed_by(1).await;
    drop(stream);
    graph.log.followed_by(0).await;
}
