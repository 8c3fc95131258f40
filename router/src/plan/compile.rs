//! From the planner's tree to what the executor runs: fetches with their
//! dependencies counted, keys resolved to slots, representations laid out.

use std::sync::Arc;

use super::layout::{LayoutId, Layouts};
use super::tree::{RawBranch, RawFetch, Rewrite, RewriteAction, Segment, Selection, Tree};
use super::{
    Branch, Deferral, Fetch, FieldShape, ObjectShape, OperationPlan, PathStep, PlanError, Rename,
    RequiredField, Requires, Target, TypeSet, projection, split,
};
use crate::json::write::quoted;
use crate::operation::{Kind, PreparedOperation};
use crate::subgraph::SubgraphOperation;
use crate::supergraph::Schema;

/// More fetches than this in one operation are refused.
const MAX_FETCHES: usize = 4096;

pub(crate) fn compile(
    schema: &Schema,
    operation: &PreparedOperation,
    tree: Tree,
) -> Result<OperationPlan, PlanError> {
    let mut flat = Flat {
        fetches: Vec::new(),
    };
    flat.add(tree, &[]);
    split::split(schema, operation, &mut flat.fetches);
    if flat.fetches.len() > MAX_FETCHES {
        return Err(PlanError::Refused(format!(
            "more than {MAX_FETCHES} subgraph requests"
        )));
    }
    let mut layouts = Layouts::new();
    for (raw, _) in &flat.fetches {
        declare_fetch(&mut layouts, raw);
    }
    let compiler = Compiler {
        schema,
        layouts: &layouts,
    };
    let mut fetches: Vec<Fetch> = Vec::with_capacity(flat.fetches.len());
    let mut subscription = None;
    for (at, (raw, dependencies)) in flat.fetches.iter().enumerate() {
        if raw.is_subscription {
            subscription = Some(at);
        }
        fetches.push(compiler.fetch(raw, dependencies.len()));
        for dependency in dependencies {
            fetches[*dependency].dependents.push(at);
        }
    }
    if operation.kind == Kind::Subscription && subscription.is_none() && !fetches.is_empty() {
        return Err(PlanError::Refused(
            "a subscription without a subscription fetch".into(),
        ));
    }
    let (deferral, fragments) = Deferral::new(schema, operation, &flat.fetches).unzip();
    Ok(OperationPlan {
        kind: operation.kind,
        root_width: layouts.width(layouts.root()),
        projection: projection::build(schema, operation, &layouts, fragments.as_ref()),
        fetches,
        subscription,
        deferral,
    })
}

/// The tree as a list of fetches, each with the fetches it waits for.
struct Flat {
    fetches: Vec<(RawFetch, Vec<usize>)>,
}

impl Flat {
    /// Adds `tree` after `before`; gives the fetches that end it.
    fn add(&mut self, tree: Tree, before: &[usize]) -> Vec<usize> {
        match tree {
            Tree::Fetch(fetch) => {
                self.fetches.push((*fetch, before.to_vec()));
                vec![self.fetches.len() - 1]
            }
            Tree::Sequence(trees) => {
                let mut last = before.to_vec();
                for tree in trees {
                    last = self.add(tree, &last);
                }
                last
            }
            Tree::Parallel(trees) => {
                let mut ends: Vec<usize> = trees
                    .into_iter()
                    .flat_map(|tree| self.add(tree, before))
                    .collect();
                ends.sort_unstable();
                ends.dedup();
                ends
            }
        }
    }
}

fn declare_fetch(layouts: &mut Layouts, fetch: &RawFetch) {
    let root = layouts.root();
    if fetch.branches.is_empty() {
        declare_selection(layouts, root, &fetch.selection);
        declare_renames(layouts, root, &fetch.output_rewrites);
    }
    for branch in &fetch.branches {
        let places: Vec<LayoutId> = branch
            .paths
            .iter()
            .map(|path| declare_path(layouts, root, path))
            .collect();
        let Some((first, others)) = places.split_first() else {
            continue;
        };
        for other in others {
            layouts.join(*first, *other);
        }
        declare_selection(layouts, *first, &branch.requires);
        declare_selection(layouts, *first, &branch.selection);
        declare_renames(layouts, *first, &branch.output_rewrites);
    }
}

fn declare_path(layouts: &mut Layouts, root: LayoutId, path: &[Segment]) -> LayoutId {
    let mut place = root;
    for segment in path {
        match segment {
            Segment::Field(key) => place = layouts.child(place, key),
            Segment::Types(_) => layouts.declare(place, "__typename"),
            Segment::List => {}
        }
    }
    place
}

