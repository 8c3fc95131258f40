//! From the client's selections to how the answer is written.

use std::collections::HashMap;

use graphql_tools::static_graphql::query;

use super::TypeSet;
use super::answer::{
    DeferredFields, Denial, FieldList, FieldProjection, Leaf, Projection, Shape, ValueProjection,
    Variant, Variants,
};
use super::deferral::{Deferral, FIRST, Fragments};
use super::layout::{LayoutId, Layouts};
use super::once::Once;
use crate::json::write::quoted;
use crate::operation::document::{root_type, selection_of};
use crate::operation::keys;
use crate::operation::{IncrementalFormat, PreparedOperation};
use crate::schema::Schema;
use crate::schema::{Kind, TypeDef};

pub(crate) fn build(
    schema: &Schema,
    operation: &PreparedOperation,
    layouts: &Layouts,
    deferral: Option<&(Deferral, Fragments)>,
) -> Projection {
    let by_id = operation
        .deferral
        .as_ref()
        .is_some_and(|deferring| deferring.format == IncrementalFormat::ById);
    let mut builder = Builder {
        schema,
        operation,
        layouts,
        fragments: deferral.map(|(_, fragments)| fragments),
        once: deferral
            .filter(|_| by_id)
            .map(|(deferral, _)| Once::new(deferral)),
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
            piece: FIRST,
        }];
        builder.out.root = builder.object(root, &sets, Some(layouts.root()));
    }
    builder.out.groups = builder.once.map(|once| once.groups).unwrap_or_default();
    builder.out
}

/// A selection set with the type it was written for.
#[derive(Clone, Copy)]
pub(super) struct Selected<'a> {
    set: &'a query::SelectionSet,
    parent: &'a str,
    /// Only told apart where each field comes once.
    pub(super) piece: usize,
}

/// A deferred fragment met among the selections of an object.
struct Later<'a> {
    fragment: usize,
    selected: Selected<'a>,
    guard: Option<Denial>,
}

/// What the selections of an object come to.
#[derive(Default)]
struct Gathered<'a> {
    fields: Vec<Collected<'a>>,
    later: Vec<Later<'a>>,
}

/// The selections under one response key.
pub(super) struct Collected<'a> {
    pub(super) key: &'a str,
    pub(super) fields: Vec<(&'a query::Field, Selected<'a>, Option<Denial>)>,
}

/// The selections of an object, its type, its layout, and where each field comes
/// once, what is told of it: the group it is in, and its path.
type MemoKey = (
    Vec<(*const query::SelectionSet, usize)>,
    String,
    Option<LayoutId>,
    Option<(usize, Vec<String>)>,
);

struct Builder<'a> {
    schema: &'a Schema,
    operation: &'a PreparedOperation,
    layouts: &'a Layouts,
    /// Set when fragments are deferred.
    fragments: Option<&'a Fragments>,
    /// Set when each field comes once.
    once: Option<Once<'a>>,
    memo: HashMap<MemoKey, usize>,
    out: Projection,
}

