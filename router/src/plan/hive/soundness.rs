//! Plans that ask for what a subgraph cannot answer. The planner now and then puts
//! a field that requires others below a field that both subgraphs resolve, where
//! nothing required is sent along, or leaves a composite field without selection.

use std::collections::{HashMap, HashSet};

use graphql_tools::static_graphql::schema as ast;
use hive_router_query_planner::state::supergraph_state::{SupergraphDefinition, SupergraphState};

use super::unions::fields_of;
use crate::operation::Kind;
use crate::plan::tree::{RawFetch, Selection, Tree};
use crate::schema::directives::{graph_names, named, text};

/// What plans are checked against.
pub(super) struct Soundness {
    /// Fields that require others, by subgraph and type.
    requiring: Requiring,
}

type Requiring = HashMap<String, HashMap<String, HashSet<String>>>;

impl Soundness {
    pub(super) fn read(document: &ast::Document) -> Self {
        let graphs = graph_names(document);
        let mut requiring = Requiring::new();
        for definition in &document.definitions {
            for (ty, _, field) in fields_of(definition) {
                for join in named(&field.directives, "join__field") {
                    let requires = text(join, "requires").is_some();
                    let graph = text(join, "graph").filter(|_| requires);
                    if let Some(service) = graph.and_then(|graph| graphs.get(graph)) {
                        let types = requiring.entry((*service).to_owned()).or_default();
                        let fields = types.entry(ty.to_owned()).or_default();
                        fields.insert(field.name.clone());
                    }
                }
            }
        }
        Self { requiring }
    }

    pub(super) fn holds(&self, supergraph: &SupergraphState, tree: &Tree) -> bool {
        match tree {
            Tree::Sequence(all) | Tree::Parallel(all) => {
                all.iter().all(|tree| self.holds(supergraph, tree))
            }
            Tree::Fetch(fetch) => {
                let check = Check {
                    requiring: self.requiring.get(&fetch.service),
                    supergraph,
                };
                check.fetch(fetch)
            }
        }
    }
}

struct Check<'a> {
    /// Of the subgraph that is asked.
    requiring: Option<&'a HashMap<String, HashSet<String>>>,
    supergraph: &'a SupergraphState,
}

impl Check<'_> {
    fn fetch(&self, fetch: &RawFetch) -> bool {
        let names = self.supergraph;
        let root = match fetch.kind {
            Kind::Query => Some(names.query_type.as_str()),
            Kind::Mutation => names.mutation_type.as_deref(),
            Kind::Subscription => names.subscription_type.as_deref(),
        };
        match fetch.branches.is_empty() {
            true => self.set(root.unwrap_or_default(), &fetch.selection, false),
            false => {
                let mut branches = fetch.branches.iter();
                branches.all(|branch| self.set("", &branch.selection, true))
            }
        }
    }

    /// `sent`: what is required has been sent for these objects.
    fn set(&self, parent: &str, set: &[Selection], sent: bool) -> bool {
        set.iter().all(|item| match item {
            Selection::Fragment { on, children } => self.set(on, children, sent),
            Selection::Field { name, children, .. } => {
                let Some(definition) = self.supergraph.definitions.get(parent) else {
                    return true;
                };
                let Some(field) = definition.fields().get(name) else {
                    return true;
                };
                let below = field.field_type.inner_type();
                let composite = self
                    .supergraph
                    .definitions
                    .get(below)
                    .is_some_and(SupergraphDefinition::is_composite_type);
                (sent || !self.requires(parent, name))
                    && (!composite || !children.is_empty())
                    && self.set(below, children, false)
            }
        })
    }

    fn requires(&self, ty: &str, field: &str) -> bool {
        let fields = self.requiring.and_then(|types| types.get(ty));
        fields.is_some_and(|fields| fields.contains(field))
    }
}
