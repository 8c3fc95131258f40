//! The least that a router could do: takes a request, makes the recorded
//! subgraph requests over kept connections, and answers the recorded body. It
//! parses nothing but the lengths of messages. One thread per core.
//!
//! `floor RECORDING SUPERGRAPH PORT`

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Context;
use atelier_router_bench::http1::{self, Connection};
use atelier_router_bench::recording::Recording;
use atelier_router_bench::shop::NAMES;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is replayed, ready to be sent.
struct Replay {
    steps: Vec<Vec<(usize, Vec<u8>)>>,
    answer: Vec<u8>,
    subgraphs: [SocketAddr; 4],
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let mut next = || arguments.next().context("floor RECORDING SUPERGRAPH PORT");
    let recording = Recording::read(&next()?)?;
    let supergraph = std::fs::read_to_string(next()?)?;
    let port: u16 = next()?.to_string_lossy().parse()?;
    let subgraphs = addresses(&supergraph)?;
    let cores = std::thread::available_parallelism()?.get();
    let threads: Vec<_> = (0..cores)
        .map(|_| {
            let replay = Replay::new(&recording, subgraphs);
            std::thread::spawn(move || serve(replay, port))
        })
        .collect();
    for thread in threads {
        if let Ok(result) = thread.join() {
            result?;
        }
    }
    Ok(())
}

/// The subgraphs' addresses from the supergraph's URLs.
fn addresses(supergraph: &str) -> anyhow::Result<[SocketAddr; 4]> {
    let mut addresses = Vec::new();
    for name in NAMES {
        let start = supergraph
            .split_once(&format!("name: \"{name}\""))
            .and_then(|(_, rest)| rest.split_once("http://"))
            .and_then(|(_, rest)| rest.split_once('/'));
        let (address, _) = start.with_context(|| format!("no URL of {name}"))?;
        addresses.push(address.parse()?);
    }
    addresses.try_into().ok().context("four subgraphs")
}

impl Replay {
    fn new(recording: &Recording, subgraphs: [SocketAddr; 4]) -> Self {
        let request = |call: &atelier_router_bench::recording::Call| {
            let host = subgraphs[call.subgraph].to_string();
            let bytes = http1::post(&host, "/graphql", call.body.as_bytes());
            (call.subgraph, bytes)
        };
        let steps = recording.steps.iter();
        Self {
            steps: steps
                .map(|step| step.iter().map(request).collect())
                .collect(),
            answer: http1::ok(recording.answer.as_bytes()),
            subgraphs,
        }
    }
}

/// Idle connections to each subgraph.
type Pool = [RefCell<Vec<Connection>>; 4];

fn serve(replay: Replay, port: u16) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseport(true)?;
        socket.bind(([127, 0, 0, 1], port).into())?;
        let listener = socket.listen(1024)?;
        let (replay, pool) = (Rc::new(replay), Rc::new(Pool::default()));
        loop {
            let (stream, _) = listener.accept().await?;
            let (replay, pool) = (Rc::clone(&replay), Rc::clone(&pool));
            tokio::task::spawn_local(async move {
                // A client that goes away takes its connection with it.
                let _ = connection(stream, &replay, &pool).await;
            });
        }
    })
}

async fn connection(stream: TcpStream, replay: &Rc<Replay>, pool: &Rc<Pool>) -> io::Result<()> {
    let mut client = Connection::new(stream)?;
    while let Some(message) = client.next().await? {
        client.consume(message);
        for (number, step) in replay.steps.iter().enumerate() {
            if step.len() == 1 {
                call(replay, pool, number, 0).await?;
                continue;
            }
            let mut calls = JoinSet::new();
            for at in 0..step.len() {
                let (replay, pool) = (Rc::clone(replay), Rc::clone(pool));
                calls.spawn_local(async move { call(&replay, &pool, number, at).await });
            }
            while let Some(done) = calls.join_next().await {
                done.map_err(io::Error::other)??;
            }
        }
        client.send(&replay.answer).await?;
    }
    Ok(())
}

async fn call(replay: &Replay, pool: &Pool, step: usize, at: usize) -> io::Result<()> {
    let (subgraph, request) = &replay.steps[step][at];
    let idle = pool[*subgraph].borrow_mut().pop();
    let mut connection = match idle {
        Some(connection) => connection,
        None => Connection::new(TcpStream::connect(replay.subgraphs[*subgraph]).await?)?,
    };
    connection.send(request).await?;
    let message = connection.next().await?;
    connection.consume(message.ok_or(io::ErrorKind::UnexpectedEof)?);
    pool[*subgraph].borrow_mut().push(connection);
    Ok(())
}
