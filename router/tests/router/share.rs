//! Subscriptions that are the same share one upstream.

use std::sync::Arc;

use atelier_router::config::Subscriptions;
use atelier_router::{Caller, ClientRequest, LocalSubgraph, Outcome, Router, RouterConfig};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};

use crate::graph;
use crate::harness::{self, Counted, supergraph};
use crate::log::{self, Log};
use crate::socket::WAIT;

const LOGGED: &str = "subscription ($after: String) { logged(after: $after) {
    ... on Added { text product { inStock } } ... on Noted { text } } }";

struct Shared {
    log: Log,
    inventory: Arc<Counted>,
    router: Router,
}

fn shared(subscriptions: Subscriptions) -> Shared {
    let log = Log::default();
    let graph = harness::Graph::new();
    let inventory = Counted::new(Arc::new(LocalSubgraph::new(graph::inventory(), |_, _| {})));
    let mut sdls = graph.sdls([""; 4]);
    sdls.truncate(3);
    sdls[0] = log::sdl(&log, "");
    let router = Router::builder(supergraph(&sdls))
        .config(RouterConfig {
            subscriptions,
            ..RouterConfig::default()
        })
        .subgraph(
            "log",
            Arc::new(LocalSubgraph::new(log::schema(&log), |_, _| {})),
        )
        .subgraph("inventory", inventory.clone())
        .subgraph(
            "products",
            Arc::new(LocalSubgraph::new(graph.products, |_, _| {})),
        )
        .build()
        .unwrap();
    Shared {
        log,
        inventory,
        router,
    }
}

impl Shared {
    async fn follow(&self, request: ClientRequest) -> BoxStream<'static, Bytes> {
        match self.router.execute(request).await {
            Outcome::Stream(events, _) => events,
            outcome => panic!("no stream: {outcome:?}"),
        }
    }
}

fn logged(after: Option<&str>) -> ClientRequest {
    let mut request = ClientRequest::new(LOGGED);
    request.params.variables = json!({ "after": after }).as_object().cloned();
    request
}

async fn bytes(events: &mut BoxStream<'static, Bytes>) -> Bytes {
    let event = tokio::time::timeout(WAIT, events.next()).await;
    event.expect("no event in time").expect("the stream ended")
}

async fn text(events: &mut BoxStream<'static, Bytes>) -> Value {
    let event: Value = serde_json::from_slice(&bytes(events).await).unwrap();
    event["data"]["logged"]["text"].clone()
}

#[tokio::test]
async fn identical_subscriptions_have_one_upstream_and_the_same_bytes() {
    let shared = shared(Subscriptions::default());
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(shared.follow(logged(None)).await);
    }
    assert_eq!(shared.log.followers(), 1);
    shared.log.add("1");
    let first = bytes(&mut all[0]).await;
    for other in &mut all[1..] {
        let bytes = bytes(other).await;
        assert_eq!(bytes, first);
        assert_eq!(bytes.as_ptr(), first.as_ptr(), "copied");
    }
    assert_eq!(shared.inventory.calls(), 1, "the rest of the plan ran once");
}

#[tokio::test]
async fn the_first_to_leave_keeps_the_others_and_the_last_ends_the_upstream() {
    let shared = shared(Subscriptions::default());
    let one = shared.follow(logged(None)).await;
    let mut two = shared.follow(logged(None)).await;
    drop(one);
    shared.log.add("1");
    assert_eq!(text(&mut two).await, "1");
    drop(two);
    shared.log.followed_by(0).await;
    let mut anew = shared.follow(logged(None)).await;
    shared.log.add("2");
    assert_eq!(text(&mut anew).await, "2");
}

#[tokio::test]
async fn who_comes_later_misses_nothing() {
    let shared = shared(Subscriptions::default());
    shared.log.add("1");
    let mut early = shared.follow(logged(Some("0"))).await;
    assert_eq!(text(&mut early).await, "1");
    // From the start again: the first feed is past that.
    let mut again = shared.follow(logged(Some("0"))).await;
    assert_eq!(text(&mut again).await, "1");
    assert_eq!(shared.log.followers(), 2);
    // Behind the first event: that is where the feeds are.
    let mut behind = shared.follow(logged(Some("1"))).await;
    assert_eq!(shared.log.followers(), 2);
    shared.log.add("2");
    for events in [&mut early, &mut again, &mut behind] {
        assert_eq!(text(events).await, "2");
    }
    // Without a cursor a field may begin with the present state.
    let _fresh = shared.follow(logged(None)).await;
    assert_eq!(shared.log.followers(), 3);
}

