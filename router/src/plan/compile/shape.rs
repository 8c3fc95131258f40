//! How a subgraph's JSON objects land in slots.

use super::Compiler;
use super::declare::aside;
use crate::plan::layout::LayoutId;
use crate::plan::tree::{Rewrite, RewriteAction, Segment, Selection};
use crate::plan::{FieldShape, ObjectShape, Rename, TypeSet};

impl Compiler<'_> {
    pub(super) fn shape(
        &self,
        place: LayoutId,
        selection: &[Selection],
        rewrites: &[Rewrite],
    ) -> ObjectShape {
        let mut shape = ObjectShape {
            width: self.layouts.width(place),
            ..ObjectShape::default()
        };
        self.add_fields(&mut shape, place, selection);
        for rewrite in rewrites {
            self.add_rename(&mut shape, place, &rewrite.path, None, rewrite);
        }
        shape
    }

    fn add_fields(&self, shape: &mut ObjectShape, place: LayoutId, selection: &[Selection]) {
        for item in selection {
            match item {
                Selection::Fragment { children, .. } => self.add_fields(shape, place, children),
                Selection::Field { key, children, .. } => {
                    let Some(slot) = self.layouts.slot(place, key) else {
                        continue;
                    };
                    let known = shape
                        .fields
                        .iter()
                        .position(|field| *field.key == *key.as_bytes());
                    let at = known.unwrap_or_else(|| {
                        let key = key.as_bytes().into();
                        shape.fields.push(FieldShape {
                            key,
                            slot,
                            object: None,
                        });
                        shape.fields.len() - 1
                    });
                    if children.is_empty() {
                        continue;
                    }
                    let child = self.layouts.existing_child(place, key).unwrap_or(place);
                    let object = shape.fields[at].object.get_or_insert_with(|| {
                        let width = self.layouts.width(child);
                        Box::new(ObjectShape {
                            width,
                            ..ObjectShape::default()
                        })
                    });
                    self.add_fields(object, child, children);
                }
            }
        }
    }

    fn add_rename(
        &self,
        shape: &mut ObjectShape,
        place: LayoutId,
        path: &[Segment],
        types: Option<TypeSet>,
        rewrite: &Rewrite,
    ) {
        match path {
            [Segment::Field(from)] => {
                let RewriteAction::RenameTo(to) = &rewrite.action else {
                    return;
                };
                let slot = |key: &str| self.layouts.slot(place, key);
                if let (Some(from), Some(to), Some(aside)) =
                    (slot(from), slot(to), slot(&aside(to)))
                {
                    let typename = self.layouts.slot(place, "__typename");
                    shape.renames.push(Rename {
                        typename,
                        types,
                        from,
                        to,
                        aside,
                    });
                }
            }
            [Segment::Field(key), rest @ ..] => {
                let child = self.layouts.existing_child(place, key);
                let field = shape
                    .fields
                    .iter_mut()
                    .find(|field| *field.key == *key.as_bytes());
                if let (Some(child), Some(object)) = (child, field.and_then(|f| f.object.as_mut()))
                {
                    self.add_rename(object, child, rest, None, rewrite);
                }
            }
            [Segment::Types(names), rest @ ..] => {
                let types = Some(self.types(names));
                self.add_rename(shape, place, rest, types, rewrite);
            }
            [Segment::List, rest @ ..] => {
                self.add_rename(shape, place, rest, types, rewrite);
            }
            [] => {}
        }
    }
}
