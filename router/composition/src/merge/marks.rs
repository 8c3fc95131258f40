//! Merging what directives say: tags unite, access rules add up.

use std::collections::HashSet;

use crate::subgraph::{ListSize, Marks};
use crate::syntax::Directive;

use super::Supergraph;

pub(crate) use crate::subgraph::marks_and as and;

/// Repetitions are looked for among so many directives.
const MOST_COMPARED: usize = 1000;

/// The directives of one element over all subgraphs. Most elements have none,
/// so what they say is kept apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct MergedMarks<'g>(Option<Box<Said<'g>>>);

/// What the directives of one element say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said<'g> {
    pub tags: Vec<&'g str>,
    pub inaccessible: bool,
    pub deprecated: Option<Option<&'g str>>,
    pub specified_by: Option<&'g str>,
    pub one_of: bool,
    pub authenticated: bool,
    pub scopes: Vec<Vec<&'g str>>,
    pub policies: Vec<Vec<&'g str>>,
    pub cost: Option<i64>,
    pub list_size: Option<ListSize<'g>>,
    pub composed: Vec<&'g Directive<'g>>,
}

static NOTHING: Said<'static> = Said {
    tags: Vec::new(),
    inaccessible: false,
    deprecated: None,
    specified_by: None,
    one_of: false,
    authenticated: false,
    scopes: Vec::new(),
    policies: Vec::new(),
    cost: None,
    list_size: None,
    composed: Vec::new(),
};

impl<'g> std::ops::Deref for MergedMarks<'g> {
    type Target = Said<'g>;

    fn deref(&self) -> &Said<'g> {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl<'g> MergedMarks<'g> {
    /// Adds one subgraph's directives, if it has any.
    pub(super) fn add(&mut self, marks: Option<&'g Marks<'g>>) {
        if let Some(marks) = marks {
            self.0.get_or_insert_default().add(marks);
        }
    }

    /// Asks for what the other asks for as well.
    pub(crate) fn add_auth(&mut self, other: &Self) {
        if other.is_protected() {
            self.0.get_or_insert_default().add_auth(other);
        }
    }
}

impl<'g> Said<'g> {
    fn add(&mut self, marks: &'g Marks<'g>) {
        if !marks.tags.is_empty() {
            self.tags.extend(&marks.tags);
            let mut seen = HashSet::new();
            self.tags.retain(|tag| seen.insert(*tag));
        }
        self.inaccessible |= marks.inaccessible.is_some();
        self.deprecated = self.deprecated.or(marks.deprecated);
        self.specified_by = self.specified_by.or(marks.specified_by);
        self.one_of |= marks.one_of;
        self.authenticated |= marks.authenticated;
        self.scopes = and(&self.scopes, &marks.scopes);
        self.policies = and(&self.policies, &marks.policies);
        self.cost = self.cost.max(marks.cost);
        if let Some(list_size) = &marks.list_size {
            self.add_list_size(list_size);
        }
        for directive in &marks.composed {
            let same = |known: &&Directive<'_>| {
                known.name.text == directive.name.text
                    && known.arguments.len() == directive.arguments.len()
                    && known
                        .arguments
                        .iter()
                        .all(|(name, value)| directive.argument(name.text) == Some(value))
            };
            let crowded = self.composed.len() > MOST_COMPARED;
            if crowded || !self.composed.iter().any(same) {
                self.composed.push(directive);
            }
        }
    }

    fn add_list_size(&mut self, other: &ListSize<'g>) {
        let Some(mine) = &mut self.list_size else {
            self.list_size = Some(other.clone());
            return;
        };
        mine.assumed = mine.assumed.max(other.assumed);
        mine.require_one &= other.require_one;
        unite(&mut mine.slicing, other.slicing.as_ref());
        unite(&mut mine.sized, other.sized.as_ref());
    }

    fn add_auth(&mut self, other: &Self) {
        self.authenticated |= other.authenticated;
        self.scopes = and(&self.scopes, &other.scopes);
        self.policies = and(&self.policies, &other.policies);
    }

    /// Whether reaching the element takes any right.
    pub(crate) fn is_protected(&self) -> bool {
        self.authenticated || !self.scopes.is_empty() || !self.policies.is_empty()
    }
}

fn unite<'g>(mine: &mut Option<Vec<&'g str>>, other: Option<&Vec<&'g str>>) {
    let Some(other) = other else { return };
    let mine = mine.get_or_insert_default();
    for name in other {
        if !mine.contains(name) {
            mine.push(name);
        }
    }
}

/// Access rules hold whichever way data is reached: an interface asks for what
/// its implementations ask for, and an implementation for what the interface
/// object that resolves its field asks for.
pub(super) fn spread_auth(supergraph: &mut Supergraph<'_>) {
    let mut on_types: Vec<(usize, MergedMarks<'_>)> = Vec::new();
    let mut on_fields: Vec<(usize, usize, MergedMarks<'_>)> = Vec::new();
    for (at, ty) in supergraph.types.values().enumerate() {
        for interface_name in ty.interfaces.keys() {
            let Some((index, _, interface)) = supergraph.types.get_full(interface_name) else {
                continue;
            };
            if ty.marks.is_protected() {
                on_types.push((index, ty.marks.clone()));
            }
            for (field_index, (name, field)) in interface.fields.iter().enumerate() {
                let Some((own_index, _, own)) = ty.fields.get_full(name) else {
                    continue;
                };
                if own.marks.is_protected() {
                    on_fields.push((index, field_index, own.marks.clone()));
                }
                if interface.has_interface_object() && field.marks.is_protected() {
                    on_fields.push((at, own_index, field.marks.clone()));
                }
            }
        }
    }
    for (index, marks) in on_types {
        supergraph.types[index].marks.add_auth(&marks);
    }
    for (index, field, marks) in on_fields {
        supergraph.types[index].fields[field].marks.add_auth(&marks);
    }
}
