//! Subscriptions that go on when another schema is served.

use std::sync::Arc;

use atelier_router::config::Subscriptions;
use atelier_router::{Caller, ClientRequest, Outcome};
use serde_json::{Value, json};

use crate::counts::Counts;
use crate::harness::serve_router;
use crate::log;
use crate::owners::{
    NICKNAME, STATUS, bytes, changed, ends_with, graph, graph_with, next, of, schema,
};
use crate::socket::Socket;

#[tokio::test]
async fn a_field_that_moves_between_events_is_answered_by_its_new_owner() {
    let graph = graph(["status: String", ""]);
    let mut cursors = graph.follow(STATUS).await;
    let query = "subscription { added { upc status } }";
    let mut others = graph.follow(query).await;
    let added = |upc: &str, by: &str| json!({"data": {"added": {"upc": upc, "status": by}}});
    graph.log.add("1");
    assert_eq!(next(&mut cursors).await, of("1", "status", "one"));
    assert_eq!(next(&mut others).await, added("2", "one"));
    let calls = graph.one.calls();
    graph.reload(["", "status: String"]);
    graph.log.add("2");
    graph.log.add("3");
    for text in ["2", "3"] {
        assert_eq!(next(&mut cursors).await, of(text, "status", "two"));
    }
    for upc in ["1", "2"] {
        assert_eq!(next(&mut others).await, added(upc, "two"));
    }
    assert_eq!(graph.one.calls(), calls, "the old owner is asked no more");
    assert_eq!(graph.opened(), 2, "the events come as before");
}

#[tokio::test]
async fn a_field_that_leaves_the_subgraph_of_the_events_is_fetched_without_a_gap() {
    let graph = graph(["", ""]);
    let mut events = graph.follow(NICKNAME).await;
    graph.log.add("1");
    assert_eq!(next(&mut events).await, of("1", "nickname", "by the log"));
    // Nobody reads while the schema changes to and fro.
    for round in 0..5 {
        for n in 0..3 {
            graph.log.add(&(round * 3 + n + 2).to_string());
        }
        let owners = if round % 2 == 0 {
            ["", "nickname: String"]
        } else {
            ["", ""]
        };
        let (before, opened) = (graph.log.followers(), graph.opened());
        assert_eq!(before, 1);
        graph.reload(owners);
        crate::harness::eventually(|| graph.opened() > opened).await;
        graph.log.followed_by(1).await;
    }
    graph.log.add("17");
    for text in 2..=16 {
        let event = next(&mut events).await;
        assert_eq!(event["data"]["logged"]["text"], text.to_string());
        assert!(event.get("errors").is_none());
    }
    assert_eq!(next(&mut events).await, of("17", "nickname", "two"));
}

#[tokio::test]
async fn without_a_cursor_the_events_are_followed_as_before() {
    let graph = graph(["", ""]);
    let mut cursors = graph.follow(NICKNAME).await;
    let mut others = graph.follow("subscription { added { nickname } }").await;
    graph.reload(["", "nickname: String"]);
    for text in ["1", "2", "3"] {
        graph.log.add(text);
    }
    // The first event brings the cursor behind which nothing is lost.
    assert_eq!(next(&mut cursors).await, of("1", "nickname", "by the log"));
    for text in ["2", "3"] {
        assert_eq!(next(&mut cursors).await, of(text, "nickname", "two"));
    }
    // The other one has none and misses nothing where it is.
    for _ in 0..3 {
        let event = json!({"data": {"added": {"nickname": "by the log"}}});
        assert_eq!(next(&mut others).await, event);
    }
}

#[tokio::test]
async fn without_a_cursor_a_field_moves_if_the_events_have_its_key() {
    let graph = graph(["status: String", ""]);
    let mut events = graph
        .follow("subscription { added { nickname status } }")
        .await;
    let added =
        |nickname: &str| json!({"data": {"added": {"nickname": nickname, "status": "one"}}});
    graph.log.add("1");
    assert_eq!(next(&mut events).await, added("by the log"));
    graph.reload(["status: String", "nickname: String"]);
    graph.log.add("2");
    graph.log.add("3");
    for _ in 0..2 {
        assert_eq!(next(&mut events).await, added("two"));
    }
    assert_eq!(graph.opened(), 1);
}

