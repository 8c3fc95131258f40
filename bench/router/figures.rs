//! Requests per CPU second through the router: one and three subgraphs, in
//! process and over HTTP. CPU time is read from /proc, so only Linux has it.
//!
//! `cargo run --release -p atelier-router --example figures [SECONDS]`
//!
//! Every answer is compared with the expected one. Over HTTP the subgraphs run
//! in a process of their own (this program again), and a third sends requests.

#[path = "../../router/tests/router/graph.rs"]
mod graph;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_graphql::{Executor, SDLExportOptions};
use atelier_composition::{SubgraphSdl, compose};
use atelier_router::{
    ClientRequest, LocalSubgraph, Outcome, Router, RouterConfig, SubgraphClient, Supergraph,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::broadcast;

const CONNECTIONS: usize = 50;
const NAMES: [&str; 4] = ["accounts", "products", "inventory", "reviews"];

const ONE: &str = "{ topProducts { upc name price } }";
const ONE_ANSWER: &str = r#"{"data":{"topProducts":[{"upc":"1","name":"Table","price":899},{"upc":"2","name":"Couch","price":1299},{"upc":"3","name":"Kite","price":54}]}}"#;
const THREE: &str = "{ me { name reviews { body product { price inStock } } } }";
const THREE_ANSWER: &str = r#"{"data":{"me":{"name":"Ada","reviews":[{"body":"Love it!","product":{"price":899,"inStock":true}},{"body":"Too expensive.","product":{"price":1299,"inStock":null}}]}}}"#;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("subgraphs") => runtime.block_on(subgraphs()),
        Some("router") => runtime.block_on(router(&arguments[1..])),
        Some("in-process") => runtime.block_on(in_process(arguments[1].parse()?)),
        seconds => {
            let seconds = seconds.map_or(Ok(5), str::parse)?;
            runtime.block_on(all(Duration::from_secs(seconds)))
        }
    }
}

struct Schemas {
    accounts: graph::Accounts,
    products: graph::Products,
    inventory: graph::Inventory,
    reviews: graph::Reviews,
}

fn schemas() -> Schemas {
    Schemas {
        accounts: graph::accounts(),
        products: graph::products(broadcast::channel(1).0),
        inventory: graph::inventory(),
        reviews: graph::reviews_schema(),
    }
}

fn supergraph(schemas: &Schemas, urls: &[String]) -> Result<Supergraph, Error> {
    let options = || SDLExportOptions::new().federation().compose_directive();
    let sdls = [
        schemas.accounts.sdl_with_options(options()),
        schemas.products.sdl_with_options(options()),
        schemas.inventory.sdl_with_options(options()),
        schemas.reviews.sdl_with_options(options()),
    ];
    let sdls: Vec<SubgraphSdl> = (0..4)
        .map(|at| {
            SubgraphSdl::new(
                NAMES[at],
                urls.get(at).cloned().unwrap_or_default(),
                &*sdls[at],
            )
        })
        .collect();
    let composed = compose(&sdls).map_err(|errors| format!("{errors:?}"))?;
    Ok(Supergraph::parse(&composed.supergraph_sdl)?)
}

/// Serves the four schemas on ports of their own; prints the URLs.
async fn subgraphs() -> Result<(), Error> {
    let schemas = schemas();
    println!("{}", serve_schema(schemas.accounts).await?);
    println!("{}", serve_schema(schemas.products).await?);
    println!("{}", serve_schema(schemas.inventory).await?);
    println!("{}", serve_schema(schemas.reviews).await?);
    std::future::pending().await
}

async fn serve_schema<E: Executor>(executor: E) -> Result<String, Error> {
    let handler = move |body: Bytes| {
        let executor = executor.clone();
        async move {
            let request: async_graphql::Request =
                serde_json::from_slice(&body).unwrap_or_else(|_| async_graphql::Request::new(""));
            let response = executor.execute(request).await;
            let body = serde_json::to_vec(&response).unwrap_or_default();
            ([("content-type", "application/json")], body)
        }
    };
    serve(axum::Router::new().route("/", axum::routing::post(handler))).await
}

