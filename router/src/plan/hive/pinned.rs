//! Operations that ask for members of a union only some subgraphs of the field
//! know. Which subgraph is asked decides what the objects can be, so one is
//! chosen for each such place, from outside to inside. All subgraphs of the field
//! are tried: the best is the one that answers soonest, then the one that knows
//! most of the members asked for, then the one with the fewest requests.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use hive_router_query_planner::ast::operation::OperationDefinition;
use hive_router_query_planner::ast::selection_item::SelectionItem;
use hive_router_query_planner::ast::selection_set::{FieldSelection, SelectionSet};
use hive_router_query_planner::state::supergraph_state::{OperationKind, SupergraphState};

use super::unions::{PartialUnions, Source};
use super::{Planner, cost};
use crate::plan::PlanError;
use crate::plan::tree::{Selection, Tree};

/// Plans tried for one operation. Places beyond are left to the planner, which
/// then gives the names of those types only.
const MAX_TRIALS: usize = 64;

/// A place in the answer where it matters which subgraph is asked.
struct Place {
    /// Response keys.
    path: Vec<String>,
    /// The object type there when the choice is for that type only.
    parent: Option<String>,
    candidates: Vec<Candidate>,
    /// The subgraph; the planner's choice as long as there is none.
    chosen: Option<String>,
}

struct Candidate {
    graph: String,
    /// How many of the conditions in the selection can hold.
    known: usize,
}

impl Planner {
    pub(super) fn plan_pinned(
        &self,
        unions: &PartialUnions,
        operation: &OperationDefinition,
        deadline: Instant,
    ) -> Result<Tree, PlanError> {
        let walk = Walk {
            supergraph: &self.inner.supergraph,
            unions,
        };
        let mut places = walk.places(operation);
        let mut last = None;
        for at in 0..places.len() {
            last = self.decide(&walk, operation, &mut places, at, deadline)?;
        }
        let mut tree = match last {
            Some(tree) => tree,
            None => self.plan_as_is(&walk.with_choices(operation, &places), deadline)?,
        };
        rename_twins(&mut tree, unions);
        Ok(tree)
    }

    /// Decides the place at `at`, those before it being decided; gives the plan.
    fn decide(
        &self,
        walk: &Walk,
        operation: &OperationDefinition,
        places: &mut [Place],
        at: usize,
        deadline: Instant,
    ) -> Result<Option<Tree>, PlanError> {
        let mut best: Option<(_, Option<String>, Tree)> = None;
        for nth in 0..places[at].candidates.len() {
            let candidate = &places[at].candidates[nth];
            let known = candidate.known;
            places[at].chosen = Some(candidate.graph.clone());
            let tree = match self.plan_as_is(&walk.with_choices(operation, places), deadline) {
                Ok(tree) => tree,
                Err(PlanError::Timeout) => return Err(PlanError::Timeout),
                // This subgraph cannot be reached there, or not all is known behind it.
                Err(PlanError::Refused(_) | PlanError::Panicked) => continue,
            };
            let soon = cost::rounds_until(&tree, &places[at].path).unwrap_or(usize::MAX);
            let cost = (
                soon,
                Reverse(known),
                cost::fetches(&tree),
                cost::rounds(&tree),
            );
            if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                best = Some((cost, places[at].chosen.clone(), tree));
            }
        }
        let (chosen, tree) = match best {
            Some((_, chosen, tree)) => (chosen, Some(tree)),
            None => (None, None),
        };
        places[at].chosen = chosen;
        Ok(tree)
    }
}

/// Walks operations with the types of their fields.
struct Walk<'a> {
    supergraph: &'a SupergraphState,
    unions: &'a PartialUnions,
}

