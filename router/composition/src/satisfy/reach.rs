//! What can be resolved from where.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use crate::merge::{Entry, MergedField, Supergraph};
use crate::subgraph::walk::runtime_types;
use crate::syntax::selection::{FieldSelection, Selection};
use crate::syntax::{Operation, TypeKind};

use super::graph::{Edges, Labels, Node, Nodes, index};

/// So many steps a check may take before it is given up.
const MOST_STEPS: u64 = 60_000_000;

/// So deep conditions may depend on conditions.
const MOST_DEPTH: usize = 60;

/// Field sets that are available together, by address.
type Provision<'g> = Vec<&'g [Selection<'g>]>;

/// A field taken within a subgraph.
pub(super) struct Step<'g> {
    to: Node,
    /// The type the subgraph returns, which may be more special than the merged one.
    returns: &'g str,
}

pub(super) struct Reach<'s, 'g> {
    pub supergraph: &'s Supergraph<'g>,
    pub edges: &'s Edges<'g>,
    labels: Labels,
    provisions: Vec<Provision<'g>>,
    provision_ids: HashMap<Vec<(usize, usize)>, u32>,
    closures: HashMap<(usize, Vec<Node>), Nodes>,
    active: HashSet<(usize, Vec<Node>)>,
    requiring: HashSet<(usize, &'g str, u32)>,
    runtime: HashMap<(u32, usize), Rc<Vec<usize>>>,
    /// Whether a result since the last look rests on an unfinished one.
    provisional: bool,
    depth: usize,
    steps: u64,
}

impl<'s, 'g> Reach<'s, 'g> {
    pub(super) fn new(
        supergraph: &'s Supergraph<'g>,
        edges: &'s Edges<'g>,
        labels: Labels,
    ) -> Self {
        Self {
            supergraph,
            edges,
            labels,
            provisions: vec![Vec::new()],
            provision_ids: HashMap::new(),
            closures: HashMap::new(),
            active: HashSet::new(),
            requiring: HashSet::new(),
            runtime: HashMap::new(),
            provisional: false,
            depth: 0,
            steps: 0,
        }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.steps >= MOST_STEPS
    }

    /// Everywhere keys lead from these nodes of an object type.
    pub(super) fn closure(&mut self, ty: usize, mut start: Vec<Node>) -> Nodes {
        start.sort_unstable();
        start.dedup();
        if self.supergraph.types[ty].name == Operation::Query.default_type() {
            let all = 0..self.supergraph.subgraphs.len();
            return Rc::new(all.map(Node::at).collect());
        }
        let key = (ty, start);
        if let Some(known) = self.closures.get(&key) {
            return Rc::clone(known);
        }
        let start = key.1.clone();
        if self.depth >= MOST_DEPTH || !self.active.insert(key.clone()) {
            self.provisional = true;
            return Rc::new(start);
        }
        self.depth += 1;
        let before = std::mem::take(&mut self.provisional);
        let nodes = Rc::new(self.expand(ty, start));
        self.depth -= 1;
        self.active.remove(&key);
        if !self.provisional || self.depth == 0 {
            self.closures.insert(key, Rc::clone(&nodes));
        }
        self.provisional |= before;
        if self.depth == 0 {
            self.provisional = false;
        }
        nodes
    }

    fn expand(&mut self, ty: usize, mut nodes: Vec<Node>) -> Vec<Node> {
        let edges = self.edges;
        let start = nodes.len();
        let mut open: Vec<usize> = (0..edges.keys[ty].len()).collect();
        loop {
            let mut moved = false;
            let mut still_open = Vec::new();
            for at in open {
                let edge = &edges.keys[ty][at];
                if nodes.contains(&edge.to) {
                    continue;
                }
                if edge.from.is_among(&nodes, start) && self.can_resolve(ty, &nodes, edge.fields) {
                    nodes.push(edge.to);
                    moved = true;
                } else {
                    still_open.push(at);
                }
            }
            if !moved || self.is_exhausted() {
                break;
            }
            open = still_open;
        }
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Whether everything selected can be had from these nodes.
    pub(super) fn can_resolve(
        &mut self,
        ty: usize,
        nodes: &[Node],
        selections: &'g [Selection<'g>],
    ) -> bool {
        selections.iter().all(|selection| match selection {
            Selection::Fragment(fragment) => {
                let applies = fragment.on.is_none_or(|on| self.is_a(ty, on));
                !applies || self.can_resolve(ty, nodes, &fragment.selections)
            }
            Selection::Field(selected) => self.can_resolve_field(ty, nodes, selected),
        })
    }

