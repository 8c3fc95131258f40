//! The planner's nodes as trees of our own types.

use hive_router_query_planner::ast::fragment::FragmentDefinition;
use hive_router_query_planner::ast::operation::OperationDefinition;
use hive_router_query_planner::ast::selection_item::SelectionItem;
use hive_router_query_planner::ast::selection_set::SelectionSet;
use hive_router_query_planner::planner::plan_nodes::{
    BatchFetchNode, FetchNode, FetchNodePathSegment, FetchRewrite, FlattenNodePath,
    FlattenNodePathSegment, PlanNode,
};
use hive_router_query_planner::state::supergraph_state::OperationKind;

use crate::operation::Kind;
use crate::plan::PlanError;
use crate::plan::tree::{RawBranch, RawFetch, Rewrite, RewriteAction, Segment, Selection, Tree};

pub(super) fn convert(node: PlanNode) -> Result<Tree, PlanError> {
    let all = |nodes: Vec<PlanNode>| nodes.into_iter().map(convert).collect::<Result<_, _>>();
    match node {
        PlanNode::Fetch(fetch) => Ok(Tree::Fetch(Box::new(root_fetch(fetch)))),
        PlanNode::Subscription(subscription) => {
            let mut fetch = root_fetch(subscription.primary);
            fetch.is_subscription = true;
            Ok(Tree::Fetch(Box::new(fetch)))
        }
        PlanNode::BatchFetch(fetch) => Ok(Tree::Fetch(Box::new(batch_fetch(fetch)))),
        PlanNode::Sequence(sequence) => Ok(Tree::Sequence(all(sequence.nodes)?)),
        PlanNode::Parallel(parallel) => Ok(Tree::Parallel(all(parallel.nodes)?)),
        PlanNode::Flatten(flatten) => match *flatten.node {
            PlanNode::Fetch(fetch) => Ok(Tree::Fetch(Box::new(entity_fetch(fetch, &flatten.path)))),
            _ => Err(PlanError::Refused("a flatten node without a fetch".into())),
        },
        PlanNode::Condition(_) | PlanNode::Defer(_) => {
            // Conditions are decided and `@defer` is taken out before planning.
            Err(PlanError::Refused(
                "a condition that should have been decided".into(),
            ))
        }
    }
}

fn root_fetch(fetch: FetchNode) -> RawFetch {
    let document = &fetch.operation.document;
    RawFetch {
        selection: selections(&document.operation.selection_set, &document.fragments),
        kind: kind(fetch.operation_kind.as_ref()),
        declarations: declarations(&document.operation),
        text: fetch.operation.document_str,
        variables: fetch.variable_usages.into_iter().flatten().collect(),
        service: fetch.service_name,
        output_rewrites: rewrites(fetch.output_rewrites),
        branches: Vec::new(),
        is_subscription: false,
    }
}

fn entity_fetch(fetch: FetchNode, path: &FlattenNodePath) -> RawFetch {
    let requires = fetch
        .requires
        .as_ref()
        .map(|set| selections(set, &[]))
        .unwrap_or_default();
    let branch = RawBranch {
        alias: "_entities".to_owned(),
        variable: "representations".to_owned(),
        paths: vec![segments(path)],
        requires,
        input_rewrites: rewrites(fetch.input_rewrites.clone()),
        output_rewrites: rewrites(fetch.output_rewrites.clone()),
        selection: Vec::new(),
    };
    let mut raw = root_fetch(fetch);
    raw.output_rewrites.clear();
    raw.branches = with_selections(vec![branch], &raw.selection);
    raw
}

