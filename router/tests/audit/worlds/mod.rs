//! Worlds made at random: types spread over subgraphs in all ways that federation
//! has, and operations on them. The router must answer as one server would that
//! knows everything; the subgraphs refuse what a wrong plan would ask.
//!
//! More of them than the tests run: `ATELIER_WORLDS=0..5000 cargo test -p
//! atelier-router --test audit by_hand -- --nocapture`; with `ATELIER_QUESTION` set
//! that operation is asked of each of them.

mod data;
mod dice;
mod directives;
mod make;
mod model;
mod question;
mod sdl;

use std::ops::Range;
use std::sync::Arc;

use atelier_composition::{SubgraphSdl, compose};
use atelier_router::{ClientRequest, IncrementalFormat, Outcome, Router, Supergraph};
use serde_json::Value;

use crate::deferred;
use crate::schema::Schema;
use crate::subgraph::{Log, Subgraph};
use crate::tables::Tables;
use dice::Dice;
use model::{World, subgraph_name};
use question::Question;

const QUESTIONS: u64 = 12;

struct Graph {
    undivided: Subgraph,
    router: Router,
    log: Log,
}

impl Graph {
    /// Nothing, if the world's subgraphs do not compose.
    fn new(world: &World, data: &Value) -> Result<Self, String> {
        let sdls: Vec<(String, String)> = (0..world.subgraphs)
            .map(|home| (subgraph_name(home), world.subgraph_sdl(home)))
            .collect();
        let named = sdls
            .iter()
            .map(|(name, sdl)| SubgraphSdl::new(name, "", sdl));
        let composed = compose(&named.collect::<Vec<_>>()).map_err(|errors| errors.to_string())?;
        let supergraph = Supergraph::parse(&composed.supergraph_sdl).unwrap();
        let log = Log::default();
        let mut builder = Router::builder(supergraph);
        for (name, sdl) in &sdls {
            let subgraph = subgraph(name, sdl, data, &log);
            builder = builder.subgraph(name.as_str(), Arc::new(subgraph));
        }
        Ok(Self {
            undivided: subgraph("all", &world.undivided_sdl(), data, &Log::default()),
            router: builder.build().map_err(|error| error.to_string())?,
            log,
        })
    }

    /// How the router's answer differs from that of the undivided server.
    async fn differs(&self, question: &Question) -> Option<String> {
        self.log.lock().clear();
        let variables = Value::Object(question.variables.clone());
        let expected = self.undivided.answer(&question.text, &variables);
        let mut request = ClientRequest::new(question.text.clone());
        request.params.variables = Some(question.variables.clone());
        let Outcome::Single(response) = self.router.execute(request).await else {
            return Some("a stream".into());
        };
        let Ok(Value::Object(got)) = serde_json::from_slice(&response.body) else {
            return Some(format!("no JSON object: {:?}", response.body));
        };
        let expected_data = &expected["data"];
        let data = got.get("data").unwrap_or(&Value::Null);
        let same_errors = expected.get("errors").is_some() == got.contains_key("errors");
        if data == expected_data && same_errors {
            return None;
        }
        Some(format!(
            "{}\n  variables {variables}\n  expected {expected_data}\n  got      {data}\n  \
             expected errors {:?}\n  errors {:?}{}",
            question.text,
            expected.get("errors").map(Value::to_string),
            got.get("errors").map(Value::to_string),
            self.asked()
        ))
    }

    /// The same for an answer in pieces, where all is well.
    async fn differs_in_pieces(&self, question: &Question, seed: u64) -> Option<String> {
        let variables = Value::Object(question.variables.clone());
        let expected = self.undivided.answer(&question.text, &variables);
        if expected.get("errors").is_some() {
            return None;
        }
        for format in [IncrementalFormat::ByPath, IncrementalFormat::ById] {
            self.log.lock().clear();
            let wanted = |at: usize| Dice::new(seed * 1_000 + at as u64).percent(20);
            let document = deferred::with_defer(&question.text, &wanted);
            let mut request = ClientRequest::new(document.as_str());
            request.params.variables = Some(question.variables.clone());
            request.incremental = Some(format);
            if let Err(problem) = deferred::compare(&expected["data"], &self.router, request).await
            {
                return Some(format!(
                    "{document}\n  variables {variables}\n{problem}{}",
                    self.asked()
                ));
            }
        }
        None
    }

    /// What the subgraphs were asked, for reports.
    fn asked(&self) -> String {
        let log = self.log.lock();
        let asked = log
            .iter()
            .map(|(subgraph, text, variables)| format!("\n  asked {subgraph}: {text} {variables}"));
        asked.collect()
    }
}

fn subgraph(name: &str, sdl: &str, data: &Value, log: &Log) -> Subgraph {
    Subgraph {
        name: name.to_owned(),
        schema: Schema::parse(sdl),
        tables: Tables::new(data, name),
        log: Arc::clone(log),
        mutated: Arc::default(),
    }
}

/// Asks each world; gives how many composed, and what is wrong.
async fn explore(seeds: Range<u64>) -> (usize, Vec<String>) {
    let (mut composed, mut failures) = (0, Vec::new());
    for seed in seeds {
        let world = make::world(seed);
        let data = data::tables(&world, seed);
        let graph = match Graph::new(&world, &data) {
            Ok(graph) => graph,
            Err(error) => {
                if std::env::var_os("ATELIER_WORLDS").is_some() {
                    println!("world {seed} does not compose: {error}{}", sdls(&world));
                }
                continue;
            }
        };
        composed += 1;
        for number in 0..QUESTIONS {
            let mut question = question::question(&world, seed * QUESTIONS + number);
            if let Ok(text) = std::env::var("ATELIER_QUESTION") {
                question.text = text;
            }
            let mut difference = graph.differs(&question).await;
            if difference.is_none() {
                difference = graph.differs_in_pieces(&question, seed + number).await;
            }
            if let Some(difference) = difference {
                failures.push(format!(
                    "world {seed}, question {number}: {difference}\n{}",
                    sdls(&world)
                ));
                break;
            }
        }
    }
    (composed, failures)
}

fn sdls(world: &World) -> String {
    let sdl = |home| {
        let sdl = world.subgraph_sdl(home);
        format!("\n--- {}\n{sdl}", subgraph_name(home))
    };
    (0..world.subgraphs).map(sdl).collect()
}

/// Asks the worlds of a range, or those asked for by hand.
async fn agree(seeds: Range<u64>) {
    let count = seeds.clone().count();
    let (composed, failures) = explore(seeds).await;
    println!(
        "{composed} of {count} worlds compose, {} fail",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(composed * 4 > count * 3, "too few worlds compose");
}

#[tokio::test]
async fn worlds_asked_for_by_hand_are_answered_as_one_server_would() {
    let Ok(wanted) = std::env::var("ATELIER_WORLDS") else {
        return;
    };
    let (from, to) = wanted.split_once("..").expect("FROM..TO");
    agree(from.parse().unwrap()..to.parse().unwrap()).await;
}

macro_rules! worlds {
    ($($test:ident: $seeds:expr,)*) => {
        $(#[tokio::test]
        async fn $test() {
            agree($seeds).await;
        })*
    };
}

// In parts, so that they run beside each other.
worlds! {
    any_world_is_answered_as_one_server_would: 0..25,
    any_other_world_is_answered_as_one_server_would: 25..50,
    any_third_world_is_answered_as_one_server_would: 50..75,
    any_fourth_world_is_answered_as_one_server_would: 75..100,
}