async fn serve(app: axum::Router) -> Result<String, Error> {
    use axum::serve::ListenerExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

/// A router over the subgraphs at these URLs; prints its own.
async fn router(urls: &[String]) -> Result<(), Error> {
    let supergraph = supergraph(&schemas(), urls)?;
    let router = Router::builder(supergraph)
        .config(RouterConfig::default())
        .build()?;
    println!("{}graphql", serve(router.into_axum()).await?);
    std::future::pending().await
}

/// Router and subgraphs in one process, behind HTTP for clients; prints the URL.
async fn in_process(edge: bool) -> Result<(), Error> {
    let router = local_router()?;
    if edge {
        println!("{}graphql", serve(router.into_axum()).await?);
        return std::future::pending().await;
    }
    Ok(())
}

fn local<E: Executor>(executor: E) -> Arc<dyn SubgraphClient> {
    Arc::new(LocalSubgraph::new(executor, |_, _| {}))
}

fn local_router() -> Result<Router, Error> {
    let schemas = schemas();
    let router = Router::builder(supergraph(&schemas, &[])?)
        .subgraph("accounts", local(schemas.accounts))
        .subgraph("products", local(schemas.products))
        .subgraph("inventory", local(schemas.inventory))
        .subgraph("reviews", local(schemas.reviews))
        .build()?;
    Ok(router)
}

/// A child of this program.
struct Child {
    process: std::process::Child,
    lines: Vec<String>,
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn child(arguments: &[&str], lines: usize) -> Result<Child, Error> {
    use std::io::BufRead;
    let mut process = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()?;
    let out = process.stdout.take().ok_or("no output")?;
    let lines = std::io::BufReader::new(out)
        .lines()
        .take(lines)
        .collect::<Result<_, _>>()?;
    Ok(Child { process, lines })
}

/// CPU seconds of a process so far.
fn cpu(pid: u32) -> Result<f64, Error> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit_once(')').ok_or("unreadable stat")?.1;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    let user = ticks.next().ok_or("unreadable stat")??;
    let system = ticks.next().ok_or("unreadable stat")??;
    // Linux reports in hundredths of a second whatever the kernel's own tick.
    Ok((user + system) / 100.0)
}

/// Resident memory at its highest, in MB.
fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

async fn all(time: Duration) -> Result<(), Error> {
    println!(
        "{:<44}{:>10}{:>14}{:>14}",
        "", "req/s", "req/CPU s", "ms CPU/1000"
    );
    let router = local_router()?;
    for (name, query, answer) in [("one", ONE, ONE_ANSWER), ("three", THREE, THREE_ANSWER)] {
        let label = format!("{name} subgraph(s), no HTTP at all");
        let before = cpu(std::process::id())?;
        let (count, took) = without_http(&router, query, answer, time).await?;
        report(&label, count, took, cpu(std::process::id())? - before);
    }
    let edge = child(&["in-process", "true"], 1)?;
    let subgraphs = child(&["subgraphs"], 4)?;
    let mut arguments = vec!["router"];
    arguments.extend(subgraphs.lines.iter().map(String::as_str));
    let apart = child(&arguments, 1)?;
    for (name, query, answer) in [("one", ONE, ONE_ANSWER), ("three", THREE, THREE_ANSWER)] {
        let pid = edge.process.id();
        let before = cpu(pid)?;
        let (count, took) = over_http(&edge.lines[0], query, answer, time).await?;
        report(
            &format!("{name}, one process"),
            count,
            took,
            cpu(pid)? - before,
        );

        let (pid, others) = (apart.process.id(), subgraphs.process.id());
        let before = (cpu(pid)?, cpu(others)?);
        let (count, took) = over_http(&apart.lines[0], query, answer, time).await?;
        let used = (cpu(pid)? - before.0, cpu(others)? - before.1);
        report(
            &format!("{name}, subgraphs over HTTP: router only"),
            count,
            took,
            used.0,
        );
        report(
            &format!("{name}, subgraphs over HTTP: all"),
            count,
            took,
            used.0 + used.1,
        );
    }
    println!(
        "peak memory: {} MB in one process, {} MB the router alone",
        peak_memory(edge.process.id()).unwrap_or_default(),
        peak_memory(apart.process.id()).unwrap_or_default()
    );
    Ok(())
}

fn report(label: &str, count: usize, took: Duration, cpu: f64) {
    let count = count as f64;
    println!(
        "{label:<44}{:>10.0}{:>14.0}{:>14.1}",
        count / took.as_secs_f64(),
        count / cpu,
        cpu * 1_000_000.0 / count
    );
}

async fn without_http(
    router: &Router,
    query: &'static str,
    answer: &'static str,
    time: Duration,
) -> Result<(usize, Duration), Error> {
    let start = Instant::now();
    let count = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (router, count) = (router.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                while start.elapsed() < time {
                    let Outcome::Single(response) = router.execute(ClientRequest::new(query)).await
                    else {
                        panic!("a stream");
                    };
                    assert_eq!(response.body, answer);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await?;
    }
    Ok((count.load(Ordering::Relaxed), start.elapsed()))
}

async fn over_http(
    url: &str,
    query: &'static str,
    answer: &'static str,
    time: Duration,
) -> Result<(usize, Duration), Error> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let body = Bytes::from(serde_json::json!({"query": query}).to_string());
    let start = Instant::now();
    let count = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (client, body, count) = (client.clone(), body.clone(), Arc::clone(&count));
            let url = url.to_owned();
            tokio::spawn(async move {
                while start.elapsed() < time {
                    let request = http::Request::post(&url)
                        .header("content-type", "application/json")
                        .body(Full::new(body.clone()))?;
                    let response = client.request(request).await?;
                    let bytes = response.into_body().collect().await?.to_bytes();
                    assert_eq!(bytes, answer);
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok((count.load(Ordering::Relaxed), start.elapsed()))
}