fn batch_fetch(fetch: BatchFetchNode) -> RawFetch {
    let document = &fetch.operation.document;
    let selection = selections(&document.operation.selection_set, &document.fragments);
    let branches = fetch
        .entity_batch
        .aliases
        .into_iter()
        .map(|alias| RawBranch {
            alias: alias.alias,
            variable: alias.representations_variable_name,
            paths: alias.merge_paths.iter().map(segments).collect(),
            requires: selections(&alias.requires, &[]),
            input_rewrites: rewrites(alias.input_rewrites),
            output_rewrites: rewrites(alias.output_rewrites),
            selection: Vec::new(),
        })
        .collect();
    RawFetch {
        branches: with_selections(branches, &selection),
        selection,
        kind: kind(fetch.operation_kind.as_ref()),
        declarations: declarations(&document.operation),
        text: fetch.operation.document_str,
        variables: fetch.variable_usages.into_iter().flatten().collect(),
        service: fetch.service_name,
        output_rewrites: Vec::new(),
        is_subscription: false,
    }
}

fn declarations(operation: &OperationDefinition) -> Vec<(String, String)> {
    let definitions = operation.variable_definitions.iter().flatten();
    definitions
        .map(|definition| (definition.name.clone(), definition.to_string()))
        .collect()
}

/// Gives each branch the selection of its `_entities` field.
fn with_selections(mut branches: Vec<RawBranch>, operation: &[Selection]) -> Vec<RawBranch> {
    for branch in &mut branches {
        for selection in operation {
            if let Selection::Field { key, children, .. } = selection
                && *key == branch.alias
            {
                branch.selection.clone_from(children);
            }
        }
    }
    branches
}

fn kind(kind: Option<&OperationKind>) -> Kind {
    match kind {
        Some(OperationKind::Mutation) => Kind::Mutation,
        Some(OperationKind::Subscription) => Kind::Subscription,
        Some(OperationKind::Query) | None => Kind::Query,
    }
}

fn selections(set: &SelectionSet, fragments: &[FragmentDefinition]) -> Vec<Selection> {
    set.items
        .iter()
        .filter_map(|item| selection(item, fragments))
        .collect()
}

fn selection(item: &SelectionItem, fragments: &[FragmentDefinition]) -> Option<Selection> {
    Some(match item {
        SelectionItem::Field(field) => Selection::Field {
            name: field.name.clone(),
            key: field.selection_identifier().to_owned(),
            arguments: field
                .arguments
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            uses: field
                .arguments
                .iter()
                .flatten()
                .flat_map(|(_, value)| value.variable_usages())
                .collect(),
            children: selections(&field.selections, fragments),
        },
        SelectionItem::InlineFragment(fragment) => Selection::Fragment {
            on: fragment.type_condition.clone(),
            children: selections(&fragment.selections, fragments),
        },
        SelectionItem::FragmentSpread(name) => {
            let fragment = fragments.iter().find(|fragment| fragment.name == *name)?;
            Selection::Fragment {
                on: fragment.type_condition.clone(),
                children: selections(&fragment.selection_set, fragments),
            }
        }
    })
}

fn segments(path: &FlattenNodePath) -> Vec<Segment> {
    path.as_slice()
        .iter()
        .map(|segment| match segment {
            FlattenNodePathSegment::Field(name) => Segment::Field(name.clone()),
            FlattenNodePathSegment::TypeCondition(types) => {
                Segment::Types(types.iter().cloned().collect())
            }
            FlattenNodePathSegment::List => Segment::List,
        })
        .collect()
}

fn rewrites(rewrites: Option<Vec<FetchRewrite>>) -> Vec<Rewrite> {
    let path = |path: Vec<FetchNodePathSegment>| {
        path.into_iter()
            .map(|segment| match segment {
                FetchNodePathSegment::Key(key) => Segment::Field(key),
                FetchNodePathSegment::TypenameEquals(types) => {
                    Segment::Types(types.into_iter().collect())
                }
            })
            .collect()
    };
    rewrites
        .unwrap_or_default()
        .into_iter()
        .map(|rewrite| match rewrite {
            FetchRewrite::ValueSetter(setter) => Rewrite {
                path: path(setter.path),
                action: RewriteAction::SetTo(setter.set_value_to),
            },
            FetchRewrite::KeyRenamer(renamer) => Rewrite {
                path: path(renamer.path),
                action: RewriteAction::RenameTo(renamer.rename_key_to),
            },
        })
        .collect()
}
