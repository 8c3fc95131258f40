//! Representations: the fields of entities that are sent to ask for more of them.

use super::Compiler;
use super::declare::aside;
use crate::json::write::quoted;
use crate::plan::layout::LayoutId;
use crate::plan::tree::{Rewrite, RewriteAction, Segment, Selection};
use crate::plan::{RequiredField, Requires, TypeSet};

impl Compiler<'_> {
    pub(super) fn requires(
        &self,
        place: LayoutId,
        selection: &[Selection],
        rewrites: &[Rewrite],
        path: &mut Vec<String>,
    ) -> Requires {
        let mut requires = Requires {
            send_typename: path.is_empty(),
            typename: self.layouts.slot(place, "__typename"),
            ..Requires::default()
        };
        for rewrite in rewrites {
            if let (RewriteAction::SetTo(value), Some(types)) =
                (&rewrite.action, set_typename_at(&rewrite.path, path))
            {
                let types = types
                    .iter()
                    .flat_map(|name| self.types_or_interfaces(name).0)
                    .collect();
                requires
                    .typename_override
                    .push((TypeSet(types), quoted(value).into()));
            }
        }
        self.add_required(&mut requires, place, selection, None, rewrites, path);
        requires
    }

    fn add_required(
        &self,
        requires: &mut Requires,
        place: LayoutId,
        selection: &[Selection],
        condition: Option<&str>,
        rewrites: &[Rewrite],
        path: &mut Vec<String>,
    ) {
        for item in selection {
            match item {
                Selection::Fragment { on, children } => {
                    if requires.default_typename.is_none() {
                        requires.default_typename = Some(quoted(on).into());
                    }
                    self.add_required(requires, place, children, Some(on), rewrites, path);
                }
                Selection::Field { name, .. } if name == "__typename" => {
                    requires.send_typename = true;
                }
                Selection::Field {
                    name,
                    key,
                    children,
                    ..
                } => {
                    // The value is under its name, or under its alias in the answer so far.
                    let source = if self.layouts.slot(place, name).is_some() {
                        name
                    } else {
                        key
                    };
                    let Some(slot) = self.layouts.slot(place, source) else {
                        continue;
                    };
                    path.push(key.clone());
                    let nested = (!children.is_empty()).then(|| {
                        let child = self.layouts.existing_child(place, source).unwrap_or(place);
                        self.requires(child, children, rewrites, path)
                    });
                    let mut json_key = quoted(renamed(rewrites, path).unwrap_or(key));
                    json_key.push(b':');
                    path.pop();
                    push_required(
                        &mut requires.fields,
                        RequiredField {
                            types: condition.map(|on| self.types_or_interfaces(on)),
                            key: json_key.into(),
                            slot,
                            aside: self.layouts.slot(place, &aside(source)),
                            children: nested,
                        },
                    );
                }
            }
        }
    }

    /// Types that may meet the condition of a fragment in a representation:
    /// also the interfaces of the named type, for subgraphs with `@interfaceObject`.
    fn types_or_interfaces(&self, condition: &str) -> TypeSet {
        let mut set = self.types(&[condition.to_owned()]);
        for interface in self
            .schema
            .ty(condition)
            .map(|ty| ty.interfaces.as_slice())
            .unwrap_or_default()
        {
            set.0.push(quoted(interface).into());
        }
        set
    }
}

/// The planner may name a field twice under the same condition.
fn push_required(fields: &mut Vec<RequiredField>, field: RequiredField) {
    let same = |other: &&mut RequiredField| other.key == field.key && other.types == field.types;
    match fields.iter_mut().find(same) {
        Some(known) => {
            if let (Some(mine), Some(more)) = (known.children.as_mut(), field.children) {
                for child in more.fields {
                    push_required(&mut mine.fields, child);
                }
            }
        }
        None => fields.push(field),
    }
}

/// The types of a rewrite that sets `__typename` of the object at `at`.
fn set_typename_at<'a>(path: &'a [Segment], at: &[String]) -> Option<&'a [String]> {
    let keys = path.iter().filter_map(|segment| match segment {
        Segment::Field(key) => Some(key.as_str()),
        _ => None,
    });
    let expected = at.iter().map(String::as_str).chain(["__typename"]);
    if !keys.eq(expected) {
        return None;
    }
    let types = path.iter().rev().find_map(|segment| match segment {
        Segment::Types(types) => Some(types.as_slice()),
        _ => None,
    });
    Some(types.unwrap_or_default())
}

/// The key a rewrite gives to the field at `at`.
fn renamed<'a>(rewrites: &'a [Rewrite], at: &[String]) -> Option<&'a str> {
    rewrites.iter().find_map(|rewrite| {
        let RewriteAction::RenameTo(to) = &rewrite.action else {
            return None;
        };
        let keys = rewrite.path.iter().filter_map(|segment| match segment {
            Segment::Field(key) => Some(key.as_str()),
            _ => None,
        });
        keys.eq(at.iter().map(String::as_str))
            .then_some(to.as_str())
    })
}
