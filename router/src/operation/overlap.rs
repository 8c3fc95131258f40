//! "Field Selection Merging" of the GraphQL specification, without comparing
//! every pair: fields are grouped by response key, each group is compared with
//! its first member, and the groups' selections are merged and checked once.

use std::collections::{HashMap, HashSet};

use graphql_tools::static_graphql::query;

use super::document::{kind_of, root_type, selection_of};
use crate::config::Limits;
use crate::error::{GraphqlError, Location, code};
use crate::schema::Schema;
use crate::schema::{FieldDef, TypeRef};

/// Visited fields per selection that the limits allow.
const WORK_FACTOR: usize = 64;

pub(crate) fn check(
    ast: &query::Document,
    schema: &Schema,
    limits: &Limits,
) -> Result<(), GraphqlError> {
    let mut fragments = HashMap::new();
    for definition in &ast.definitions {
        if let query::Definition::Fragment(fragment) = definition {
            fragments.insert(fragment.name.as_str(), fragment);
        }
    }
    let budget = limits.max_selections.saturating_mul(WORK_FACTOR);
    let mut checker = Checker {
        schema,
        fragments,
        seen: HashSet::new(),
        budget,
    };
    for definition in &ast.definitions {
        if let query::Definition::Operation(operation) = definition
            && let Some(root) = root_type(schema, kind_of(operation))
        {
            checker.check(vec![(root, selection_of(operation))], false)?;
        }
    }
    Ok(())
}

type Set<'a> = (&'a str, &'a query::SelectionSet);

#[derive(Clone, Copy)]
struct Field<'a> {
    parent: &'a str,
    node: &'a query::Field,
    def: Option<&'a FieldDef>,
}

struct Checker<'a> {
    schema: &'a Schema,
    fragments: HashMap<&'a str, &'a query::FragmentDefinition>,
    /// Merged sets already checked, by the addresses of their parts.
    seen: HashSet<(Vec<(usize, usize)>, bool)>,
    budget: usize,
}

impl<'a> Checker<'a> {
    /// Checks the union of `sets`. With `shape_only`, fields come from objects
    /// that exclude each other: they need not be the same field, but their
    /// values must look alike.
    fn check(&mut self, sets: Vec<Set<'a>>, shape_only: bool) -> Result<(), GraphqlError> {
        let mut identity: Vec<(usize, usize)> = sets
            .iter()
            .map(|(parent, set)| (parent.as_ptr() as usize, std::ptr::from_ref(*set) as usize))
            .collect();
        identity.sort_unstable();
        identity.dedup();
        if identity.is_empty() || !self.seen.insert((identity, shape_only)) {
            return Ok(());
        }
        let mut groups: Vec<(&'a str, Vec<Field<'a>>)> = Vec::new();
        let mut index: HashMap<&'a str, usize> = HashMap::new();
        let mut spread = HashSet::new();
        for (parent, set) in sets {
            self.collect(parent, set, &mut groups, &mut index, &mut spread)?;
        }
        for (key, fields) in groups {
            self.group(key, &fields, shape_only)?;
        }
        Ok(())
    }

