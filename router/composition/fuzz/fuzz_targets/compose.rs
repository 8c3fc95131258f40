//! Composes whatever comes: never a panic, and what composes holds together.
//!
//! A line of dashes alone (`---`) divides the input into subgraphs.
#![no_main]

use atelier_composition::{SubgraphSdl, api_schema, check, compose, contract};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut subgraphs: Vec<SubgraphSdl> = text
        .split("\n---\n")
        .take(4)
        .enumerate()
        .map(|(at, sdl)| SubgraphSdl::new(format!("s{at}"), "", sdl))
        .collect();
    let answer = compose(&subgraphs);
    subgraphs.reverse();
    assert_eq!(answer, compose(&subgraphs), "the order makes no difference");
    if let Ok(composed) = answer {
        let api = api_schema(&composed.supergraph_sdl).expect("a supergraph parses");
        assert_eq!(api, composed.api_sdl);
        assert!(check::breaking_changes(&composed.supergraph_sdl, &api).is_empty());
        let _ = contract(&composed.supergraph_sdl, &["a"], &["b"]);
    }
});
