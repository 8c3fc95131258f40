//! From the planner's tree to what the executor runs: fetches with their
//! dependencies counted, keys resolved to slots, representations laid out.

mod declare;
mod requires;
mod shape;

use std::sync::Arc;

use super::layout::{LayoutId, Layouts};
use super::tree::{RawBranch, RawFetch, Segment, Tree};
use super::{
    Branch, Deferral, Fetch, OperationPlan, PathStep, PlanError, Target, TypeSet, projection, split,
};
use crate::json::write::quoted;
use crate::operation::{Kind, PreparedOperation};
use crate::schema::Schema;
use crate::subgraph::{SizeHint, SubgraphOperation};

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
        declare::declare_fetch(&mut layouts, raw);
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
    let deferral = Deferral::new(schema, operation, &flat.fetches);
    let projection = projection::build(schema, operation, &layouts, deferral.as_ref());
    Ok(OperationPlan {
        kind: operation.kind,
        root_width: layouts.width(layouts.root()),
        projection,
        fetches,
        subscription,
        deferral: deferral.map(|(deferral, _)| deferral),
        size: SizeHint::default(),
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
            operation: Arc::new(SubgraphOperation::of_plan(raw.text.clone(), raw.kind)),
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
}
