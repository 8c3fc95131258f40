//! References that come together are loaded together, by whichever way a schema is called.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_graphql::{
    Context, EmptyMutation, Executor, Object, Request, Response, Schema, SimpleObject,
    Subscription, Variables,
};
use atelier_kit::{
    error::Error,
    graphql::{Service, load},
    loader::Batch,
};
use futures::{Stream, StreamExt, stream};
use serde_json::json;

/// Counts how often lamps are loaded.
#[derive(Clone, Default)]
struct Loads(Arc<AtomicUsize>);

impl Loads {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

struct Lamps(Loads);

impl Batch for Lamps {
    type Key = i32;
    type Value = i32;
    async fn load(&self, keys: Vec<i32>) -> Result<HashMap<i32, i32>, Error> {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(keys.into_iter().map(|key| (key, key * 10)).collect())
    }
}

#[derive(SimpleObject)]
struct Lamp {
    id: i32,
    watts: i32,
}

async fn lamp(ctx: &Context<'_>, id: i32) -> async_graphql::Result<Option<Lamp>> {
    // Some are asked for later than others.
    for _ in 0..id % 5 {
        tokio::task::yield_now().await;
    }
    let loads = ctx.data_unchecked::<Loads>().clone();
    let watts = load(ctx, || Lamps(loads), id).await?;
    Ok(watts.map(|watts| Lamp { id, watts }))
}

struct Query;

#[Object]
impl Query {
    #[graphql(entity)]
    async fn lamp(&self, ctx: &Context<'_>, id: i32) -> async_graphql::Result<Option<Lamp>> {
        lamp(ctx, id).await
    }
}

/// A number of lamps.
struct Street(i32);

#[Object]
impl Street {
    async fn lamps(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Option<Lamp>>> {
        futures::future::try_join_all((0..self.0).map(|id| lamp(ctx, id))).await
    }
}

struct Streets;

#[Subscription]
impl Streets {
    async fn streets(&self) -> impl Stream<Item = Street> {
        stream::iter([Street(10), Street(500)])
    }
}

fn service(loads: &Loads) -> Service {
    let loads = loads.clone();
    Service::new(move || {
        Schema::build(Query, EmptyMutation, Streets)
            .enable_federation()
            .data(loads.clone())
    })
}

const REFERENCES: usize = 500;

fn references(more: &str) -> Request {
    let of: Vec<_> = (0..REFERENCES)
        .map(|id| json!({ "__typename": "Lamp", "id": id }))
        .collect();
    let query = "query($of: [_Any!]!) { _entities(representations: $of) { ... on Lamp { watts } }";
    Request::new(format!("{query} {more} }}")).variables(Variables::from_json(json!({ "of": of })))
}

fn assert_all_are_there(response: Response) {
    let data = response.data.into_json().unwrap();
    let found = data["_entities"].as_array().unwrap();
    assert_eq!(found.len(), REFERENCES);
    assert_eq!(found[499]["watts"], 4990);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn references_are_one_batch_from_outside_and_inside_of_the_process() {
    let loads = Loads::default();
    let service = service(&loads);
    assert_all_are_there(service.execute(references("")).await);
    assert_eq!(loads.take(), 1);
    assert_all_are_there(Executor::execute(&service.direct(), references("")).await);
    assert_eq!(loads.take(), 1);
    let mut stream = service.execute_stream(references(""));
    assert_all_are_there(stream.next().await.unwrap());
    assert_eq!(loads.take(), 1);
}

#[tokio::test]
async fn each_event_of_a_subscription_is_one_batch() {
    let loads = Loads::default();
    let service = service(&loads);
    let request = || Request::new("subscription { streets { lamps { watts } } }");
    for mut events in [
        service.execute_stream(request()),
        Executor::execute_stream(&service.direct(), request(), None),
    ] {
        assert_eq!(events.next().await.unwrap().errors, []);
        assert_eq!(loads.take(), 1);
        let event = events.next().await.unwrap();
        assert_eq!(loads.take(), 1);
        let data = event.data.into_json().unwrap();
        assert_eq!(data["streets"]["lamps"].as_array().unwrap().len(), 500);
    }
}