fn declare_selection(layouts: &mut Layouts, place: LayoutId, selection: &[Selection]) {
    for item in selection {
        match item {
            Selection::Field { key, children, .. } if children.is_empty() => {
                layouts.declare(place, key);
            }
            Selection::Field { key, children, .. } => {
                let child = layouts.child(place, key);
                declare_selection(layouts, child, children);
            }
            Selection::Fragment { children, .. } => declare_selection(layouts, place, children),
        }
    }
}

fn declare_renames(layouts: &mut Layouts, place: LayoutId, rewrites: &[Rewrite]) {
    for rewrite in rewrites {
        let RewriteAction::RenameTo(to) = &rewrite.action else {
            continue;
        };
        let Some((Segment::Field(from), parents)) = rewrite.path.split_last() else {
            continue;
        };
        let place = declare_path(layouts, place, parents);
        layouts.declare(place, from);
        layouts.declare(place, to);
        layouts.declare(place, &aside(to));
        let (a, b) = (
            layouts.existing_child(place, from),
            layouts.existing_child(place, to),
        );
        match (a, b) {
            (Some(_), _) | (_, Some(_)) => {
                let a = layouts.child(place, from);
                let b = layouts.child(place, to);
                layouts.join(a, b);
            }
            (None, None) => {}
        }
    }
}

struct Compiler<'a> {
    schema: &'a Schema,
    layouts: &'a Layouts,
}

impl Compiler<'_> {
    fn fetch(&self, raw: &RawFetch, dependencies: usize) -> Fetch {
        let target = if raw.branches.is_empty() {
            let root = self.layouts.root();
            Target::Root {
                shape: self.shape(root, &raw.selection, &raw.output_rewrites),
            }
        } else {
            Target::Entities {
                branches: raw.branches.iter().map(|b| self.branch(b)).collect(),
            }
        };
        let key = |name: &String| {
            let mut key = quoted(name);
            key.push(b':');
            (name.clone(), key.into_boxed_slice())
        };
        Fetch {
            subgraph: raw.service.as_str().into(),
            operation: Arc::new(SubgraphOperation::new(raw.text.clone(), raw.kind)),
            variables: raw.variables.iter().map(key).collect(),
            target,
            dependents: Vec::new(),
            dependencies: u32::try_from(dependencies).unwrap_or(u32::MAX),
        }
    }

    fn branch(&self, raw: &RawBranch) -> Branch {
        let mut place = self.layouts.root();
        let mut paths = Vec::new();
        for path in &raw.paths {
            let (steps, end) = self.path(path);
            paths.push(steps);
            place = end;
        }
        let mut variable = quoted(&raw.variable);
        variable.push(b':');
        Branch {
            alias: raw.alias.as_bytes().into(),
            variable: variable.into(),
            paths,
            requires: self.requires(place, &raw.requires, &raw.input_rewrites, &mut Vec::new()),
            shape: self.shape(place, &raw.selection, &raw.output_rewrites),
        }
    }

    fn path(&self, path: &[Segment]) -> (Vec<PathStep>, LayoutId) {
        let mut place = self.layouts.root();
        let mut steps = Vec::new();
        for segment in path {
            match segment {
                Segment::Field(key) => {
                    let Some(slot) = self.layouts.slot(place, key) else {
                        continue;
                    };
                    steps.push(PathStep::Field {
                        key: key.clone(),
                        slot,
                        is_list: false,
                    });
                    place = self.layouts.existing_child(place, key).unwrap_or(place);
                }
                Segment::Types(types) => {
                    if let Some(typename) = self.layouts.slot(place, "__typename") {
                        steps.push(PathStep::Types {
                            typename,
                            types: self.types(types),
                        });
                    }
                }
                Segment::List => {
                    if let Some(PathStep::Field { is_list, .. }) = steps.last_mut() {
                        *is_list = true;
                    }
                }
            }
        }
        (steps, place)
    }

    /// The conditions and every object type that satisfies one of them.
    fn types(&self, conditions: &[String]) -> TypeSet {
        let mut names: Vec<&str> = Vec::new();
        for condition in conditions {
            names.push(condition);
            if let Some(ty) = self.schema.ty(condition) {
                names.extend(ty.possible.iter().map(String::as_str));
            }
        }
        names.sort_unstable();
        names.dedup();
        TypeSet(
            names
                .into_iter()
                .map(|name| quoted(name).into_boxed_slice())
                .collect(),
        )
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

    fn shape(&self, place: LayoutId, selection: &[Selection], rewrites: &[Rewrite]) -> ObjectShape {
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
                self.add_rename(shape, place, rest, Some(self.types(names)), rewrite);
            }
            [Segment::List, rest @ ..] => self.add_rename(shape, place, rest, types, rewrite),
            [] => {}
        }
    }

    fn requires(
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
}

/// The layout's key for values put aside; no response key looks like it.
fn aside(key: &str) -> String {
    format!("\u{0}{key}")
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
