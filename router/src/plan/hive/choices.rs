//! Where in an operation a subgraph has to be chosen for the members of a union,
//! and the operation with what was chosen.

use std::collections::{BTreeMap, BTreeSet};

use hive_router_query_planner::ast::operation::OperationDefinition;
use hive_router_query_planner::ast::selection_item::SelectionItem;
use hive_router_query_planner::ast::selection_set::{FieldSelection, SelectionSet};
use hive_router_query_planner::state::supergraph_state::{
    OperationKind, SupergraphDefinition, SupergraphState,
};

use super::unions::{PartialUnions, Source};

/// A choice of a subgraph to be made.
pub(super) struct Choice {
    /// Where the subgraph is asked: the same way in the schema to the same
    /// members, under whatever response keys.
    pub(super) spots: Vec<Spot>,
    pub(super) candidates: Vec<Candidate>,
    /// The subgraph; as the planner likes when there is none.
    pub(super) chosen: Option<String>,
}

/// A place in the answer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// Response keys.
    pub(super) path: Vec<String>,
    /// The object type there when the choice is for that type only.
    parent: Option<String>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone)]
pub(super) struct Candidate {
    pub(super) graph: String,
    /// How many of the conditions in the selection can hold.
    pub(super) known: usize,
}

/// Walks operations with the types of their fields.
pub(super) struct Walk<'a> {
    pub(super) supergraph: &'a SupergraphState,
    pub(super) unions: &'a PartialUnions,
}

/// Subgraphs by response keys and, where it matters, the type of the object.
type Chosen<'a> = BTreeMap<&'a [String], Vec<(Option<&'a str>, &'a str)>>;

#[derive(Default)]
struct Steps {
    path: Vec<String>,
    way: Vec<String>,
}

