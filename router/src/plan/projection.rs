//! How the answer is written: for each place the client's fields in the
//! client's order, per object type where types differ, with slots resolved.

use std::collections::HashMap;

use graphql_tools::static_graphql::query;

use super::layout::{LayoutId, Layouts};
use super::{SlotIndex, TypeSet};
use crate::json::write::quoted;
use crate::operation::PreparedOperation;
pub(crate) use crate::operation::authorize::Denial;
use crate::operation::document::{root_type, selection_of};
use crate::supergraph::Schema;
use crate::supergraph::schema::{Kind, TypeDef, TypeRef};

/// All field lists of an answer. Lists are shared between places that ask the same.
#[derive(Debug, Default)]
pub(crate) struct Projection {
    pub(crate) root: usize,
    pub(crate) objects: Vec<Variants>,
    pub(crate) lists: Vec<Vec<FieldProjection>>,
    /// Introspection fields of the root, selections of the same key merged.
    pub(crate) introspection: Vec<query::Field>,
}

/// Which field list an object gets.
#[derive(Debug)]
pub(crate) enum Variants {
    /// The type is known from the schema.
    One(usize),
    /// By the object's `__typename`.
    ByType {
        typename: Option<SlotIndex>,
        table: Vec<(Box<[u8]>, Variant)>,
        /// For objects without a `__typename` in the answer.
        fallback: Option<usize>,
        /// The type has members that are not public.
        hidden_members: bool,
    },
}

/// What an object of one type gives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Variant {
    Fields(usize),
    Denied(Denial),
}

/// One key of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldProjection {
    /// `"key":`
    pub(crate) json_key: Box<[u8]>,
    pub(crate) key: String,
    pub(crate) slot: Option<SlotIndex>,
    pub(crate) shape: Shape,
    pub(crate) value: ValueProjection,
}

/// Lists and non-nulls around a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) non_null: bool,
    pub(crate) item: Option<Box<Shape>>,
}

impl Shape {
    fn new(ty: &TypeRef) -> Self {
        match ty {
            TypeRef::NonNull(inner) => Self {
                non_null: true,
                ..Self::new(inner)
            },
            TypeRef::List(inner) => Self {
                non_null: false,
                item: Some(Box::new(Self::new(inner))),
            },
            TypeRef::Named(_) => Self {
                non_null: false,
                item: None,
            },
        }
    }

    /// True when nulls inside of lists matter.
    pub(crate) fn has_non_null_items(&self) -> bool {
        self.item
            .as_ref()
            .is_some_and(|item| item.non_null || item.has_non_null_items())
    }
}

/// What is under a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ValueProjection {
    Leaf(Leaf),
    /// Position in `Projection::objects`.
    Object(usize),
    /// `__typename` where the type is known: the quoted name.
    Typename(Box<[u8]>),
    /// Position in `Projection::introspection`.
    Introspection(usize),
    Denied(Denial),
}

/// A value without selections.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Leaf {
    Any,
    /// An enum some of whose values are hidden; these come out null.
    Enum(TypeSet),
}

pub(crate) fn build(
    schema: &Schema,
    operation: &PreparedOperation,
    layouts: &Layouts,
) -> Projection {
    let mut builder = Builder {
        schema,
        operation,
        layouts,
        memo: HashMap::new(),
        out: Projection::default(),
    };
    let definition = operation
        .document
        .definition(&operation.document.operations[operation.index]);
    if let (Some(definition), Some(root)) = (definition, root_type(schema, operation.kind)) {
        let sets = [Selected {
            set: selection_of(definition),
            parent: root,
        }];
        builder.out.root = builder.object(root, &sets, Some(layouts.root()));
    }
    builder.out
}

/// A selection set with the type it was written for.
#[derive(Clone, Copy)]
struct Selected<'a> {
    set: &'a query::SelectionSet,
    parent: &'a str,
}

/// The selections under one response key.
struct Collected<'a> {
    key: &'a str,
    fields: Vec<(&'a query::Field, &'a str, Option<Denial>)>,
}