#[tokio::test]
async fn a_subscription_that_is_no_longer_valid_ends_with_a_code() {
    let graph = graph(["status: String label: String", ""]);
    let mut gone = graph.follow(STATUS).await;
    let mut stays = graph
        .follow("subscription { logged { ... on Added { text product { label: __typename } } } }")
        .await;
    let base = serve_router(graph.router.clone()).await;
    let mut socket = Socket::ready(&base).await;
    socket.subscribe("gone", STATUS).await;
    socket.subscribe("heard", "subscription { heard }").await;
    graph.log.followed_by(3).await;
    graph.log.add("1");
    next(&mut gone).await;
    next(&mut stays).await;
    socket.next().await;
    socket.next().await;
    graph.reload(["label: String", ""]);
    let error = ends_with(&mut gone, "SCHEMA_CHANGED").await;
    let why = error["message"].as_str().unwrap();
    assert!(why.contains("\"status\""), "{why}");
    let told = socket.next().await;
    assert_eq!(
        (&told["id"], &told["type"]),
        (&json!("gone"), &json!("next"))
    );
    let extensions = &told["payload"]["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "SCHEMA_CHANGED");
    let complete = json!({"type": "complete", "id": "gone"});
    assert_eq!(socket.next().await, complete);
    // Those beside it go on.
    graph.log.followed_by(2).await;
    graph.log.add("2");
    assert_eq!(next(&mut stays).await, of("2", "label", "Product"));
    let heard = socket.next().await;
    assert_eq!(heard["payload"], json!({"data": {"heard": "2"}}));
}

#[tokio::test]
async fn a_variable_that_no_longer_fits_ends_the_subscription() {
    let graph = graph(["", ""]);
    let query = "subscription ($after: String) { logged(after: $after) { ... on Added { text } } }";
    let mut request = ClientRequest::new(query);
    request.params.variables = json!({"after": "0"}).as_object().cloned();
    let Outcome::Stream(mut events, _) = graph.router.execute(request).await else {
        panic!("no stream");
    };
    graph.log.add("1");
    next(&mut events).await;
    let mut log = log::sdl(&graph.log, "");
    log.sdl = log.sdl.replace("after: String", "after: Int");
    graph.router.reload(changed(log, ["", ""])).unwrap();
    ends_with(&mut events, "SCHEMA_CHANGED").await;
    graph.log.followed_by(0).await;
}

#[tokio::test]
async fn access_rules_of_the_new_schema_hold_for_open_subscriptions() {
    let graph = graph(["status: String", ""]);
    let mut events = graph.follow(STATUS).await;
    let mut heard = graph.follow("subscription { heard }").await;
    graph.log.add("1");
    next(&mut events).await;
    next(&mut heard).await;
    let mut log = log::sdl(&graph.log, "");
    let ruled = log
        .sdl
        .replace("heard: String!", "heard: String! @authenticated");
    log.sdl = ruled.replacen("\"@key\"", "\"@key\", \"@authenticated\"", 1);
    let ruled = changed(log, ["status: String @authenticated", ""]);
    graph.router.reload(ruled).unwrap();
    ends_with(&mut heard, "UNAUTHENTICATED").await;
    // Of the other one a field is refused.
    graph.log.add("2");
    let event = next(&mut events).await;
    assert_eq!(event["data"]["logged"]["text"], "2");
    assert_eq!(event["data"]["logged"]["product"]["status"], Value::Null);
    let extensions = &event["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "UNAUTHENTICATED");
    assert_eq!(graph.one.calls(), 1);
}

#[tokio::test]
async fn what_was_shared_stays_shared() {
    let graph = graph(["status: String", ""]);
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(graph.follow(STATUS).await);
    }
    graph.log.add("1");
    for events in &mut all {
        assert_eq!(next(events).await, of("1", "status", "one"));
    }
    graph.reload(["", "status: String"]);
    graph.log.add("2");
    let first = bytes(&mut all[0]).await;
    for events in &mut all[1..] {
        assert_eq!(bytes(events).await.as_ptr(), first.as_ptr(), "copied");
    }
    assert_eq!((graph.one.calls(), graph.two.calls()), (1, 1));
    assert_eq!((graph.opened(), graph.log.followers()), (1, 1));
}

#[tokio::test]
async fn those_whose_events_change_part_from_the_others_together() {
    // With the nickname elsewhere both need the same of the log.
    let graph = graph(["status: String nickname: String", ""]);
    let mut statuses = [graph.follow(STATUS).await, graph.follow(STATUS).await];
    let mut nicknames = [graph.follow(NICKNAME).await, graph.follow(NICKNAME).await];
    assert_eq!(graph.log.followers(), 1);
    graph.log.add("1");
    for events in &mut statuses {
        assert_eq!(next(events).await, of("1", "status", "one"));
    }
    for events in &mut nicknames {
        assert_eq!(next(events).await, of("1", "nickname", "one"));
    }
    graph.log.add("2");
    graph.reload(["", "status: String"]);
    graph.log.add("3");
    for n in ["2", "3"] {
        for events in &mut statuses {
            assert_eq!(next(events).await["data"]["logged"]["text"], n);
        }
        for events in &mut nicknames {
            assert_eq!(next(events).await["data"]["logged"]["text"], n);
        }
    }
    graph.log.followed_by(2).await;
    graph.log.add("4");
    for events in &mut statuses {
        assert_eq!(next(events).await, of("4", "status", "two"));
    }
    for events in &mut nicknames {
        assert_eq!(next(events).await, of("4", "nickname", "by the log"));
    }
    // Each feed ends with the last who follows it.
    drop(nicknames);
    graph.log.followed_by(1).await;
    drop(statuses);
    graph.log.followed_by(0).await;
}

#[tokio::test]
async fn who_shares_nothing_moves_alone() {
    let alone = Subscriptions {
        share: false,
        ..Subscriptions::default()
    };
    let graph = graph_with(["", ""], alone);
    let mut all = [graph.follow(NICKNAME).await, graph.follow(NICKNAME).await];
    graph.log.followed_by(2).await;
    graph.log.add("1");
    for events in &mut all {
        next(events).await;
    }
    graph.reload(["nickname: String", ""]);
    graph.log.add("2");
    for events in &mut all {
        assert_eq!(next(events).await, of("2", "nickname", "one"));
    }
    assert_eq!(graph.log.followers(), 2);
}

#[tokio::test]
async fn an_operation_is_planned_again_once_however_many_follow_it() {
    let counts = Counts::default();
    let _here = metrics::set_default_local_recorder(&counts);
    let graph = graph(["status: String", ""]);
    let mut all = Vec::new();
    for caller in 0..20 {
        let mut request = ClientRequest::new(STATUS);
        request.caller = Arc::new(Caller {
            authenticated: true,
            identity: Some(caller.to_string().into()),
            fingerprint: caller,
            ..Caller::default()
        });
        let Outcome::Stream(events, _) = graph.router.execute(request).await else {
            panic!("no stream");
        };
        all.push(events);
    }
    assert_eq!((graph.log.followers(), counts.now()), (20, (1, 1)));
    graph.reload(["", "status: String"]);
    graph.log.add("1");
    for events in &mut all {
        assert_eq!(next(events).await, of("1", "status", "two"));
    }
    assert_eq!(counts.now(), (2, 2));
    // Planned before it is served, when the router is told to take its time.
    let owners = schema(&graph.log, ["status: String", ""]);
    let sdl = owners.sdl().to_owned();
    graph.router.reload_warm(sdl).await.unwrap();
    assert_eq!(counts.now(), (3, 3));
    graph.log.add("2");
    for events in &mut all {
        assert_eq!(next(events).await, of("2", "status", "one"));
    }
    assert_eq!(counts.now(), (3, 3));
}