/// A field with a partial union in an operation.
struct Occurrence<'a> {
    path: Vec<String>,
    parent: String,
    sources: &'a [Source],
    /// Type conditions in its selection.
    asked: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn places(&self, operation: &OperationDefinition) -> Vec<Place> {
        let mut occurrences = Vec::new();
        let root = self.root(operation);
        self.find(
            &operation.selection_set,
            root,
            &mut Vec::new(),
            &mut occurrences,
        );
        let abstract_parents: BTreeSet<Vec<String>> = occurrences
            .iter()
            .filter(|found| self.is_interface(&found.parent))
            .map(|found| found.path.clone())
            .collect();
        // In the order of the operation, what is outside comes first.
        let mut groups: Vec<(Place, Vec<Occurrence>)> = Vec::new();
        for found in occurrences {
            // Fields of an interface and of its objects give one value.
            let own = !abstract_parents.contains(&found.path);
            let parent = own.then(|| found.parent.clone());
            let same = |place: &Place| place.path == found.path && place.parent == parent;
            match groups.iter_mut().find(|(place, _)| same(place)) {
                Some((_, group)) => group.push(found),
                None => {
                    let place = Place {
                        path: found.path.clone(),
                        parent,
                        candidates: Vec::new(),
                        chosen: None,
                    };
                    groups.push((place, vec![found]));
                }
            }
        }
        let mut trials = 0;
        let mut places = Vec::new();
        for (mut place, group) in groups {
            place.candidates = self.candidates(&group);
            trials += place.candidates.len();
            if trials > MAX_TRIALS {
                break;
            }
            if !place.candidates.is_empty() {
                places.push(place);
            }
        }
        places
    }

    /// The subgraphs that all of these fields have, if it matters which is asked.
    fn candidates(&self, group: &[Occurrence]) -> Vec<Candidate> {
        let has = |found: &Occurrence, graph: &str| found.sources.iter().any(|s| s.graph == graph);
        let common: Vec<&Source> = group[0]
            .sources
            .iter()
            .filter(|source| group.iter().all(|found| has(found, &source.graph)))
            .collect();
        let asked: BTreeSet<&String> = group.iter().flat_map(|found| &found.asked).collect();
        let known = |source: &Source, condition: &str| {
            source.members.contains(condition) || self.is_interface(condition)
        };
        let somewhere = |condition: &str| common.iter().any(|s| known(s, condition));
        let everywhere = |condition: &str| common.iter().all(|s| s.members.contains(condition));
        let matters = asked
            .iter()
            .any(|asked| somewhere(asked) && !everywhere(asked));
        if !matters {
            return Vec::new();
        }
        let candidate = |source: &&Source| Candidate {
            graph: source.graph.clone(),
            known: asked.iter().filter(|asked| known(source, asked)).count(),
        };
        common.iter().map(candidate).collect()
    }

    fn find(
        &self,
        set: &SelectionSet,
        parent: &str,
        path: &mut Vec<String>,
        found: &mut Vec<Occurrence<'a>>,
    ) {
        for item in &set.items {
            match item {
                SelectionItem::InlineFragment(fragment) => {
                    self.find(&fragment.selections, &fragment.type_condition, path, found);
                }
                SelectionItem::Field(field) => {
                    path.push(field.selection_identifier().to_owned());
                    if let Some(sources) = self.unions.sources(parent, &field.name) {
                        let mut asked = BTreeSet::new();
                        conditions(&field.selections, &mut asked);
                        found.push(Occurrence {
                            path: path.clone(),
                            parent: parent.to_owned(),
                            sources,
                            asked,
                        });
                    }
                    if let Some(ty) = self.type_of(parent, &field.name) {
                        self.find(&field.selections, ty, path, found);
                    }
                    path.pop();
                }
                SelectionItem::FragmentSpread(_) => {}
            }
        }
    }

    /// The operation with the twins that the choices name.
    fn with_choices(
        &self,
        operation: &OperationDefinition,
        places: &[Place],
    ) -> OperationDefinition {
        let mut chosen = operation.clone();
        let by_path = places.iter().fold(BTreeMap::new(), |mut by_path, place| {
            let at: &mut Vec<&Place> = by_path.entry(place.path.as_slice()).or_default();
            at.push(place);
            by_path
        });
        let root = self.root(operation);
        self.choose(&mut chosen.selection_set, root, &mut Vec::new(), &by_path);
        chosen
    }

    fn choose(
        &self,
        set: &mut SelectionSet,
        parent: &str,
        path: &mut Vec<String>,
        places: &BTreeMap<&[String], Vec<&Place>>,
    ) {
        for item in &mut set.items {
            match item {
                SelectionItem::InlineFragment(fragment) => {
                    let on = &fragment.type_condition;
                    self.choose(&mut fragment.selections, on, path, places);
                }
                SelectionItem::Field(field) => {
                    path.push(field.selection_identifier().to_owned());
                    if let Some(ty) = self.type_of(parent, &field.name) {
                        self.choose(&mut field.selections, ty, path, places);
                    }
                    let at = places.get(path.as_slice()).into_iter().flatten();
                    let mut here = at
                        .filter(|place| place.parent.as_ref().is_none_or(|own| own == parent))
                        .filter_map(|place| place.chosen.as_ref());
                    if let Some(graph) = here.next() {
                        self.pin(field, parent, graph);
                    }
                    path.pop();
                }
                SelectionItem::FragmentSpread(_) => {}
            }
        }
    }

    fn pin(&self, field: &mut FieldSelection, parent: &str, graph: &str) {
        let sources = self.unions.sources(parent, &field.name).unwrap_or_default();
        if let Some(source) = sources.iter().find(|source| source.graph == graph) {
            field.alias.get_or_insert_with(|| field.name.clone());
            field.name.clone_from(&source.twin);
        }
    }

    fn root(&self, operation: &OperationDefinition) -> &'a str {
        let names = self.supergraph;
        let root = match operation.operation_kind {
            Some(OperationKind::Mutation) => names.mutation_type.as_deref(),
            Some(OperationKind::Subscription) => names.subscription_type.as_deref(),
            Some(OperationKind::Query) | None => Some(names.query_type.as_str()),
        };
        root.unwrap_or_default()
    }

    fn type_of(&self, parent: &str, field: &str) -> Option<&'a str> {
        let field = self
            .supergraph
            .definitions
            .get(parent)?
            .fields()
            .get(field)?;
        Some(field.field_type.inner_type())
    }

    fn is_interface(&self, name: &str) -> bool {
        let definition = self.supergraph.definitions.get(name);
        definition.is_some_and(|definition| definition.is_interface_type())
    }
}