    fn can_resolve_field(
        &mut self,
        ty: usize,
        nodes: &[Node],
        selected: &'g FieldSelection<'g>,
    ) -> bool {
        if selected.name == "__typename" {
            return true;
        }
        if self.is_exhausted() {
            return false;
        }
        if selected.selections.is_empty() {
            return nodes
                .iter()
                .any(|node| self.step(ty, nodes, *node, selected.name).is_some());
        }
        let next = self.resolve(ty, nodes, selected.name);
        if next.is_empty() {
            return false;
        }
        let mut arrivals = BTreeMap::new();
        self.arrive(&next, &mut arrivals);
        arrivals.into_iter().all(|(target, nodes)| {
            let nodes = self.closure(target, nodes);
            self.can_resolve(target, &nodes, &selected.selections)
        })
    }

    /// The nodes that resolve the field, with what is provided below it.
    pub(super) fn resolve(&mut self, ty: usize, nodes: &[Node], field: &str) -> Vec<Step<'g>> {
        nodes
            .iter()
            .filter_map(|node| self.step(ty, nodes, *node, field))
            .collect()
    }

    /// The step along a field within one subgraph, if it resolves the field.
    fn step(&mut self, ty: usize, nodes: &[Node], node: Node, name: &str) -> Option<Step<'g>> {
        self.steps += 1;
        let mut provision: Provision<'g> = Vec::new();
        let provided = self.provided(ty, node, name, &mut provision);
        let field = self.field_at(ty, node, name);
        let entry = field.and_then(|f| f.entries.iter().find(|e| index(e.graph) == node.graph));
        if !provided {
            let (field, entry) = (field?, entry?);
            if entry.external || !self.in_force(field, entry) {
                return None;
            }
            let part = field.part(entry.graph);
            if let Some(set) = part.and_then(|part| part.requires.as_ref()) {
                let owner = node.via.map_or(ty, |via| via as usize);
                if !self.requirements_met(ty, owner, nodes, node, field.name, &set.selections) {
                    return None;
                }
            }
        }
        let part = entry.and_then(|entry| field?.part(entry.graph));
        if let Some(set) = part.and_then(|part| part.provides.as_ref()) {
            provision.push(&set.selections);
        }
        let returns = field?.part(node.graph as usize)?.ty.name;
        let to = Node {
            graph: node.graph,
            via: None,
            provided: self.provision_id(provision),
        };
        Some(Step { to, returns })
    }

    /// The field as the subgraph of the node knows it.
    fn field_at(&self, ty: usize, node: Node, name: &str) -> Option<&'s MergedField<'g>> {
        let owner = node.via.map_or(ty, |via| via as usize);
        self.supergraph.types[owner].fields.get(name)
    }

    fn in_force(&self, field: &MergedField<'g>, entry: &Entry<'g>) -> bool {
        if entry.label.is_none() {
            return true;
        }
        let overrides = entry.overrides.is_some();
        let overridden = !overrides && field.entries.len() > 1;
        match self.labels {
            Labels::On => !overridden,
            Labels::Off => !overrides,
        }
    }

    /// Whether what the field requires can be had elsewhere and brought here.
    fn requirements_met(
        &mut self,
        ty: usize,
        owner: usize,
        nodes: &[Node],
        node: Node,
        field: &'g str,
        selections: &'g [Selection<'g>],
    ) -> bool {
        if !self.requiring.insert((owner, field, node.graph)) {
            self.provisional = true;
            return false;
        }
        let met = self.can_resolve(ty, nodes, selections) && self.can_return(ty, nodes, node);
        self.requiring.remove(&(owner, field, node.graph));
        met
    }

    /// Whether a key leads (back) into the subgraph.
    fn can_return(&mut self, ty: usize, nodes: &[Node], node: Node) -> bool {
        let edges = self.edges;
        let root = self.supergraph.types[ty].is_root();
        root || edges.keys[ty]
            .iter()
            .filter(|edge| edge.to.graph == node.graph)
            .any(|edge| self.can_resolve(ty, nodes, edge.fields))
    }

    /// Whether a `@provides` on the way makes the field available; collects
    /// what it provides below.
    fn provided(&self, ty: usize, node: Node, name: &str, below: &mut Provision<'g>) -> bool {
        if node.provided == 0 {
            return false;
        }
        let mut found = false;
        let mut stack: Vec<&'g [Selection<'g>]> = self.provisions[node.provided as usize].clone();
        while let Some(selections) = stack.pop() {
            for selection in selections {
                match selection {
                    Selection::Field(selected) if selected.name == name => {
                        found = true;
                        if !selected.selections.is_empty() {
                            below.push(&selected.selections);
                        }
                    }
                    Selection::Fragment(fragment)
                        if fragment.on.is_none_or(|on| self.is_a(ty, on)) =>
                    {
                        stack.push(&fragment.selections);
                    }
                    _ => {}
                }
            }
        }
        found
    }

    fn provision_id(&mut self, provision: Provision<'g>) -> u32 {
        if provision.is_empty() {
            return 0;
        }
        let mut key: Vec<(usize, usize)> = provision
            .iter()
            .map(|set| (set.as_ptr() as usize, set.len()))
            .collect();
        key.sort_unstable();
        key.dedup();
        let next = index(self.provisions.len());
        let id = *self.provision_ids.entry(key).or_insert(next);
        if id == next {
            self.provisions.push(provision);
        }
        id
    }

    /// Whether an object of the type is one of the named type.
    fn is_a(&self, ty: usize, name: &str) -> bool {
        let object = &self.supergraph.types[ty];
        object.name == name
            || object.interfaces.contains_key(name)
            || self.supergraph.types.get(name).is_some_and(|to| {
                to.kind == TypeKind::Union && to.members.contains_key(object.name)
            })
    }

    /// The object types a field's value may have, and where the router then is.
    pub(super) fn arrive(&mut self, steps: &[Step<'g>], arrivals: &mut BTreeMap<usize, Vec<Node>>) {
        for step in steps {
            let Some((at, _, merged)) = self.supergraph.types.get_full(step.returns) else {
                continue;
            };
            if !matches!(
                merged.kind,
                TypeKind::Object | TypeKind::Interface | TypeKind::Union
            ) {
                continue;
            }
            let by_object = merged
                .part(step.to.graph as usize)
                .is_some_and(|part| part.interface_object);
            let via = by_object.then(|| index(at));
            for ty in self.runtime(step.to.graph, at).iter() {
                arrivals
                    .entry(*ty)
                    .or_default()
                    .push(Node { via, ..step.to });
            }
        }
    }

    /// Whether subgraphs that share a field return objects of wholly different
    /// types, so that what a client gets depends on whom the router asks.
    pub(super) fn runtime_types_differ(&mut self, steps: &[Step<'g>]) -> bool {
        if steps.len() < 2 {
            return false;
        }
        let mut common: Option<Vec<usize>> = None;
        for step in steps {
            let Some((at, _, merged)) = self.supergraph.types.get_full(step.returns) else {
                return false;
            };
            let composite = matches!(
                merged.kind,
                TypeKind::Object | TypeKind::Interface | TypeKind::Union
            );
            let types = self.runtime(step.to.graph, at);
            if !composite || types.is_empty() {
                return false;
            }
            match &mut common {
                None => common = Some(types.to_vec()),
                Some(common) => common.retain(|ty| types.contains(ty)),
            }
        }
        common.is_some_and(|common| common.is_empty())
    }

    /// The object types that an object of the type may have in the subgraph.
    fn runtime(&mut self, graph: u32, at: usize) -> Rc<Vec<usize>> {
        if let Some(known) = self.runtime.get(&(graph, at)) {
            return Rc::clone(known);
        }
        let merged = &self.supergraph.types[at];
        let subgraph = &self.supergraph.subgraphs[graph as usize];
        let names: Vec<&str> = match merged.part(graph as usize) {
            Some(part) if part.interface_object => self
                .supergraph
                .implementations
                .get(merged.name)
                .cloned()
                .unwrap_or_default(),
            Some(part) => runtime_types(subgraph, part),
            None => Vec::new(),
        };
        let types = names
            .into_iter()
            .filter_map(|name| self.supergraph.types.get_index_of(name))
            .collect();
        let types = Rc::new(types);
        self.runtime.insert((graph, at), Rc::clone(&types));
        types
    }
}
