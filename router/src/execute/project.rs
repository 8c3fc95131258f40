//! Writing the answer: the client's fields in the client's order, straight
//! from the subgraphs' bytes into one buffer, nulls carried up as the schema's
//! non-null types demand.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::ceiling::Ceiling;
use super::nullify;
use super::store::{Absent, Slot, Store};
use crate::error::{GraphqlError, PathSegment, code};
use crate::operation::{PreparedOperation, introspect};
use crate::plan::{
    Denial, FieldProjection, Leaf, OperationPlan, Shape, ValueProjection, Variant, Variants,
};
use crate::schema::Schema;

/// A null that its place does not allow; the object around it becomes null.
pub(super) struct NotNullable;

/// Nulls in forbidden places that are reported; more are only nulled.
const MAX_NULL_ERRORS: usize = 100;

/// What is written from.
pub(crate) struct Source<'a> {
    pub(crate) plan: &'a OperationPlan,
    pub(crate) operation: &'a PreparedOperation,
    pub(crate) schema: &'a Schema,
    pub(crate) store: &'a Store,
    pub(crate) variables: &'a Map<String, Value>,
    pub(crate) ceiling: Ceiling,
}

/// Fields that come later of an object that was written.
#[derive(Debug)]
pub(crate) struct Found {
    /// As `DeferredFields::of`.
    pub(crate) of: usize,
    /// Its fields, in `Projection::lists`.
    pub(crate) list: usize,
    pub(crate) object: u32,
    pub(crate) path: Vec<PathSegment>,
}

/// Writes `data` to `out`; adds errors for nulls and refusals met on the way.
/// Gives the deferred fragments of what was written.
pub(crate) fn project(
    source: &Source<'_>,
    errors: &mut Vec<GraphqlError>,
    out: &mut Vec<u8>,
) -> Vec<Found> {
    let mut projector = Projector::new(source, &[], errors, out);
    projector.all(|projector| projector.object(source.plan.projection.root, 0, false));
    projector.found
}

