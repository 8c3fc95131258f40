//! Composed directives mean the same in every subgraph.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::ErrorCode;
use crate::merge::{Supergraph, link_of, version_number};
use crate::report::Report;
use crate::subgraph::Subgraph;

/// Names by which subgraphs know one element of a feature.
type Aliases<'g> = BTreeMap<&'g str, BTreeSet<&'g str>>;

/// Checks the links behind `@composeDirective` and the cost directives.
pub(super) fn check(supergraph: &Supergraph<'_>, report: &mut Report) {
    composed(supergraph, report);
    cost_names(supergraph, report);
}

fn composed(supergraph: &Supergraph<'_>, report: &mut Report) {
    let mut composed_identities = BTreeSet::new();
    for subgraph in supergraph.subgraphs {
        for (name, _) in &subgraph.composed {
            composed_identities.extend(link_of(subgraph, name).map(|(link, _)| link.identity));
        }
    }
    let mut majors: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    let mut aliases: BTreeMap<(&str, &str), Aliases<'_>> = BTreeMap::new();
    let mut identities: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for subgraph in supergraph.subgraphs {
        for link in &subgraph.links {
            let has_directive = link.imports.iter().any(|import| import.is_directive());
            if !has_directive || !composed_identities.contains(link.identity) {
                continue;
            }
            if link.version.is_some() {
                let major = version_number(link.version).0;
                majors.entry(link.identity).or_default().insert(major);
            }
        }
        for (name, _) in &subgraph.composed {
            let Some((link, element)) = link_of(subgraph, name) else {
                continue;
            };
            aliases
                .entry((link.identity, element))
                .or_default()
                .entry(name)
                .or_default()
                .insert(subgraph.name);
            identities.entry(name).or_default().insert(link.identity);
        }
    }
    let mut error = |message, at: &dyn Fn(&Subgraph<'_>, &str) -> bool| {
        let mut locations = Vec::new();
        for subgraph in supergraph.subgraphs {
            let composed = subgraph
                .composed
                .iter()
                .filter(|(name, _)| at(subgraph, name));
            locations.extend(composed.map(|(_, pos)| subgraph.location(*pos)));
        }
        report.add(ErrorCode::DirectiveCompositionError, message, locations);
    };
    let links_to = |subgraph: &Subgraph<'_>, name: &str, identity: &str| {
        link_of(subgraph, name).is_some_and(|(link, _)| link.identity == identity)
    };
    for (identity, _) in majors.iter().filter(|(_, majors)| majors.len() > 1) {
        let message = format!(
            "Core feature \"{identity}\" requested to be merged has major version mismatch across subgraphs"
        );
        error(message, &|subgraph, name| {
            links_to(subgraph, name, identity)
        });
    }
    for ((_, element), names) in aliases.iter().filter(|(_, names)| names.len() > 1) {
        let message = format!(
            "Composed directive \"@{element}\" has incompatible name across subgraphs: it has {}. Composed \
             directive must have the same name across all subgraphs.",
            describe(names)
        );
        error(message, &|_, name| names.contains_key(name));
    }
    for (composed, links) in identities.iter().filter(|(_, links)| links.len() > 1) {
        let links: Vec<&str> = links.iter().copied().collect();
        let message = format!(
            "Composed directive \"@{composed}\" is not linked by the same core feature in every subgraph: it is \
             of {}.",
            links.join(" and ")
        );
        error(message, &|_, name| name == *composed);
    }
}

fn describe(names: &Aliases<'_>) -> String {
    let described: Vec<String> = names
        .iter()
        .map(|(name, subgraphs)| {
            let subgraphs: Vec<&str> = subgraphs.iter().copied().collect();
            format!("name \"@{name}\" in \"{}\"", subgraphs.join("\", \""))
        })
        .collect();
    described.join(" but ")
}

/// The supergraph can call `@cost` and `@listSize` by one name each.
fn cost_names(supergraph: &Supergraph<'_>, report: &mut Report) {
    for element in ["@cost", "@listSize"] {
        let mut names: Aliases<'_> = Aliases::new();
        for subgraph in supergraph.subgraphs {
            for link in subgraph.links.iter().filter(|link| link.is_federation()) {
                for import in link.imports.iter().filter(|import| import.name == element) {
                    let local = import.local().trim_start_matches('@');
                    names.entry(local).or_default().insert(subgraph.name);
                }
            }
        }
        if names.len() > 1 {
            let message = format!(
                "The import name \"{element}\" is imported with mismatched name between subgraphs: it has {}.",
                describe(&names)
            );
            let links = supergraph.subgraphs.iter().flat_map(|subgraph| {
                let imports = subgraph
                    .links
                    .iter()
                    .filter(|link| link.imports.iter().any(|import| import.name == element));
                imports.map(|link| subgraph.location(link.pos))
            });
            report.add(ErrorCode::LinkImportNameMismatch, message, links.collect());
        }
    }
}