impl<'a> Builder<'a> {
    /// The projection of objects of the type `base` at `place`.
    fn object(&mut self, base: &str, sets: &[Selected<'a>], place: Option<LayoutId>) -> usize {
        let pointers = sets
            .iter()
            .map(|selected| (std::ptr::from_ref(selected.set), selected.piece))
            .collect();
        let here = self.once.as_ref().map(Once::here);
        let key: MemoKey = (pointers, base.to_owned(), place, here);
        if let Some(known) = self.memo.get(&key) {
            return *known;
        }
        let schema = self.schema;
        let variants = match schema.ty(base) {
            Some(ty) if ty.kind == Kind::Object => Variants::One(self.list(ty, sets, None, place)),
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
                None => Variant::Fields(self.list(possible, sets, None, place)),
            };
            table.push((quoted(&possible.name).into_boxed_slice(), variant));
        }
        let mut fallback = None;
        if ty.kind == Kind::Interface {
            // A subgraph with `@interfaceObject` knows no other name than the interface's.
            let own = self.list(ty, sets, None, place);
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
    fn list(
        &mut self,
        ty: &'a TypeDef,
        sets: &[Selected<'a>],
        guard: Option<Denial>,
        place: Option<LayoutId>,
    ) -> usize {
        let mut gathered = Gathered::default();
        for selected in sets {
            self.collect(ty, *selected, guard, &mut gathered, &mut Vec::new());
        }
        let (now, later) = match &mut self.once {
            Some(once) => once.divided(gathered.fields),
            None => (gathered.fields, Vec::new()),
        };
        let fields = self.fields(ty, &now, place);
        let by_fragment = gathered.later.iter().map(|later| DeferredFields {
            of: later.fragment,
            list: self.list(ty, &[later.selected], later.guard, place),
        });
        let mut deferred: Vec<DeferredFields> = by_fragment.collect();
        for (group, later) in later {
            let around = self.once.as_mut().map(|once| once.enter(group));
            let fields = self.fields(ty, &later, place);
            if let (Some(once), Some(around)) = (&mut self.once, around) {
                once.enter(around);
            }
            let list = self.interned(FieldList {
                fields,
                deferred: Vec::new(),
            });
            deferred.push(DeferredFields { of: group, list });
        }
        self.interned(FieldList { fields, deferred })
    }

    fn fields(
        &mut self,
        ty: &'a TypeDef,
        fields: &[Collected<'a>],
        place: Option<LayoutId>,
    ) -> Vec<FieldProjection> {
        let mut projections = Vec::with_capacity(fields.len());
        for field in fields {
            if let Some(once) = &mut self.once {
                once.path.push(field.key.to_owned());
            }
            projections.extend(self.field(ty, field, place));
            if let Some(once) = &mut self.once {
                once.path.pop();
            }
        }
        projections
    }

    fn interned(&mut self, list: FieldList) -> usize {
        if let Some(same) = self.out.lists.iter().position(|known| *known == list) {
            return same;
        }
        self.out.lists.push(list);
        self.out.lists.len() - 1
    }

    fn collect(
        &self,
        ty: &TypeDef,
        selected: Selected<'a>,
        guard: Option<Denial>,
        into: &mut Gathered<'a>,
        seen: &mut Vec<(&'a str, usize)>,
    ) {
        for selection in &selected.set.items {
            if !self.operation.conditions.keep(selection) {
                continue;
            }
            let (on, set) = match selection {
                query::Selection::Field(field) => {
                    let key = field.alias.as_ref().unwrap_or(&field.name);
                    let entry = (field, selected, guard);
                    match into.fields.iter_mut().find(|known| known.key == key) {
                        Some(known) => known.fields.push(entry),
                        None => into.fields.push(Collected {
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
                    let is_later = self.later(selection).is_some();
                    let name = (spread.fragment_name.as_str(), selected.piece);
                    if !is_later && seen.contains(&name) {
                        continue;
                    }
                    let Some(fragment) = self.operation.document.fragment(&spread.fragment_name)
                    else {
                        continue;
                    };
                    if !is_later {
                        seen.push(name);
                    }
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
            let mut selected = Selected {
                set,
                parent: on,
                piece: selected.piece,
            };
            let later = self.later(selection);
            if let (Some(once), Some(fragment)) = (&self.once, later) {
                selected.piece = once.piece(fragment).unwrap_or(selected.piece);
                self.collect(ty, selected, guard, into, seen);
                continue;
            }
            match later {
                None => self.collect(ty, selected, guard, into, seen),
                Some(fragment) if into.later.iter().any(|l| l.fragment == fragment) => {}
                Some(fragment) => into.later.push(Later {
                    fragment,
                    selected,
                    guard,
                }),
            }
        }
    }

    /// The deferred fragment that `selection` is.
    fn later(&self, selection: &query::Selection) -> Option<usize> {
        let fragments = self.fragments?;
        self.operation.deferred(selection)?;
        fragments.get(selection)
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
        let planned = keys::planned(self.schema, first);
        let mut field = FieldProjection {
            json_key: json_key.into(),
            key: collected.key.to_owned(),
            slot: place.and_then(|place| self.layouts.slot(place, &planned)),
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
                .map(|(field, selected, _)| Selected {
                    set: &field.selection_set,
                    parent: &base.name,
                    piece: selected.piece,
                })
                .collect();
            let child = place.and_then(|place| self.layouts.existing_child(place, &planned));
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
    fn denial(&self, def: &crate::schema::FieldDef, collected: &Collected<'a>) -> Option<Denial> {
        let decisions = &self.operation.decisions;
        if let Some(denial) = decisions.denial(&def.rule) {
            return Some(denial);
        }
        let mut denied = None;
        for (_, selected, guard) in &collected.fields {
            let declared = self
                .schema
                .ty(selected.parent)
                .and_then(|ty| ty.field(&def.name));
            let rule = declared.and_then(|declared| decisions.denial(&declared.rule));
            denied = Some(guard.or(rule)?);
        }
        denied
    }
}
