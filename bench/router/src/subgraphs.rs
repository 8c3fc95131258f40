//! The subgraphs behind HTTP. Answers are computed once by the real schemas and
//! kept by the whole text of the request, so that a router costs more than they do.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::Executor;
use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};

use crate::http1::{self, Connection};
use crate::shop::Subgraphs;

/// Answers kept per subgraph; then it starts again.
const KEPT: usize = 2048;

/// A request that a subgraph got.
#[derive(Debug)]
pub struct Seen {
    /// Which subgraph, by its place in [`crate::shop::NAMES`].
    pub subgraph: usize,
    /// The body.
    pub body: Vec<u8>,
    /// When it was whole.
    pub at: Instant,
}

/// Watches requests, and makes each take a while so that it shows which of them
/// wait for others.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Where requests are told.
    pub to: tokio::sync::mpsc::UnboundedSender<Seen>,
    /// How long each answer takes.
    pub delay: Duration,
}

/// Binds a port of its own for each subgraph; the listeners and their URLs.
///
/// # Errors
/// When no port can be bound.
pub async fn bind() -> io::Result<([TcpListener; 4], [String; 4])> {
    let mut listeners = Vec::new();
    let mut urls = Vec::new();
    for _ in 0..4 {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        urls.push(format!("http://{}/graphql", listener.local_addr()?));
        listeners.push(listener);
    }
    match (listeners.try_into(), urls.try_into()) {
        (Ok(listeners), Ok(urls)) => Ok((listeners, urls)),
        _ => unreachable!("four were pushed"),
    }
}

/// Serves prepared answers for ever. Must run inside a `LocalSet`.
pub fn serve(listeners: [TcpListener; 4], schemas: Subgraphs, watch: Option<Watch>) {
    let [accounts, inventory, products, reviews] = listeners;
    tokio::task::spawn_local(accept(0, accounts, schemas.accounts, watch.clone()));
    tokio::task::spawn_local(accept(1, inventory, schemas.inventory, watch.clone()));
    tokio::task::spawn_local(accept(2, products, schemas.products, watch.clone()));
    tokio::task::spawn_local(accept(3, reviews, schemas.reviews, watch));
}

type Answers = Rc<RefCell<HashMap<Box<[u8]>, Rc<[u8]>>>>;

async fn accept<E: Executor>(place: usize, listener: TcpListener, schema: E, watch: Option<Watch>) {
    let answers = Answers::default();
    while let Ok((stream, _)) = listener.accept().await {
        let (schema, answers, watch) = (schema.clone(), Rc::clone(&answers), watch.clone());
        tokio::task::spawn_local(async move {
            // A router that goes away takes its connections with it.
            let _ = connection(place, stream, schema, answers, watch).await;
        });
    }
}

async fn connection<E: Executor>(
    place: usize,
    stream: TcpStream,
    schema: E,
    answers: Answers,
    watch: Option<Watch>,
) -> io::Result<()> {
    let mut connection = Connection::new(stream)?;
    while let Some(message) = connection.next().await? {
        let body = connection.body(&message);
        if let Some(watch) = &watch {
            let _ = watch.to.send(Seen {
                subgraph: place,
                body: body.to_vec(),
                at: Instant::now(),
            });
            tokio::time::sleep(watch.delay).await;
        }
        let kept = answers.borrow().get(body).cloned();
        let answer = match kept {
            Some(answer) => answer,
            None => {
                let answer: Rc<[u8]> = http1::ok(&compute(&schema, body).await).into();
                let mut answers = answers.borrow_mut();
                if answers.len() >= KEPT {
                    answers.clear();
                }
                answers.insert(body.into(), Rc::clone(&answer));
                answer
            }
        };
        connection.consume(message);
        connection.send(&answer).await?;
    }
    Ok(())
}

async fn compute<E: Executor>(schema: &E, body: &[u8]) -> Vec<u8> {
    // What is no request gets an error from the schema.
    let request = serde_json::from_slice(body).unwrap_or_else(|_| async_graphql::Request::new(""));
    serde_json::to_vec(&schema.execute(request).await).unwrap_or_default()
}

/// Serves the schemas as one would: axum, and every request executed.
pub fn serve_executing(listeners: [TcpListener; 4], schemas: Subgraphs) {
    let [accounts, inventory, products, reviews] = listeners;
    tokio::spawn(executing(accounts, schemas.accounts));
    tokio::spawn(executing(inventory, schemas.inventory));
    tokio::spawn(executing(products, schemas.products));
    tokio::spawn(executing(reviews, schemas.reviews));
}

async fn executing<E: Executor>(listener: TcpListener, schema: E) -> io::Result<()> {
    use axum::serve::ListenerExt;
    let schema = Arc::new(schema);
    let handler = move |body: Bytes| {
        let schema = Arc::clone(&schema);
        async move {
            let body = compute(&*schema, &body).await;
            ([("content-type", "application/json")], body)
        }
    };
    let app = axum::Router::new().route("/graphql", axum::routing::post(handler));
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app).await
}
