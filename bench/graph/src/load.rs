//! A closed loop of requests over kept connections; every answer is compared with the right one.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::process::cpu_seconds;

/// A signed-in client.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    /// Registers a user at the graph on `port`.
    pub async fn registered(port: u16) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let mut client = Self {
            http,
            url: format!("http://127.0.0.1:{port}/graphql"),
            token: String::new(),
        };
        let input = json!({ "username": "bench", "email": "bench@example.org", "password": "correct horse battery" });
        let register = "mutation($input: AuthRegisterInput!) { authRegister(input: $input) { tokens { accessToken } userErrors { code } } }";
        let answer = client
            .send(json!({ "query": register, "variables": { "input": input } }))
            .await?;
        let token = answer
            .pointer("/data/authRegister/tokens/accessToken")
            .and_then(Value::as_str);
        client.token = token
            .with_context(|| format!("no token: {answer}"))?
            .to_owned();
        Ok(client)
    }

    /// The same user at another port.
    pub fn at(&self, port: u16) -> Self {
        Self {
            url: format!("http://127.0.0.1:{port}/graphql"),
            ..self.clone()
        }
    }

    /// Sends one request.
    pub async fn send(&self, body: Value) -> anyhow::Result<Value> {
        let mut request = self.http.post(&self.url).json(&body);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        Ok(request.send().await?.json().await?)
    }

    /// The `data` that a query must give.
    pub async fn expected(&self, query: &str) -> anyhow::Result<Value> {
        let mut answer = self.send(json!({ "query": query })).await?;
        ensure!(answer.get("errors").is_none(), "{answer}");
        Ok(answer["data"].take())
    }
}

/// What rounds of load came to.
#[derive(Default)]
pub struct Figures {
    requests: usize,
    seconds: f64,
    cpu: f64,
    latencies: Vec<Duration>,
}

impl Figures {
    /// Adds a round.
    pub fn add(&mut self, round: Self) {
        self.requests += round.requests;
        self.seconds += round.seconds;
        self.cpu += round.cpu;
        self.latencies.extend(round.latencies);
    }

    /// Requests per second of CPU of the processes that served them.
    pub fn per_cpu_second(&self) -> f64 {
        self.requests as f64 / self.cpu
    }

    /// Prints a row.
    pub fn print(&mut self, query: &str, shape: &str) {
        self.latencies.sort_unstable();
        let at = |share: f64| {
            let index = (self.latencies.len().saturating_sub(1) as f64 * share) as usize;
            self.latencies
                .get(index)
                .map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        println!(
            "{query:<16} {shape:<22} {:>10.0} {:>14.0} {:>10.2} {:>10.2}",
            self.requests as f64 / self.seconds,
            self.per_cpu_second(),
            at(0.5),
            at(0.99)
        );
    }
}

/// Keeps `connections` requests under way for `length` and takes the CPU time of `servers`.
pub async fn run(
    client: &Client,
    query: &str,
    expected: &Value,
    connections: usize,
    length: Duration,
    servers: &[u32],
) -> anyhow::Result<Figures> {
    let body = json!({ "query": query });
    let (started, cpu_before) = (Instant::now(), cpu_seconds(servers)?);
    let loops = (0..connections).map(|_| async {
        let mut latencies = Vec::new();
        while started.elapsed() < length {
            let sent = Instant::now();
            let answer = client.send(body.clone()).await?;
            ensure!(
                answer.get("data") == Some(expected),
                "a wrong answer: {answer}"
            );
            latencies.push(sent.elapsed());
        }
        Ok(latencies)
    });
    let latencies: Vec<Duration> = futures::future::try_join_all(loops)
        .await?
        .into_iter()
        .flatten()
        .collect();
    Ok(Figures {
        requests: latencies.len(),
        seconds: started.elapsed().as_secs_f64(),
        cpu: cpu_seconds(servers)? - cpu_before,
        latencies,
    })
}
