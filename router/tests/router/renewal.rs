//! Subscriptions that last longer than it is known who follows them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atelier_router::{Caller, ClientRequest, IdentifyError, Renew};
use futures::FutureExt;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::Value;

use crate::owners::{Graph, NICKNAME, STATUS, ends_with, graph, next, of};

/// Proves who somebody is as long as they are signed in.
#[derive(Clone)]
struct Session {
    name: &'static str,
    /// Why they are not.
    refusal: Arc<Mutex<Option<IdentifyError>>>,
    renewed: Arc<AtomicUsize>,
}

impl Session {
    fn of(name: &'static str) -> Self {
        Self {
            name,
            refusal: Arc::default(),
            renewed: Arc::default(),
        }
    }

    fn refuse(&self, code: &str, status: StatusCode) {
        let mut error = IdentifyError::new(code, "No.", status);
        error.extensions.insert("numericCode".into(), 1001.into());
        *self.refusal.lock() = Some(error);
    }

    fn renewed(&self) -> usize {
        self.renewed.load(Ordering::SeqCst)
    }

    fn headers(&self, number: usize) -> HeaderMap {
        let actor = format!("{} {number}", self.name);
        HeaderMap::from_iter([(
            http::HeaderName::from_static("x-actor"),
            actor.parse().unwrap(),
        )])
    }

    /// A caller who is believed for this time.
    fn caller(&self, holding: Duration) -> Arc<Caller> {
        Arc::new(self.verified(0, holding))
    }

    fn verified(&self, number: usize, holding: Duration) -> Caller {
        let session = self.clone();
        let renew = Renew::new(move |_| {
            let number = session.renewed.fetch_add(1, Ordering::SeqCst) + 1;
            let refusal = session.refusal.lock().clone();
            let made = refusal.map_or_else(|| Ok(session.verified(number, holding)), Err);
            std::future::ready(made).boxed()
        });
        Caller {
            authenticated: true,
            identity: Some(self.name.into()),
            forward: self.headers(number),
            renew: Some(renew.holding(holding)),
            ..Caller::default()
        }
    }
}

/// Nobody is believed without being verified.
const OLD: Duration = Duration::ZERO;
const FRESH: Duration = Duration::from_secs(3600);

async fn by(
    graph: &Graph,
    caller: Arc<Caller>,
    query: &str,
) -> futures::stream::BoxStream<'static, bytes::Bytes> {
    let mut request = ClientRequest::new(query);
    request.caller = caller;
    graph.start(request).await
}

#[tokio::test]
async fn what_follows_an_event_is_asked_for_a_caller_who_was_verified() {
    let graph = graph(["status: String", ""]);
    let ada = Session::of("ada");
    let mut events = by(&graph, ada.caller(OLD), STATUS).await;
    let mut same = by(&graph, ada.caller(OLD), STATUS).await;
    let first = ada.renewed();
    for text in ["1", "2"] {
        graph.log.add(text);
        assert_eq!(next(&mut events).await, of(text, "status", "one"));
        assert_eq!(next(&mut same).await, of(text, "status", "one"));
    }
    // Once for each event, however many follow.
    assert_eq!(ada.renewed(), first + 2);
    let actors = [first + 1, first + 2].map(|number| format!("ada {number}"));
    assert_eq!(*graph.one.actors.lock(), actors);
}

#[tokio::test]
async fn a_caller_who_is_still_believed_is_not_verified_again() {
    let graph = graph(["status: String", ""]);
    let ada = Session::of("ada");
    let mut events = by(&graph, ada.caller(FRESH), STATUS).await;
    for text in ["1", "2"] {
        graph.log.add(text);
        next(&mut events).await;
    }
    assert_eq!(ada.renewed(), 0);
    assert_eq!(*graph.one.actors.lock(), ["ada 0", "ada 0"]);
}

#[tokio::test]
async fn who_subscribes_again_proves_anew_who_they_are() {
    let graph = graph(["", ""]);
    let ada = Session::of("ada");
    let mut events = by(&graph, ada.caller(OLD), NICKNAME).await;
    graph.log.add("1");
    next(&mut events).await;
    let renewed = ada.renewed();
    // The events must be asked for differently.
    graph.reload(["nickname: String", ""]);
    graph.log.add("2");
    assert_eq!(next(&mut events).await, of("2", "nickname", "one"));
    let actors = graph.logged.actors.lock().clone();
    assert_eq!(actors.len(), 2);
    assert_eq!(actors[1], format!("ada {}", renewed + 1));
}

#[tokio::test]
async fn a_revoked_session_ends_its_subscriptions_and_nobody_elses() {
    let graph = graph(["status: String", ""]);
    let (ada, bo) = (Session::of("ada"), Session::of("bo"));
    let mut adas = [
        by(&graph, ada.caller(OLD), STATUS).await,
        by(&graph, ada.caller(OLD), STATUS).await,
    ];
    let mut bos = by(&graph, bo.caller(OLD), STATUS).await;
    graph.log.add("1");
    for events in adas.iter_mut().chain([&mut bos]) {
        assert_eq!(next(events).await, of("1", "status", "one"));
    }
    ada.refuse("SESSION_REVOKED", StatusCode::UNAUTHORIZED);
    let asked = graph.one.calls();
    graph.log.add("2");
    for events in &mut adas {
        let error = ends_with(events, "SESSION_REVOKED").await;
        assert_eq!(error["extensions"]["numericCode"], 1001);
        assert_ne!(error["extensions"]["requestId"], Value::Null);
    }
    assert_eq!(next(&mut bos).await, of("2", "status", "one"));
    graph.log.followed_by(1).await;
    graph.log.add("3");
    assert_eq!(next(&mut bos).await, of("3", "status", "one"));
    assert_eq!(graph.one.calls(), asked + 2, "nothing was asked for Ada");
}

#[tokio::test]
async fn a_session_that_was_revoked_while_the_subgraph_was_away_is_not_continued() {
    let graph = graph(["", ""]);
    let ada = Session::of("ada");
    let mut events = by(&graph, ada.caller(OLD), NICKNAME).await;
    graph.log.add("1");
    next(&mut events).await;
    ada.refuse("SESSION_REVOKED", StatusCode::UNAUTHORIZED);
    graph.reload(["nickname: String", ""]);
    ends_with(&mut events, "SESSION_REVOKED").await;
    assert_eq!(graph.logged.actors.lock().len(), 1);
    graph.log.followed_by(0).await;
}

#[tokio::test]
async fn trouble_of_those_who_are_asked_ends_nothing() {
    for (code, status) in [
        ("UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE),
        ("RATE_LIMITED", StatusCode::TOO_MANY_REQUESTS),
    ] {
        let graph = graph(["status: String", ""]);
        let ada = Session::of("ada");
        let mut events = by(&graph, ada.caller(OLD), STATUS).await;
        ada.refuse(code, status);
        let held = ada.renewed();
        graph.log.add("1");
        assert_eq!(next(&mut events).await, of("1", "status", "one"));
        *ada.refusal.lock() = None;
        let renewed = ada.renewed();
        graph.log.add("2");
        assert_eq!(next(&mut events).await, of("2", "status", "one"));
        let actors = [held, renewed + 1].map(|number| format!("ada {number}"));
        assert_eq!(*graph.one.actors.lock(), actors);
    }
}