fn conditions(set: &SelectionSet, into: &mut BTreeSet<String>) {
    for item in &set.items {
        if let SelectionItem::InlineFragment(fragment) = item {
            into.insert(fragment.type_condition.clone());
            conditions(&fragment.selections, into);
        }
    }
}

/// Gives the fields their own names again.
fn rename_twins(tree: &mut Tree, unions: &PartialUnions) {
    match tree {
        Tree::Sequence(all) | Tree::Parallel(all) => {
            all.iter_mut().for_each(|tree| rename_twins(tree, unions));
        }
        Tree::Fetch(fetch) => {
            let mut renamed = rename_in(&mut fetch.selection, unions);
            for branch in &mut fetch.branches {
                renamed |= rename_in(&mut branch.selection, unions);
            }
            if renamed {
                fetch.write();
            }
        }
    }
}

fn rename_in(selection: &mut [Selection], unions: &PartialUnions) -> bool {
    let mut renamed = false;
    for item in selection {
        match item {
            Selection::Fragment { children, .. } => renamed |= rename_in(children, unions),
            Selection::Field { name, children, .. } => {
                if let Some(original) = unions.original(name) {
                    name.clone_from(original);
                    renamed = true;
                }
                renamed |= rename_in(children, unions);
            }
        }
    }
    renamed
}
