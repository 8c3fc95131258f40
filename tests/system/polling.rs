//! A router that asks Atelier's own subgraphs, in processes of their own, for their schemas.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use atelier_kit::actor::ACTOR_HEADER;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    routing::post,
};
use serde_json::{Value, json};

use crate::{
    harness::{Client, Place, Process, eventually, free_port},
    journey::parts,
};

/// What the stand-in does with polls; everything else it passes on.
#[derive(Clone, Copy, PartialEq)]
enum Polls {
    PassOn,
    /// As a router would ask that has no key.
    Unsigned,
    /// As the subgraph's next version would answer.
    Changed,
}

/// Stands between the router and a subgraph.
#[derive(Clone)]
struct StandIn {
    url: Arc<str>,
    http: reqwest::Client,
    polls: Arc<Mutex<Polls>>,
    polled: Arc<AtomicUsize>,
}

impl StandIn {
    async fn before(url: &str) -> (Self, String) {
        let stand_in = Self {
            url: url.into(),
            http: Client::new(0).http,
            polls: Arc::new(Mutex::new(Polls::PassOn)),
            polled: Arc::default(),
        };
        let app = Router::new()
            .route("/graphql", post(pass))
            .with_state(stand_in.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        (stand_in, format!("http://{address}/graphql"))
    }

    fn set(&self, polls: Polls) {
        *self.polls.lock().expect("nobody panicked") = polls;
    }

    /// Waits until the router has asked twice more, so that it has acted on the first answer.
    async fn polled_twice(&self) {
        let until = self.polled.load(Ordering::SeqCst) + 2;
        eventually("polling", || async {
            (self.polled.load(Ordering::SeqCst) >= until).then_some(())
        })
        .await;
    }
}

async fn pass(
    State(stand_in): State<StandIn>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, axum::Json<Value>) {
    let request: Value = serde_json::from_slice(&body).expect("a request");
    let poll = request["query"] == "{ _service { sdl } }";
    let polls = match poll {
        true => *stand_in.polls.lock().expect("nobody panicked"),
        false => Polls::PassOn,
    };
    let mut call = stand_in.http.post(&*stand_in.url).body(body);
    for name in [ACTOR_HEADER, CONTENT_TYPE.as_str()] {
        let unsigned = polls == Polls::Unsigned && name == ACTOR_HEADER;
        if let Some(value) = headers.get(name).filter(|_| !unsigned) {
            call = call.header(name, value);
        }
    }
    let answer = call.send().await.expect("the subgraph answers");
    let status = answer.status();
    let mut answer: Value = answer.json().await.expect("JSON");
    if polls == Polls::Changed {
        let sdl = answer.pointer_mut("/data/_service/sdl");
        let sdl = sdl.expect("the router may ask for the schema");
        let text = sdl.as_str().expect("text");
        *sdl = text
            .replacen("type Query {", "type Query { newInMedia: Int", 1)
            .into();
    }
    if poll {
        stand_in.polled.fetch_add(1, Ordering::SeqCst);
    }
    (status, axum::Json(answer))
}

async fn knows_the_new_field(client: &Client) -> bool {
    let query = "{ __type(name: \"Query\") { fields { name } } }";
    let data = client.run(query, json!({})).await;
    let fields = data["__type"]["fields"].as_array().expect("fields");
    fields.iter().any(|field| field["name"] == "newInMedia")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_router_notices_when_one_of_its_own_subgraphs_changes() {
    let place = Place::new().await;
    let parts = parts(&place).await;
    let mut variables = parts.variables.clone();
    let (_, urls) = variables
        .iter_mut()
        .find(|(name, _)| name == "ATELIER_SUBGRAPH_URLS")
        .expect("the subgraphs' addresses");
    let media = urls
        .split(',')
        .find_map(|pair| pair.strip_prefix("media="))
        .expect("media's address")
        .to_owned();
    let (stand_in, url) = StandIn::before(&media).await;
    *urls = urls.replace(&media, &url);
    let config = place.dir.path().join("router.toml");
    std::fs::write(&config, "[reload]\npoll_subgraphs_s = 1\n").expect("a file");
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let config = config.to_str().expect("a path");
    let arguments = ["router", "--listen", &listen, "--router-config", config];
    let mut router = Process::start(&arguments, place.dir.path(), &variables);
    router.says("The router listens").await;
    let client = Client::new(port);

    // What they tell is what the router was built with.
    stand_in.polled_twice().await;
    assert!(!router.output.borrow().contains("supergraph reloaded"));

    stand_in.set(Polls::Unsigned);
    router.says("a subgraph does not tell its schema").await;
    router.says("Only routers may call a subgraph.").await;
    stand_in.polled_twice().await;
    assert!(!knows_the_new_field(&client).await);

    stand_in.set(Polls::Changed);
    router.says("supergraph reloaded").await;
    assert!(knows_the_new_field(&client).await);
    let ada = client.registered("ada").await;
    let data = ada.run("{ viewer { user { username } } }", json!({})).await;
    assert_eq!(data["viewer"]["user"]["username"], "ada");
    assert!(router.stop().await.success());
}
