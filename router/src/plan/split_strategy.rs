//! Decides how a deferred field can be requested separately.

use std::collections::HashSet;

use super::moved::{KeyUse, Place, SplitBy, extended};
use super::split::Splitter;
use super::tree::{Segment, Selection};
use crate::operation::Kind;
use crate::schema::{self, KeyField};

impl Splitter<'_> {
    /// How the field can be requested separately, if at all. A key finds the same object.
    /// Without one, the path to the object is requested again, which could find other objects
    /// in a list, and which must not repeat a mutation.
    pub(super) fn split_by(
        &self,
        place: &Place,
        item: &Selection,
        plain_keys: &HashSet<String>,
    ) -> Option<SplitBy> {
        let Selection::Field { name, key, .. } = item else {
            return None;
        };
        let ty = place.ty.as_deref()?;
        let is_input = |path: &Vec<String>| self.known.inputs.contains(path);
        if name.starts_with("__") || extended(&place.keys, key).iter().any(is_input) {
            return None;
        }
        let may_repeat = place.branch.is_some() || self.kind == Kind::Query;
        if place.is_start() {
            return may_repeat.then_some(SplitBy::Repeating);
        }
        let is_object = self.schema.ty(ty)?.kind == schema::Kind::Object;
        if is_object && self.resolves(ty, item) {
            let keys = self.schema.entities.keys(ty, &self.service);
            // The fields of the key are in the first request anyway.
            if keys.iter().any(|key| key.iter().any(|f| f.name == *name)) {
                return None;
            }
            if let Some(key) = keys
                .iter()
                .min_by_key(|key| key.iter().map(size).sum::<usize>())
            {
                let uses = key
                    .iter()
                    .map(|field| self.key_use(place, ty, field, plain_keys));
                return Some(SplitBy::Key(uses.collect()));
            }
        }
        (may_repeat && !place.path.contains(&Segment::List)).then_some(SplitBy::Repeating)
    }

    /// The field of a key under its own name, or where something else is or might
    /// be under that, under a key nobody has.
    fn key_use(
        &self,
        place: &Place,
        ty: &str,
        field: &KeyField,
        plain_keys: &HashSet<String>,
    ) -> KeyUse {
        let asked = &self.known.deferral.asked;
        let all = |key: &str, is: &dyn Fn(&[String]) -> bool| {
            extended(&place.keys, key).iter().all(|path| is(path))
        };
        // Members of a union may have fields of the same name and another type.
        let is_one_of_many = matches!(place.path.last(), Some(Segment::Types(_)));
        let is_clear = field.fields.is_empty()
            && all(&field.name, &|path| asked.is_plain(path))
            && (!is_one_of_many || plain_keys.contains(&field.name));
        let mut key = field.name.clone();
        if !is_clear {
            key = format!("_key_{ty}_{}", field.name);
            while !all(&key, &|path| asked.is_free(path)) {
                key.push('_');
            }
        }
        KeyUse {
            field: field.clone(),
            key,
        }
    }

    /// True when the subgraph resolves the field and all in it on every path,
    /// not only where some `@provides` says so.
    fn resolves(&self, ty: &str, item: &Selection) -> bool {
        match item {
            Selection::Fragment { on, children } => {
                children.iter().all(|child| self.resolves(on, child))
            }
            Selection::Field { name, .. } if name == "__typename" => true,
            Selection::Field { name, children, .. } => {
                let entities = &self.schema.entities;
                let def = self.schema.ty(ty).and_then(|ty| ty.field(name));
                def.is_some_and(|def| {
                    !entities.is_external(ty, name, &self.service)
                        && children
                            .iter()
                            .all(|child| self.resolves(def.ty.base(), child))
                })
            }
        }
    }
}

/// Number of fields of a key.
fn size(field: &KeyField) -> usize {
    1 + field.fields.iter().map(size).sum::<usize>()
}
