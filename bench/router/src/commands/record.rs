//! The subgraph requests that our router makes for a query, for the floor program.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use atelier_router::{ClientRequest, GraphqlParams, Outcome, Router, Supergraph};
use atelier_router_bench::recording::{Call, Recording};
use atelier_router_bench::shop::Subgraphs;
use atelier_router_bench::subgraphs::{self, Seen, Watch};
use clap::Args;
use tokio::sync::mpsc;

use super::Measured;

/// Requests that come within a part of this belong to one step; the next step
/// comes a whole one later.
const STEP: Duration = Duration::from_millis(200);

#[derive(Args)]
pub struct Arguments {
    /// light, medium or heavy.
    #[arg(long)]
    query: String,
    /// The file to write.
    #[arg(long)]
    to: PathBuf,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let measured = Measured::named(&arguments.query).await?;
    let recording = record(&measured).await?;
    for (at, step) in recording.steps.iter().enumerate() {
        for call in step {
            let name = atelier_router_bench::shop::NAMES[call.subgraph];
            println!("step {}: {name}, {} bytes", at + 1, call.body.len());
            println!("  {}", call.body);
        }
    }
    recording.write(&arguments.to)
}

/// Runs the query once on slow subgraphs, so that it shows which requests wait for others.
pub async fn record(measured: &Measured) -> anyhow::Result<Recording> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let (listeners, urls) = subgraphs::bind().await?;
    let schemas = Subgraphs::new();
    let sdl = schemas.supergraph(&urls)?;
    let watch = Watch {
        to: sender,
        delay: STEP,
    };
    subgraphs::serve(listeners, schemas, Some(watch));
    let router = Router::builder(Supergraph::parse(&sdl)?).build()?;
    let request: GraphqlParams = serde_json::from_slice(&measured.query.body())?;
    let outcome = router
        .execute(ClientRequest {
            params: request,
            ..ClientRequest::new("")
        })
        .await;
    let Outcome::Single(response) = outcome else {
        anyhow::bail!("the router answers {} with a stream", measured.query.name);
    };
    if !measured.oracle.check(b"HTTP/1.1 200 OK", &response.body) {
        anyhow::bail!(
            "a wrong answer: {}",
            measured.oracle.wrong().unwrap_or_default()
        );
    }
    let answer = String::from_utf8(response.body.to_vec()).context("the answer is no text")?;
    let mut seen = Vec::new();
    while let Ok(request) = receiver.try_recv() {
        seen.push(request);
    }
    Ok(Recording {
        steps: steps(seen)?,
        answer,
    })
}

fn steps(mut seen: Vec<Seen>) -> anyhow::Result<Vec<Vec<Call>>> {
    seen.sort_by_key(|request| request.at);
    let mut steps: Vec<Vec<Call>> = Vec::new();
    let mut began = None;
    for request in seen {
        let same = began.is_some_and(|began| request.at - began < STEP / 2);
        if !same {
            began = Some(request.at);
            steps.push(Vec::new());
        }
        let body = String::from_utf8(request.body)?;
        let call = Call {
            subgraph: request.subgraph,
            body,
        };
        if let Some(step) = steps.last_mut() {
            step.push(call);
        }
    }
    Ok(steps)
}
