//! The steps of composition, each only begun when the one before found no error.

use std::collections::HashMap;

use crate::api::api_document;
use crate::error::{CompositionErrors, ErrorCode, SubgraphLocation};
use crate::report::Report;
use crate::spec::Link;
use crate::spec::link::read_links;
use crate::subgraph::{self, Subgraph};
use crate::syntax::print::print_document;
use crate::syntax::{Document, line_column, parse_document};
use crate::{Composed, SubgraphSdl, merge, satisfy, validate};

/// The most subgraphs that are composed.
const MOST_SUBGRAPHS: usize = 5_000;

/// The most text of all subgraphs together that is read, in bytes.
const MOST_BYTES: usize = 256 * 1024 * 1024;

pub(crate) fn compose(sources: &[SubgraphSdl]) -> Result<Composed, CompositionErrors> {
    check_names(sources)?;
    let mut sorted: Vec<(String, &SubgraphSdl)> = graph_names(sources);
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let documents = parse_all(&sorted)?;
    let links = link_all(&sorted, &documents)?;
    let mut subgraphs: Vec<Subgraph<'_>> = Vec::with_capacity(sorted.len());
    for (((graph, source), document), links) in sorted.into_iter().zip(&documents).zip(links) {
        subgraphs.push(subgraph::build(source, graph, document, links));
    }
    let mut report = Report::default();
    for subgraph in &mut subgraphs {
        validate::check(subgraph, &mut report);
    }
    report.result()?;
    let mut report = Report::default();
    let mut supergraph = merge::merge(&subgraphs, &mut report)?;
    validate::supergraph::check(&supergraph, &mut report);
    let incomplete = satisfy::check(&supergraph, &mut report);
    report.result()?;
    supergraph.hints.extend(incomplete);
    let mut report = Report::default();
    validate::supergraph::check_access(&supergraph, &mut report);
    report.result()?;
    let emitted = merge::emit(&supergraph);
    let mut supergraph_sdl = String::new();
    supergraph_sdl.push_str(&print_document(&Document {
        schemas: emitted.document.schemas.clone(),
        directives: emitted.document.directives.clone(),
        types: Vec::new(),
    }));
    supergraph_sdl.push('\n');
    supergraph_sdl.push_str(&emitted.definitions);
    supergraph_sdl.push('\n');
    let api_sdl = print_document(&api_document(&emitted.document));
    supergraph_sdl.push_str(&print_document(&Document {
        schemas: Vec::new(),
        directives: Vec::new(),
        types: emitted.document.types,
    }));
    Ok(Composed {
        supergraph_sdl,
        api_sdl,
        hints: std::mem::take(&mut supergraph.hints),
    })
}

fn start_of(name: &str) -> SubgraphLocation {
    SubgraphLocation {
        subgraph: name.to_owned(),
        line: 1,
        column: 1,
    }
}

fn check_names(sources: &[SubgraphSdl]) -> Result<(), CompositionErrors> {
    let mut report = Report::default();
    let code = ErrorCode::InvalidSubgraphName;
    if sources.is_empty() {
        let message = "There is no subgraph to compose.";
        report.add(ErrorCode::NoQueries, message, Vec::new());
    }
    if sources.len() > MOST_SUBGRAPHS {
        let message = format!(
            "There are {} subgraphs; at most {MOST_SUBGRAPHS} are composed.",
            sources.len()
        );
        report.add(code, message, Vec::new());
    }
    let bytes: usize = sources.iter().map(|source| source.sdl.len()).sum();
    if bytes > MOST_BYTES {
        let message = format!(
            "The subgraphs are {bytes} bytes long together; at most {MOST_BYTES} are read."
        );
        report.add(ErrorCode::InvalidGraphql, message, Vec::new());
    }
    let mut seen: HashMap<&str, ()> = HashMap::new();
    for source in sources {
        let name = source.name.as_str();
        if name.trim().is_empty() {
            report.add(code, "A subgraph has no name.", vec![start_of(name)]);
        } else if name == "_" {
            let message = "Invalid name _ for a subgraph: this name is reserved";
            report.add(code, message, vec![start_of(name)]);
        }
        if seen.insert(name, ()).is_some() {
            let message = format!("There are two subgraphs named \"{name}\": rename one.");
            report.add(code, message, vec![start_of(name)]);
        }
    }
    report.result()
}

/// The values of `join__Graph`: names in capitals, with a number where two
/// names differ only in case or punctuation.
fn graph_names(sources: &[SubgraphSdl]) -> Vec<(String, &SubgraphSdl)> {
    let mut by_name: Vec<&SubgraphSdl> = sources.iter().collect();
    by_name.sort_by(|a, b| a.name.cmp(&b.name));
    let bases: Vec<String> = by_name
        .iter()
        .map(|source| graph_name(&source.name))
        .collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for base in &bases {
        *counts.entry(base).or_default() += 1;
    }
    let mut taken: std::collections::HashSet<String> = bases
        .iter()
        .filter(|base| counts[base.as_str()] == 1)
        .cloned()
        .collect();
    let mut named = Vec::with_capacity(sources.len());
    for (base, source) in bases.iter().zip(by_name) {
        let mut graph = base.clone();
        if counts[base.as_str()] > 1 {
            let mut number = 1;
            while !taken.insert(format!("{base}_{number}")) {
                number += 1;
            }
            graph = format!("{base}_{number}");
        }
        named.push((graph, source));
    }
    named
}

fn graph_name(name: &str) -> String {
    let mut graph: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    if graph.starts_with(|c: char| c.is_ascii_digit()) {
        graph = format!("_{graph}_");
    }
    graph
}

fn parse_all<'a>(
    sources: &[(String, &'a SubgraphSdl)],
) -> Result<Vec<Document<'a>>, CompositionErrors> {
    let mut report = Report::default();
    let mut documents = Vec::with_capacity(sources.len());
    for (_, source) in sources {
        match parse_document(&source.sdl) {
            Ok(document) => {
                if document.types.is_empty() && document.schemas.is_empty() {
                    let message = "The schema is empty: it defines no type.";
                    let at = vec![start_of(&source.name)];
                    report.add(ErrorCode::InvalidGraphql, message, at);
                }
                documents.push(document);
            }
            Err(error) => {
                let at = location(source, error.pos);
                report.add(ErrorCode::InvalidGraphql, error.message, vec![at]);
            }
        }
    }
    report.result()?;
    Ok(documents)
}

fn location(source: &SubgraphSdl, pos: u32) -> SubgraphLocation {
    let (line, column) = line_column(&source.sdl, pos);
    SubgraphLocation {
        subgraph: source.name.clone(),
        line,
        column,
    }
}

fn link_all<'a>(
    sources: &[(String, &SubgraphSdl)],
    documents: &'a [Document<'a>],
) -> Result<Vec<Vec<Link<'a>>>, CompositionErrors> {
    let mut report = Report::default();
    let mut all = Vec::with_capacity(documents.len());
    for ((_, source), document) in sources.iter().zip(documents) {
        match read_links(document) {
            Ok(links) => all.push(links),
            Err(errors) => {
                for (code, pos, message) in errors {
                    report.add(code, message, vec![location(source, pos)]);
                }
            }
        }
    }
    report.result()?;
    Ok(all)
}