/// A field with a partial union in an operation.
struct Occurrence<'a> {
    path: Vec<String>,
    /// Names of fields and type conditions from the root.
    way: Vec<String>,
    parent: String,
    sources: &'a [Source],
    /// Type conditions in its selection.
    asked: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    /// In the order of the operation: what is outside comes first.
    pub(super) fn choices(&self, operation: &OperationDefinition) -> Vec<Choice> {
        let mut found = Vec::new();
        let root = root(self.supergraph, operation);
        self.find(
            &operation.selection_set,
            root,
            &mut Steps::default(),
            &mut found,
        );
        let is_abstract = |found: &&Occurrence| self.is_interface(&found.parent);
        let abstract_parents: BTreeSet<Vec<String>> = found
            .iter()
            .filter(is_abstract)
            .map(|found| found.path.clone())
            .collect();
        let mut spots: Vec<(Spot, Vec<Occurrence>)> = Vec::new();
        let mut known = BTreeMap::new();
        for found in found {
            // Fields of an interface and of its objects give one value.
            let own = !abstract_parents.contains(&found.path);
            let spot = Spot {
                path: found.path.clone(),
                parent: own.then(|| found.parent.clone()),
            };
            let at = *known.entry(spot.clone()).or_insert(spots.len());
            match spots.get_mut(at) {
                Some((_, occurrences)) => occurrences.push(found),
                None => spots.push((spot, vec![found])),
            }
        }
        let mut choices: Vec<Choice> = Vec::new();
        let mut known = BTreeMap::new();
        for (spot, occurrences) in spots {
            let candidates = self.candidates(&occurrences);
            if candidates.is_empty() {
                continue;
            }
            let first = &occurrences[0];
            let same = (first.way.clone(), first.asked.clone(), candidates.clone());
            let at = *known.entry(same).or_insert(choices.len());
            match choices.get_mut(at) {
                Some(choice) => choice.spots.push(spot),
                None => choices.push(Choice {
                    spots: vec![spot],
                    candidates,
                    chosen: None,
                }),
            }
        }
        choices
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
        let somewhere = |condition: &str| common.iter().any(|s| self.knows(s, condition));
        let everywhere = |condition: &str| common.iter().all(|s| s.members.contains(condition));
        let matters = asked
            .iter()
            .any(|asked| somewhere(asked) && !everywhere(asked));
        if !matters {
            return Vec::new();
        }
        let candidate = |source: &&Source| Candidate {
            graph: source.graph.clone(),
            known: asked
                .iter()
                .filter(|asked| self.knows(source, asked))
                .count(),
        };
        common.iter().map(candidate).collect()
    }

    fn find(
        &self,
        set: &SelectionSet,
        parent: &str,
        steps: &mut Steps,
        found: &mut Vec<Occurrence<'a>>,
    ) {
        for item in &set.items {
            match item {
                SelectionItem::InlineFragment(fragment) => {
                    let on = &fragment.type_condition;
                    steps.way.push(on.clone());
                    self.find(&fragment.selections, on, steps, found);
                    steps.way.pop();
                }
                SelectionItem::Field(field) => {
                    steps.path.push(field.selection_identifier().to_owned());
                    steps.way.push(field.name.clone());
                    if let Some(sources) = self.unions.sources(parent, &field.name) {
                        let mut asked = BTreeSet::new();
                        conditions(&field.selections, &mut asked);
                        found.push(Occurrence {
                            path: steps.path.clone(),
                            way: steps.way.clone(),
                            parent: parent.to_owned(),
                            sources,
                            asked,
                        });
                    }
                    if let Some(ty) = self.type_of(parent, &field.name) {
                        self.find(&field.selections, ty, steps, found);
                    }
                    steps.path.pop();
                    steps.way.pop();
                }
                SelectionItem::FragmentSpread(_) => {}
            }
        }
    }

    /// The operation with the twins that the choices name.
    pub(super) fn with_choices(
        &self,
        operation: &OperationDefinition,
        choices: &[Choice],
    ) -> OperationDefinition {
        let mut chosen = operation.clone();
        let mut by_path: Chosen = BTreeMap::new();
        for choice in choices {
            if let Some(graph) = &choice.chosen {
                for spot in &choice.spots {
                    let at = by_path.entry(spot.path.as_slice()).or_default();
                    at.push((spot.parent.as_deref(), graph));
                }
            }
        }
        let root = root(self.supergraph, operation);
        self.choose(&mut chosen.selection_set, root, &mut Vec::new(), &by_path);
        chosen
    }

    fn choose(
        &self,
        set: &mut SelectionSet,
        parent: &str,
        path: &mut Vec<String>,
        places: &Chosen,
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
                    let mut here = at.filter(|(own, _)| own.is_none_or(|own| own == parent));
                    if let Some((_, graph)) = here.next() {
                        self.pin(field, parent, graph);
                    }
                    path.pop();
                }
                SelectionItem::FragmentSpread(_) => {}
            }
        }
    }

    /// Names the twin, and leaves out what its subgraph does not have.
    fn pin(&self, field: &mut FieldSelection, parent: &str, graph: &str) {
        let sources = self.unions.sources(parent, &field.name).unwrap_or_default();
        let Some(source) = sources.iter().find(|source| source.graph == graph) else {
            return;
        };
        field.alias.get_or_insert_with(|| field.name.clone());
        field.name.clone_from(&source.twin);
        let selected = &mut field.selections.items;
        selected.retain(|item| match item {
            SelectionItem::InlineFragment(fragment) => self.knows(source, &fragment.type_condition),
            SelectionItem::Field(_) | SelectionItem::FragmentSpread(_) => true,
        });
        if selected.is_empty() {
            selected.push(SelectionItem::Field(FieldSelection::new_typename()));
        }
    }

    /// Whether objects of the source's union may meet the condition.
    fn knows(&self, source: &Source, condition: &str) -> bool {
        let definition = self.supergraph.definitions.get(condition);
        let is_object = matches!(definition, Some(SupergraphDefinition::Object(_)));
        source.members.contains(condition) || !is_object
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

/// The type of an operation's outermost fields.
pub(super) fn root<'a>(names: &'a SupergraphState, operation: &OperationDefinition) -> &'a str {
    let root = match operation.operation_kind {
        Some(OperationKind::Mutation) => names.mutation_type.as_deref(),
        Some(OperationKind::Subscription) => names.subscription_type.as_deref(),
        Some(OperationKind::Query) | None => Some(names.query_type.as_str()),
    };
    root.unwrap_or_default()
}

fn conditions(set: &SelectionSet, into: &mut BTreeSet<String>) {
    for item in &set.items {
        if let SelectionItem::InlineFragment(fragment) = item {
            into.insert(fragment.type_condition.clone());
            conditions(&fragment.selections, into);
        }
    }
}