type MemoKey = (Vec<*const query::SelectionSet>, String, Option<LayoutId>);

struct Builder<'a> {
    schema: &'a Schema,
    operation: &'a PreparedOperation,
    layouts: &'a Layouts,
    memo: HashMap<MemoKey, usize>,
    out: Projection,
}

impl<'a> Builder<'a> {
    /// The projection of objects of the type `base` at `place`.
    fn object(&mut self, base: &str, sets: &[Selected<'a>], place: Option<LayoutId>) -> usize {
        let pointers = sets
            .iter()
            .map(|selected| std::ptr::from_ref(selected.set))
            .collect();
        let key: MemoKey = (pointers, base.to_owned(), place);
        if let Some(known) = self.memo.get(&key) {
            return *known;
        }
        let schema = self.schema;
        let variants = match schema.ty(base) {
            Some(ty) if ty.kind == Kind::Object => Variants::One(self.list(ty, sets, place)),
            Some(ty) => self.by_type(ty, sets, place),
            None => Variants::ByType {
                typename: None,
                table: Vec::new(),
                fallback: None,
                hidden_members: false,
            },
        };
        self.out.objects.push(variants);
        let at = self.out.objects.len() - 1;
        self.memo.insert(key, at);
        at
    }

    fn by_type(
        &mut self,
        ty: &'a TypeDef,
        sets: &[Selected<'a>],
        place: Option<LayoutId>,
    ) -> Variants {
        let schema = self.schema;
        let mut table = Vec::with_capacity(ty.possible.len() + 1);
        for possible in ty.possible.iter().filter_map(|name| schema.ty(name)) {
            let variant = match self.operation.decisions.denial(&possible.rule) {
                Some(denial) => Variant::Denied(denial),
                None => Variant::Fields(self.list(possible, sets, place)),
            };
            table.push((quoted(&possible.name).into_boxed_slice(), variant));
        }
        let mut fallback = None;
        if ty.kind == Kind::Interface {
            // A subgraph with `@interfaceObject` knows no other name than the interface's.
            let own = self.list(ty, sets, place);
            table.push((quoted(&ty.name).into_boxed_slice(), Variant::Fields(own)));
            fallback = Some(own);
        }
        if let [(_, Variant::Fields(only))] = table.as_slice() {
            fallback = Some(*only);
        }
        let typename = place.and_then(|place| self.layouts.slot(place, "__typename"));
        Variants::ByType {
            typename,
            table,
            fallback,
            hidden_members: ty.has_hidden_values,
        }
    }

    /// The fields of an object of the type `ty`, or of an interface when no more is known.
    fn list(&mut self, ty: &'a TypeDef, sets: &[Selected<'a>], place: Option<LayoutId>) -> usize {
        let mut collected = Vec::new();
        for selected in sets {
            self.collect(ty, *selected, None, &mut collected, &mut Vec::new());
        }
        let fields: Vec<FieldProjection> = collected
            .iter()
            .filter_map(|field| self.field(ty, field, place))
            .collect();
        if let Some(same) = self.out.lists.iter().position(|list| *list == fields) {
            return same;
        }
        self.out.lists.push(fields);
        self.out.lists.len() - 1
    }

    fn collect(
        &self,
        ty: &TypeDef,
        selected: Selected<'a>,
        guard: Option<Denial>,
        into: &mut Vec<Collected<'a>>,
        seen: &mut Vec<&'a str>,
    ) {
        for selection in &selected.set.items {
            if !self.operation.conditions.keep(selection) {
                continue;
            }
            let (on, set) = match selection {
                query::Selection::Field(field) => {
                    let key = field.alias.as_ref().unwrap_or(&field.name);
                    let entry = (field, selected.parent, guard);
                    match into.iter_mut().find(|known| known.key == key) {
                        Some(known) => known.fields.push(entry),
                        None => into.push(Collected {
                            key,
                            fields: vec![entry],
                        }),
                    }
                    continue;
                }
                query::Selection::InlineFragment(fragment) => {
                    let on = fragment.type_condition.as_ref();
                    let on = on.map_or(selected.parent, |query::TypeCondition::On(on)| on.as_str());
                    (on, &fragment.selection_set)
                }
                query::Selection::FragmentSpread(spread) => {
                    if seen.contains(&spread.fragment_name.as_str()) {
                        continue;
                    }
                    let Some(fragment) = self.operation.document.fragment(&spread.fragment_name)
                    else {
                        continue;
                    };
                    seen.push(&spread.fragment_name);
                    let query::TypeCondition::On(on) = &fragment.type_condition;
                    (on.as_str(), &fragment.selection_set)
                }
            };
            if !self.applies(ty, on) {
                continue;
            }
            let guard = guard.or_else(|| {
                let rule = (on != selected.parent)
                    .then(|| self.schema.ty(on))
                    .flatten();
                rule.and_then(|ty| self.operation.decisions.denial(&ty.rule))
            });
            self.collect(ty, Selected { set, parent: on }, guard, into, seen);
        }
    }

    fn applies(&self, ty: &TypeDef, condition: &str) -> bool {
        self.schema.satisfies(&ty.name, condition)
            || ty.interfaces.iter().any(|interface| interface == condition)
    }

    fn field(
        &mut self,
        ty: &'a TypeDef,
        collected: &Collected<'a>,
        place: Option<LayoutId>,
    ) -> Option<FieldProjection> {
        let (first, _, _) = collected.fields.first()?;
        let mut json_key = quoted(collected.key);
        json_key.push(b':');
        let mut field = FieldProjection {
            json_key: json_key.into(),
            key: collected.key.to_owned(),
            slot: place.and_then(|place| self.layouts.slot(place, collected.key)),
            shape: Shape {
                non_null: true,
                item: None,
            },
            value: ValueProjection::Leaf(Leaf::Any),
        };
        if first.name == "__typename" {
            if ty.kind == Kind::Object {
                field.value = ValueProjection::Typename(quoted(&ty.name).into());
            }
            return Some(field);
        }
        if first.name.starts_with("__") {
            field.shape.non_null = first.name == "__schema";
            let mut merged = (*first).clone();
            merged.selection_set.items = collected
                .fields
                .iter()
                .flat_map(|(f, _, _)| f.selection_set.items.clone())
                .collect();
            self.out.introspection.push(merged);
            field.value = ValueProjection::Introspection(self.out.introspection.len() - 1);
            return Some(field);
        }
        let def = ty.field(&first.name)?;
        field.shape = Shape::new(&def.ty);
        if let Some(denial) = self.denial(def, collected) {
            field.value = ValueProjection::Denied(denial);
            return Some(field);
        }
        let base = self.schema.ty(def.ty.base())?;
        field.value = if base.kind.is_composite() {
            let sets: Vec<Selected<'a>> = collected
                .fields
                .iter()
                .map(|(field, _, _)| Selected {
                    set: &field.selection_set,
                    parent: &base.name,
                })
                .collect();
            let child = place.and_then(|place| self.layouts.existing_child(place, collected.key));
            ValueProjection::Object(self.object(&base.name, &sets, child))
        } else if base.kind == Kind::Enum && base.has_hidden_values {
            let names = base
                .values
                .iter()
                .map(|value| quoted(&value.name).into())
                .collect();
            ValueProjection::Leaf(Leaf::Enum(TypeSet(names)))
        } else {
            ValueProjection::Leaf(Leaf::Any)
        };
        Some(field)
    }

    /// A field is refused when every selection of it is, or its object type refuses it.
    fn denial(
        &self,
        def: &crate::supergraph::schema::FieldDef,
        collected: &Collected<'a>,
    ) -> Option<Denial> {
        let decisions = &self.operation.decisions;
        if let Some(denial) = decisions.denial(&def.rule) {
            return Some(denial);
        }
        let mut denied = None;
        for (_, parent, guard) in &collected.fields {
            let declared = self.schema.ty(parent).and_then(|ty| ty.field(&def.name));
            let rule = declared.and_then(|declared| decisions.denial(&declared.rule));
            denied = Some(guard.or(rule)?);
        }
        denied
    }
}