/// Writes the fields of a deferred fragment, or null when one of them that may
/// not be null is. Gives the deferred fragments in it.
pub(crate) fn project_deferred(
    source: &Source<'_>,
    deferred: &Found,
    errors: &mut Vec<GraphqlError>,
    out: &mut Vec<u8>,
) -> Vec<Found> {
    let mut projector = Projector::new(source, &deferred.path, errors, out);
    projector.all(|projector| projector.fields(deferred.list, deferred.object));
    projector.found
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

struct Projector<'a, 'o> {
    source: &'a Source<'a>,
    out: &'o mut Vec<u8>,
    errors: &'o mut Vec<GraphqlError>,
    path: Vec<Step<'a>>,
    /// Refused fields already reported: once each, however many objects have them.
    refused: HashSet<*const FieldProjection>,
    nulls: usize,
    found: Vec<Found>,
    /// Set on the way up from an object that its subgraph does not have.
    absent: Option<&'a Absent>,
    ceiling: usize,
    /// It was reached: all that was written is given up.
    is_over: bool,
}

impl<'a, 'o> Projector<'a, 'o> {
    fn new(
        source: &'a Source<'a>,
        path: &'a [PathSegment],
        errors: &'o mut Vec<GraphqlError>,
        out: &'o mut Vec<u8>,
    ) -> Self {
        let step = |segment: &'a PathSegment| match segment {
            PathSegment::Key(key) => Step::Key(key),
            PathSegment::Index(at) => Step::Index(*at),
        };
        Self {
            source,
            out,
            errors,
            path: path.iter().map(step).collect(),
            refused: HashSet::new(),
            nulls: 0,
            found: Vec::new(),
            absent: None,
            ceiling: source.ceiling.bytes(),
            is_over: false,
        }
    }

    /// Runs `write`; what it wrote becomes null when it fails.
    fn all(&mut self, write: impl FnOnce(&mut Self) -> Result<(), NotNullable>) {
        let (start, depth) = (self.out.len(), self.path.len());
        let written = write(self);
        if self.is_over || self.out.len() > self.ceiling {
            self.path.truncate(depth);
            self.out.truncate(start);
            self.out.extend_from_slice(b"null");
            self.found.clear();
            self.errors.clear();
            self.errors.push(self.source.ceiling.error());
            return;
        }
        if written.is_err() {
            self.path.truncate(depth);
            if let Some(absent) = self.absent.take() {
                self.report_absent(absent);
            }
            self.out.truncate(start);
            self.out.extend_from_slice(b"null");
            self.found.clear();
        }
    }

    fn object(
        &mut self,
        projection: usize,
        object: u32,
        nullable: bool,
    ) -> Result<(), NotNullable> {
        let source = self.source;
        let list = match &source.plan.projection.objects[projection] {
            Variants::One(list) => Some(*list),
            Variants::ByType {
                typename,
                table,
                fallback,
                hidden_members,
            } => {
                match typename.and_then(|slot| source.store.leaf(object, slot)) {
                    None => *fallback,
                    Some(name) => match table.iter().find(|(known, _)| **known == *name) {
                        Some((_, Variant::Fields(list))) => Some(*list),
                        Some((_, Variant::Denied(denial))) => {
                            self.report_denied(*denial);
                            return Err(NotNullable);
                        }
                        // A type clients may not know about is nothing to them.
                        None if *hidden_members && nullable => return Err(NotNullable),
                        None => None,
                    },
                }
            }
        };
        let Some(list) = list else {
            self.absent = source.store.absent(object);
            if self.absent.is_none() {
                self.report_null();
            }
            return Err(NotNullable);
        };
        self.fields(list, object)
    }

    /// Stops writing when there is too much: that nulls all that is around.
    fn has_room(&mut self, more: usize) -> Result<(), NotNullable> {
        self.is_over |= self.out.len() + more > self.ceiling;
        if self.is_over {
            Err(NotNullable)
        } else {
            Ok(())
        }
    }

    fn fields(&mut self, list: usize, object: u32) -> Result<(), NotNullable> {
        self.has_room(0)?;
        let list = &self.source.plan.projection.lists[list];
        for deferred in &list.deferred {
            let path = self.here();
            self.found.push(Found {
                of: deferred.of,
                list: deferred.list,
                object,
                path,
            });
        }
        self.out.push(b'{');
        for (at, field) in list.fields.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(&field.json_key);
            self.path.push(Step::Key(&field.key));
            self.field(field, object)?;
            self.path.pop();
        }
        self.out.push(b'}');
        Ok(())
    }

    fn field(&mut self, field: &'a FieldProjection, object: u32) -> Result<(), NotNullable> {
        match &field.value {
            ValueProjection::Typename(name) => {
                self.out.extend_from_slice(name);
                Ok(())
            }
            ValueProjection::Denied(denial) => {
                if self.refused.insert(std::ptr::from_ref(field)) {
                    self.report_denied(*denial);
                }
                self.null(&field.shape)
            }
            ValueProjection::Introspection(at) => {
                let source = self.source;
                let selected = &source.plan.projection.introspection[*at];
                introspect::write(
                    source.schema,
                    source.operation,
                    source.variables,
                    selected,
                    self.out,
                    self.ceiling,
                );
                self.has_room(0)
            }
            value => {
                let store = self.source.store;
                let slot = field
                    .slot
                    .map_or(Slot::Missing, |slot| store.get(object, slot));
                if slot == Slot::Missing && field.shape.non_null {
                    self.absent = store.absent(object);
                    if self.absent.is_some() {
                        return Err(NotNullable);
                    }
                }
                self.value(value, &field.shape, slot)
            }
        }
    }

    fn value(
        &mut self,
        value: &'a ValueProjection,
        shape: &Shape,
        slot: Slot,
    ) -> Result<(), NotNullable> {
        let start = self.out.len();
        let depth = self.path.len();
        let found = self.found.len();
        let written = match (slot, value, &shape.item) {
            (Slot::Leaf { buffer, start, len }, ValueProjection::Leaf(leaf), _) => {
                self.leaf(leaf, shape, self.source.store.text(buffer, start, len))
            }
            (Slot::Object(object), ValueProjection::Object(projection), None) => {
                self.object(*projection, object, !shape.non_null)
            }
            (Slot::List { start, len }, _, Some(item)) => self.list(value, item, start, len),
            // Nothing, or not what the schema promises.
            _ => {
                if shape.non_null {
                    self.report_null();
                }
                Err(NotNullable)
            }
        };
        if written.is_err() {
            self.path.truncate(depth);
            self.out.truncate(start);
            self.found.truncate(found);
            // Where the object may be null, null says all there is to say.
            if let Some(absent) = self.absent.take().filter(|_| shape.non_null) {
                self.report_absent(absent);
            }
            return self.null(shape);
        }
        Ok(())
    }

    fn null(&mut self, shape: &Shape) -> Result<(), NotNullable> {
        if shape.non_null {
            return Err(NotNullable);
        }
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn list(
        &mut self,
        value: &'a ValueProjection,
        item: &Shape,
        start: u32,
        len: u32,
    ) -> Result<(), NotNullable> {
        let store = self.source.store;
        self.out.push(b'[');
        for (at, slot) in store.items(start, len).iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            if self.is_over {
                return Err(NotNullable);
            }
            self.path.push(Step::Index(at));
            self.value(value, item, *slot)?;
            self.path.pop();
        }
        self.out.push(b']');
        Ok(())
    }

    fn leaf(&mut self, leaf: &Leaf, shape: &Shape, text: &[u8]) -> Result<(), NotNullable> {
        self.has_room(text.len())?;
        let checked = match leaf {
            Leaf::Any if !shape.has_non_null_items() => None,
            Leaf::Any if !nullify::may_hold_null(text) => None,
            Leaf::Any => Some(nullify::leaf(shape, text, None)),
            Leaf::Enum(values) => Some(nullify::leaf(shape, text, Some(values))),
        };
        match checked {
            None => self.out.extend_from_slice(text),
            Some(Ok(checked)) => {
                self.out.extend_from_slice(&checked.text);
                if checked.nulled {
                    self.report_null();
                }
            }
            Some(Err(NotNullable)) => {
                self.report_null();
                return Err(NotNullable);
            }
        }
        Ok(())
    }

    fn here(&self) -> Vec<PathSegment> {
        self.path
            .iter()
            .map(|step| match step {
                Step::Key(key) => PathSegment::Key((*key).to_owned()),
                Step::Index(at) => PathSegment::Index(*at),
            })
            .collect()
    }

    /// Tells of a null in a forbidden place.
    fn report_null(&mut self) {
        self.explain(|| {
            GraphqlError::new("Cannot return null for a field that is not nullable.")
                .with_code(code::INTERNAL)
        });
    }

    /// Tells of an object that is not there and must not be null.
    fn report_absent(&mut self, absent: &Absent) {
        self.explain(|| {
            let ty = absent.ty.as_deref().unwrap_or("object");
            GraphqlError::new(format!("The {ty} that is referred to here does not exist."))
                .with_code(code::ENTITY_NOT_FOUND)
                .with("service", &*absent.subgraph)
                .with("type", ty)
        });
    }

    /// Tells why there is a null here, unless an error already explains it.
    fn explain(&mut self, error: impl FnOnce() -> GraphqlError) {
        if self.nulls == MAX_NULL_ERRORS || self.is_over {
            return;
        }
        let here = self.here();
        let explained = self.errors.iter().any(|error| match &error.path {
            None => true,
            Some(path) => path.iter().zip(&here).all(|(a, b)| a == b),
        });
        if !explained {
            self.nulls += 1;
            self.errors.push(error().at(here));
        }
    }

    fn report_denied(&mut self, denial: Denial) {
        if self.errors.len() < MAX_NULL_ERRORS * 10 {
            self.errors.push(
                GraphqlError::new(denial.message())
                    .with_code(denial.code())
                    .at(self.here()),
            );
        }
    }
}
