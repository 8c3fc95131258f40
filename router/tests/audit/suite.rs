//! Suites: one text file each, in sections `### subgraph NAME` (SDL),
//! `### data` (JSON, see `tables`) and `### case` (a document, then lines
//! `variables: JSON`, `mutations: JSON` with the root fields that must run in
//! this order, `errors` when errors are expected, and `=> JSON`, the data).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_graphql::Value as Ordered;
use atelier_composition::{SubgraphSdl, compose};
use atelier_router::{ClientRequest, Outcome, Router, RouterConfig, Supergraph};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::schema::Schema;
use crate::server::serve;
use crate::subgraph::{Log, Subgraph};
use crate::tables::Tables;

pub struct Case {
    pub query: String,
    pub variables: Option<Value>,
    pub mutations: Option<Value>,
    pub errors: bool,
    pub data: Ordered,
}

pub struct Suite {
    pub subgraphs: Vec<(String, String)>,
    pub data: Value,
    pub cases: Vec<Case>,
}

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/audit/suites")
}

impl Suite {
    pub fn read(name: &str) -> Self {
        Self::at(&folder().join(format!("{name}.suite")))
    }

    /// A suite that is not part of the public audit.
    pub fn of_ours(name: &str) -> Self {
        Self::at(&folder().join(format!("../ours/{name}.suite")))
    }

    fn at(path: &Path) -> Self {
        let name = path.display();
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let mut suite = Self {
            subgraphs: Vec::new(),
            data: Value::Null,
            cases: Vec::new(),
        };
        for section in format!("\n{text}").split("\n### ").skip(1) {
            let (head, body) = section.split_once('\n').unwrap_or((section, ""));
            match head.split_whitespace().collect::<Vec<_>>()[..] {
                ["subgraph", name] => suite.subgraphs.push((name.to_owned(), body.to_owned())),
                ["data"] => {
                    suite.data = serde_json::from_str(body)
                        .unwrap_or_else(|error| panic!("{name}: data: {error}"));
                }
                ["case"] => suite.cases.push(Case::parse(body)),
                _ => panic!("{name}: unknown section {head}"),
            }
        }
        suite
    }

    /// Runs every case; gives what is wrong with those that fail, by position.
    pub async fn run(&self, transport: Transport) -> Vec<(usize, String)> {
        let mut failures = Vec::new();
        let gateway = self.gateway(transport).await;
        for (at, case) in self.cases.iter().enumerate() {
            gateway.forget();
            if let Err(difference) = case.run(&gateway).await {
                let report = format!("{}\n{difference}{}", case.query.trim(), gateway.asked());
                failures.push((at + 1, report));
            }
        }
        failures
    }

    /// A router for the suite's subgraphs.
    pub async fn gateway(&self, transport: Transport) -> Gateway {
        let (log, mutated) = (Log::default(), Arc::default());
        let mut listeners = Vec::new();
        let mut sdls = Vec::new();
        for (name, sdl) in &self.subgraphs {
            let mut url = String::new();
            if transport != Transport::InProcess {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                url = format!("http://{}/graphql", listener.local_addr().unwrap());
                listeners.push(listener);
            }
            sdls.push(SubgraphSdl::new(name, &url, sdl));
        }
        let composed = compose(&sdls).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let supergraph = Supergraph::parse(&composed.supergraph_sdl).unwrap();
        let mut config = RouterConfig::default();
        config.subgraph_defaults.http2 = transport == Transport::Http2;
        let mut builder = Router::builder(supergraph).config(config);
        let mut listeners = listeners.into_iter();
        for (name, sdl) in &self.subgraphs {
            let subgraph = Subgraph {
                name: name.clone(),
                schema: Schema::parse(sdl),
                tables: Tables::new(&self.data, name),
                log: Arc::clone(&log),
                mutated: Arc::clone(&mutated),
            };
            match listeners.next() {
                Some(listener) => serve(subgraph, listener),
                None => builder = builder.subgraph(name.as_str(), Arc::new(subgraph)),
            }
        }
        let router = builder.build().unwrap();
        Gateway {
            router,
            log,
            mutated,
        }
    }
}

/// How the router reaches the subgraphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    InProcess,
    Http1,
    Http2,
}

/// A router, and what its subgraphs saw.
pub struct Gateway {
    pub router: Router,
    log: Log,
    mutated: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    pub fn forget(&self) {
        self.log.lock().clear();
        self.mutated.lock().clear();
    }

    /// What the subgraphs were asked, for reports.
    pub fn asked(&self) -> String {
        let line = |(subgraph, text, variables): &(String, String, Value)| {
            format!("\n  asked {subgraph}: {text} {variables}")
        };
        self.log.lock().iter().map(line).collect()
    }
}

impl Case {
    fn parse(body: &str) -> Self {
        let (request, data) = body.split_once("\n=> ").expect("a case without `=>`");
        let mut case = Self {
            query: String::new(),
            variables: None,
            mutations: None,
            errors: false,
            data: serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}")),
        };
        let json = |text: &str| Some(serde_json::from_str(text).expect("JSON in a case"));
        for line in request.lines() {
            if let Some(text) = line.strip_prefix("variables: ") {
                case.variables = json(text);
            } else if let Some(text) = line.strip_prefix("mutations: ") {
                case.mutations = json(text);
            } else if line == "errors" {
                case.errors = true;
            } else {
                case.query += line;
                case.query.push('\n');
            }
        }
        case
    }

    pub async fn run(&self, gateway: &Gateway) -> Result<(), String> {
        let mut request = ClientRequest::new(self.query.clone());
        request.params.variables = self.variables.as_ref().and_then(|v| v.as_object().cloned());
        let Outcome::Single(response) = gateway.router.execute(request).await else {
            return Err("a stream".into());
        };
        let Ok(Ordered::Object(body)) = serde_json::from_slice(&response.body) else {
            return Err(format!("no JSON object: {:?}", response.body));
        };
        let got = body.get("data").cloned().unwrap_or(Ordered::Null);
        let errors = body.get("errors").map(Ordered::to_string);
        // As text, since the order of the keys counts.
        if got.to_string() != self.data.to_string() {
            return Err(format!(
                "  expected {}\n  got      {got}\n  errors   {errors:?}",
                self.data
            ));
        }
        if errors.is_some() != self.errors {
            return Err(format!(
                "  errors expected: {}, got {errors:?}",
                self.errors
            ));
        }
        let mutated = gateway.mutated.lock().clone();
        match &self.mutations {
            Some(expected) if *expected != Value::from(mutated.clone()) => {
                Err(format!("  mutations ran as {mutated:?}"))
            }
            _ => Ok(()),
        }
    }
}
