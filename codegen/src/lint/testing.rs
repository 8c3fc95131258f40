//! Schemas for the tests of the rules: composed as the real ones are.

use atelier_composition::{SubgraphSdl, compose};

use super::{Rule, Settings, lint};
use crate::prepare_subgraph;

/// The coordinates at which a schema of one subgraph breaks `rule`.
pub(super) fn findings(rule: Rule, sdl: &str) -> Vec<String> {
    findings_with(rule, sdl, &Settings::default())
}

/// The same with settings.
pub(super) fn findings_with(rule: Rule, sdl: &str, settings: &Settings) -> Vec<String> {
    findings_of(rule, &[("one", sdl)], settings)
}

/// The same for a graph of several subgraphs.
pub(super) fn findings_of(
    rule: Rule,
    subgraphs: &[(&str, &str)],
    settings: &Settings,
) -> Vec<String> {
    let subgraphs: Vec<SubgraphSdl> = subgraphs
        .iter()
        .map(|(name, sdl)| SubgraphSdl::new(*name, "", prepare_subgraph(name, sdl).unwrap()))
        .collect();
    let composed = compose(&subgraphs).unwrap();
    lint(&composed.supergraph_sdl, &subgraphs, settings)
        .unwrap()
        .into_iter()
        .filter(|finding| finding.rule == rule)
        .map(|finding| finding.coordinate)
        .collect()
}