#[tokio::test]
async fn hot_fields_are_shared_by_who_comes_later_too() {
    let shared = shared(Subscriptions {
        hot_fields: vec!["heard".to_owned()],
        ..Subscriptions::default()
    });
    let heard = || ClientRequest::new("subscription { heard }");
    let mut early = shared.follow(heard()).await;
    shared.log.add("1");
    bytes(&mut early).await;
    let mut late = shared.follow(heard()).await;
    assert_eq!(shared.log.followers(), 1);
    shared.log.add("2");
    assert_eq!(bytes(&mut early).await, bytes(&mut late).await);
}

#[tokio::test]
async fn nothing_is_shared_between_callers_or_when_it_is_switched_off() {
    let shared_with = shared(Subscriptions::default());
    let by = |name: &str| {
        let mut request = logged(None);
        request.caller = Arc::new(Caller {
            authenticated: true,
            identity: Some(name.into()),
            fingerprint: 1,
            ..Caller::default()
        });
        request
    };
    let mut with_header = by("ada");
    with_header.headers.insert("x-tenant", "a".parse().unwrap());
    let _all = [
        shared_with.follow(by("ada")).await,
        shared_with.follow(by("ada")).await,
        shared_with.follow(by("bo")).await,
        shared_with.follow(with_header).await,
        shared_with.follow(logged(None)).await,
    ];
    assert_eq!(shared_with.log.followers(), 4);

    let alone = shared(Subscriptions {
        share: false,
        ..Subscriptions::default()
    });
    let _all = [
        alone.follow(logged(None)).await,
        alone.follow(logged(None)).await,
    ];
    assert_eq!(alone.log.followers(), 2);
}

#[tokio::test]
async fn different_selections_share_the_upstream_but_not_the_answer() {
    let shared = shared(Subscriptions::default());
    // Upstream both are the same: the product's key is needed for its stock.
    let with = |field: &str| {
        ClientRequest::new(format!(
            "subscription {{ logged {{ ... on Added {{ product {{ {field} }} }} }} }}"
        ))
    };
    let mut stock = shared.follow(with("inStock")).await;
    let mut label = shared.follow(with("label")).await;
    assert_eq!(shared.log.followers(), 1);
    shared.log.add("1");
    shared.log.add("2");
    let event = |product: Value| json!({"data": {"logged": {"product": product}}});
    let json = |bytes: Bytes| serde_json::from_slice::<Value>(&bytes).unwrap();
    bytes(&mut stock).await;
    bytes(&mut label).await;
    assert_eq!(
        json(bytes(&mut stock).await),
        event(json!({"inStock": true}))
    );
    assert_eq!(
        json(bytes(&mut label).await),
        event(json!({"label": "label-1"}))
    );
}

#[tokio::test]
async fn errors_of_a_shared_event_carry_the_id_of_each_request() {
    let shared = shared(Subscriptions::default());
    let named = |id: &str| ClientRequest {
        request_id: id.into(),
        ..ClientRequest::new("subscription { logged { ... on Added { product { label } } } }")
    };
    let mut one = shared.follow(named("one")).await;
    let mut two = shared.follow(named("two")).await;
    assert_eq!(shared.log.followers(), 1);
    // The product of the first event has no label but an error.
    shared.log.add("1");
    for (events, id) in [(&mut one, "one"), (&mut two, "two")] {
        let event: Value = serde_json::from_slice(&bytes(events).await).unwrap();
        assert_eq!(event["errors"][0]["extensions"]["requestId"], id);
        assert_eq!(event["data"]["logged"]["product"], json!({"label": null}));
    }
    assert_eq!(shared.inventory.calls(), 1);
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_left_behind() {
    let shared = shared(Subscriptions {
        queue: 2,
        slow_after_ms: 1,
        ..Subscriptions::default()
    });
    let mut stuck = shared.follow(logged(None)).await;
    let mut reading = shared.follow(logged(None)).await;
    for n in 1..=20 {
        shared.log.add(&n.to_string());
        assert_eq!(text(&mut reading).await, n.to_string());
    }
    assert_eq!(shared.log.followers(), 1);
    let mut seen = 0;
    while stuck.next().await.is_some() {
        seen += 1;
    }
    assert!(seen < 20, "it got {seen} events");
    assert!(seen > 0);
}