    fn collect(
        &mut self,
        parent: &'a str,
        set: &'a query::SelectionSet,
        groups: &mut Vec<(&'a str, Vec<Field<'a>>)>,
        index: &mut HashMap<&'a str, usize>,
        spread: &mut HashSet<&'a str>,
    ) -> Result<(), GraphqlError> {
        for selection in &set.items {
            self.budget = self.budget.checked_sub(1).ok_or_else(|| {
                GraphqlError::new("The operation overlaps with itself too often.")
                    .with_code(code::OPERATION_TOO_LARGE)
            })?;
            match selection {
                query::Selection::Field(node) => {
                    let key = node.alias.as_deref().unwrap_or(&node.name);
                    let def = self.schema.ty(parent).and_then(|ty| ty.field(&node.name));
                    let at = *index.entry(key).or_insert_with(|| {
                        groups.push((key, Vec::new()));
                        groups.len() - 1
                    });
                    groups[at].1.push(Field { parent, node, def });
                }
                query::Selection::InlineFragment(fragment) => {
                    let on = match &fragment.type_condition {
                        Some(query::TypeCondition::On(on)) => on.as_str(),
                        None => parent,
                    };
                    self.collect(on, &fragment.selection_set, groups, index, spread)?;
                }
                query::Selection::FragmentSpread(node) => {
                    if !spread.insert(&node.fragment_name) {
                        continue;
                    }
                    if let Some(fragment) = self.fragments.get(node.fragment_name.as_str()).copied()
                    {
                        let query::TypeCondition::On(on) = &fragment.type_condition;
                        self.collect(on, &fragment.selection_set, groups, index, spread)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn group(
        &mut self,
        key: &str,
        fields: &[Field<'a>],
        shape_only: bool,
    ) -> Result<(), GraphqlError> {
        let Some((first, rest)) = fields.split_first() else {
            return Ok(());
        };
        for other in rest {
            if let (Some(a), Some(b)) = (first.def, other.def)
                && !self.same_shape(&a.ty, &b.ty)
            {
                return Err(conflict(key, first, other, "they return conflicting types"));
            }
        }
        self.check(children(fields.iter()), true)?;
        if shape_only {
            return Ok(());
        }
        let is_object = |field: &&Field<'a>| {
            self.schema
                .ty(field.parent)
                .is_some_and(|ty| !ty.kind.is_abstract())
        };
        let mut parents: Vec<&str> = fields
            .iter()
            .filter(is_object)
            .map(|field| field.parent)
            .collect();
        parents.sort_unstable();
        parents.dedup();
        if parents.is_empty() {
            return self.same_fields(key, &fields.iter().collect::<Vec<_>>());
        }
        let together: Vec<Vec<&Field<'a>>> = parents
            .iter()
            .map(|parent| {
                fields
                    .iter()
                    .filter(|f| f.parent == *parent || !is_object(f))
                    .collect::<Vec<_>>()
            })
            .collect();
        for fields in together {
            self.same_fields(key, &fields)?;
        }
        Ok(())
    }

    /// Fields that can meet in one object must be the same field with the same arguments.
    fn same_fields(&mut self, key: &str, fields: &[&Field<'a>]) -> Result<(), GraphqlError> {
        let Some((first, rest)) = fields.split_first() else {
            return Ok(());
        };
        for other in rest {
            if first.node.name != other.node.name {
                return Err(conflict(key, first, other, "they are different fields"));
            }
            if !same_arguments(&first.node.arguments, &other.node.arguments) {
                return Err(conflict(key, first, other, "they have differing arguments"));
            }
        }
        self.check(children(fields.iter().copied()), false)
    }

    fn same_shape(&self, a: &TypeRef, b: &TypeRef) -> bool {
        match (a, b) {
            (TypeRef::NonNull(a), TypeRef::NonNull(b)) | (TypeRef::List(a), TypeRef::List(b)) => {
                self.same_shape(a, b)
            }
            (TypeRef::Named(a), TypeRef::Named(b)) => {
                let composite = |name: &str| {
                    self.schema
                        .ty(name)
                        .is_some_and(|ty| ty.kind.is_composite())
                };
                a == b || (composite(a) && composite(b))
            }
            _ => false,
        }
    }
}

fn children<'a, 'f>(fields: impl Iterator<Item = &'f Field<'a>>) -> Vec<Set<'a>>
where
    'a: 'f,
{
    fields
        .filter(|field| !field.node.selection_set.items.is_empty())
        .filter_map(|field| Some((field.def?.ty.base(), &field.node.selection_set)))
        .collect()
}

fn same_arguments(a: &[(String, query::Value)], b: &[(String, query::Value)]) -> bool {
    a.len() == b.len()
        && a.iter()
            .all(|(name, value)| b.iter().any(|(other, same)| other == name && same == value))
}

fn conflict(key: &str, a: &Field<'_>, b: &Field<'_>, why: &str) -> GraphqlError {
    let mut error = GraphqlError::new(format!(
        "Fields \"{key}\" conflict because {why}. Use different aliases on the fields to fetch both."
    ))
    .with_code(code::GRAPHQL_VALIDATION_FAILED);
    for field in [a, b] {
        let at = field.node.position;
        error.locations.push(Location {
            line: at.line,
            column: at.column,
        });
    }
    error
}
