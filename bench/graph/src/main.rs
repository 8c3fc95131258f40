//! Figures of the whole graph, all taken in one run: how many requests a CPU second serves through
//! the router with subgraphs in the same process and over HTTP, and how long a start takes.
//!
//! `atelier-bench PATH-TO-ATELIER`

mod load;
mod process;

use std::{path::Path, time::Duration};

use anyhow::Context;
use atelier_local::{
    PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions, S3Credentials, S3Server, S3Store,
};
use serde_json::json;

use load::{Client, Figures};
use process::{Process, Variables};

const ONE_SUBGRAPH: &str = "{ viewer { id user { id username displayName } } }";
const THREE_SUBGRAPHS: &str = "{ viewer { id user { username } \
    uploads(first: 5) { nodes { id } } tasks(first: 5) { nodes { id status } } } }";
/// Alternating rounds per shape and query.
const ROUNDS: usize = 3;
/// Length of a round.
const ROUND: Duration = Duration::from_secs(4);
/// Connections that always have a request under way.
const CONNECTIONS: usize = 32;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let binary = std::env::args()
        .nth(1)
        .context("usage: atelier-bench PATH-TO-ATELIER")?;
    let binary = Path::new(&binary);
    start_times(binary).await?;

    let dir = tempfile::tempdir()?;
    let (postgres, redis) = (dir.path().join("postgres"), dir.path().join("redis"));
    let (postgres, redis) = tokio::try_join!(
        PrivatePostgres::start(&postgres, PostgresOptions::default()),
        PrivateRedis::start(&redis, RedisOptions::default()),
    )?;
    let store = S3Store::open(&dir.path().join("s3"))?;
    store.ensure_bucket("atelier")?;
    let s3 = S3Server::start_on_free_port(store, S3Credentials::generate()).await?;
    let variables = variables(&postgres, &redis, &s3);
    graph(binary, dir.path(), &variables).await?;
    s3.stop().await;
    redis.stop().await;
    postgres.stop().await;
    Ok(())
}

fn variables(postgres: &PrivatePostgres, redis: &PrivateRedis, s3: &S3Server) -> Variables {
    [
        ("ATELIER_DATABASE_URL", postgres.url()),
        ("ATELIER_REDIS_URL", redis.url()),
        ("ATELIER_S3_ENDPOINT", s3.endpoint()),
        ("ATELIER_S3_REGION", s3.region().to_owned()),
        ("ATELIER_S3_ACCESS_KEY", s3.credentials().access_key.clone()),
        ("ATELIER_S3_SECRET_KEY", s3.credentials().secret_key.clone()),
        (
            "ATELIER_SECRET",
            "0123456789abcdef0123456789abcdef".to_owned(),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// `atelier up` from nothing, and again on the same data.
async fn start_times(binary: &Path) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut times = Vec::new();
    for _ in 0..4 {
        let mut process = Process::up(binary, dir.path(), &Vec::new()).await?;
        times.push(process.started_after.as_secs_f64());
        process.stop().await?;
    }
    println!(
        "start of everything in one process: cold {:.2} s, warm {:.2} {:.2} {:.2} s",
        times[0], times[1], times[2], times[3]
    );
    Ok(())
}

/// The same queries through both shapes, in turn.
async fn graph(binary: &Path, dir: &Path, variables: &Variables) -> anyhow::Result<()> {
    let one = Process::up(binary, dir, variables).await?;
    let client = Client::registered(one.port).await?;
    let urls_port = process::free_port()?;
    let urls = ["accounts", "media", "tasks"]
        .map(|name| format!("{name}=http://127.0.0.1:{urls_port}/{name}/graphql"))
        .join(",");
    let mut parts = variables.clone();
    let keys = dir.join("keys").display().to_string();
    let made = tokio::process::Command::new(binary)
        .args([
            "keys", "new", "router", "accounts", "media", "tasks", "--dir", &keys,
        ])
        .status()
        .await?;
    anyhow::ensure!(made.success(), "no keys could be made");
    parts.push(("ATELIER_KEYS_DIR".to_owned(), keys));
    parts.push(("ATELIER_SUBGRAPH_URLS".to_owned(), urls));
    let subgraphs = Process::subgraphs(binary, dir, &parts, urls_port).await?;
    let router = Process::router(binary, dir, &parts).await?;
    let over_http = client.at(router.port);

    println!(
        "\n{:<16} {:<22} {:>10} {:>14} {:>10} {:>10}",
        "query", "shape", "requests/s", "requests/CPU s", "p50 ms", "p99 ms"
    );
    for (name, query) in [
        ("one subgraph", ONE_SUBGRAPH),
        ("three subgraphs", THREE_SUBGRAPHS),
    ] {
        let expected = client.expected(query).await?;
        anyhow::ensure!(
            over_http.expected(query).await? == expected,
            "both shapes give the same answer"
        );
        let (mut inside, mut outside) = (Figures::default(), Figures::default());
        for _ in 0..ROUNDS {
            inside
                .add(load::run(&client, query, &expected, CONNECTIONS, ROUND, &[one.id()]).await?);
            outside.add(
                load::run(
                    &over_http,
                    query,
                    &expected,
                    CONNECTIONS,
                    ROUND,
                    &[router.id(), subgraphs.id()],
                )
                .await?,
            );
        }
        inside.print(name, "in process");
        outside.print(name, "router + subgraphs");
        println!(
            "{name:<16} in process serves {:.2} times the requests per CPU second",
            inside.per_cpu_second() / outside.per_cpu_second()
        );
    }
    let answer = client.send(json!({ "query": ONE_SUBGRAPH })).await?;
    anyhow::ensure!(
        answer.get("errors").is_none(),
        "the graph still answers: {answer}"
    );
    for mut process in [router, subgraphs, one] {
        process.stop().await?;
    }
    Ok(())
}
