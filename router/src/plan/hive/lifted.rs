//! Fields of an interface that are asked for on several of its objects, where some
//! subgraph has the interface as an object (`@interfaceObject`). For one of the
//! objects the planner finds its way to the types and back, for several it drops
//! what it should have come back for, and it loses aliases of keys. Asked of the
//! interface itself the fields come with the objects; the answer still shows them
//! where the client has asked for them.

use std::collections::HashMap;

use hive_router_query_planner::ast::selection_item::SelectionItem;
use hive_router_query_planner::ast::selection_set::{FieldSelection, SelectionSet};
use hive_router_query_planner::state::supergraph_state::{SupergraphDefinition, SupergraphState};

/// Lifts such fields in everything below a `set` of the type `parent`.
pub(super) fn lift(supergraph: &SupergraphState, set: &mut SelectionSet, parent: &str) {
    let definition = supergraph.definitions.get(parent);
    if let Some(definition) = definition.filter(|definition| is_interface_object(definition)) {
        lift_here(definition, set, parent);
    }
    for item in &mut set.items {
        match item {
            SelectionItem::InlineFragment(fragment) => {
                lift(
                    supergraph,
                    &mut fragment.selections,
                    &fragment.type_condition,
                );
            }
            SelectionItem::Field(field) => {
                let known = definition.and_then(|definition| definition.fields().get(&field.name));
                if let Some(known) = known {
                    let below = known.field_type.inner_type();
                    lift(supergraph, &mut field.selections, below);
                }
            }
            SelectionItem::FragmentSpread(_) => {}
        }
    }
}

/// True when some subgraph has an interface as an object.
pub(super) fn is_needed(supergraph: &SupergraphState) -> bool {
    supergraph.definitions.values().any(is_interface_object)
}

fn is_interface_object(definition: &SupergraphDefinition) -> bool {
    let mut subgraphs = definition.join_types().iter();
    definition.is_interface_type() && subgraphs.any(|subgraph| subgraph.is_interface_object)
}

fn lift_here(definition: &SupergraphDefinition, set: &mut SelectionSet, parent: &str) {
    let mut asked: HashMap<&str, &FieldSelection> = HashMap::new();
    let mut conflicts = Vec::new();
    let (mut fragments, mut aliased) = (0, false);
    let own = fields(set).map(|field| (true, field));
    let of_fragments = set.items.iter().flat_map(|item| match item {
        SelectionItem::InlineFragment(fragment) if fragment.type_condition != parent => {
            let has = |field: &FieldSelection| is_from_object(definition, &field.name);
            fragments += usize::from(fields(&fragment.selections).any(has));
            aliased |= fields(&fragment.selections).any(|f| has(f) && f.alias.is_some());
            fields(&fragment.selections).collect()
        }
        _ => Vec::new(),
    });
    for (is_own, field) in own.chain(of_fragments.map(|field| (false, field))) {
        let key = field.selection_identifier();
        match asked.get(key) {
            Some(known) if known.name == field.name && known.arguments == field.arguments => {}
            Some(_) => conflicts.push(key.to_owned()),
            None => {
                asked.insert(key, field);
            }
        }
        if is_own && !definition.fields().contains_key(&field.name) {
            conflicts.push(key.to_owned());
        }
    }
    if fragments < 2 && !aliased {
        return;
    }
    let lifted = |field: &FieldSelection| {
        is_from_object(definition, &field.name)
            && !conflicts
                .iter()
                .any(|key| key == field.selection_identifier())
    };
    let mut taken = Vec::new();
    for item in &mut set.items {
        if let SelectionItem::InlineFragment(fragment) = item
            && fragment.type_condition != parent
        {
            let kept = &mut fragment.selections.items;
            let out = kept.extract_if(.., |item| match item {
                SelectionItem::Field(field) => lifted(field),
                _ => false,
            });
            taken.extend(out.collect::<Vec<_>>());
            if kept.is_empty() {
                kept.push(SelectionItem::Field(FieldSelection::new_typename()));
            }
        }
    }
    for item in taken {
        merge(&mut set.items, item);
    }
}

/// Whether the field comes from where the interface is an object.
fn is_from_object(definition: &SupergraphDefinition, name: &str) -> bool {
    let Some(field) = definition.fields().get(name) else {
        return false;
    };
    let subgraphs = definition.join_types().iter();
    let mut objects = subgraphs.filter(|subgraph| subgraph.is_interface_object);
    field.join_field.is_empty()
        || objects.any(|object| {
            let mut joins = field.join_field.iter();
            joins.any(|join| join.graph_id.as_ref() == Some(&object.graph_id) && !join.external)
        })
}

fn fields(set: &SelectionSet) -> impl Iterator<Item = &FieldSelection> {
    set.items.iter().filter_map(|item| match item {
        SelectionItem::Field(field) => Some(field),
        _ => None,
    })
}

/// Adds an item; what is under one key becomes one field.
fn merge(items: &mut Vec<SelectionItem>, item: SelectionItem) {
    let same = items.iter_mut().find_map(|known| match (known, &item) {
        (SelectionItem::Field(known), SelectionItem::Field(new))
            if known.selection_identifier() == new.selection_identifier() =>
        {
            Some(&mut known.selections)
        }
        (SelectionItem::InlineFragment(known), SelectionItem::InlineFragment(new))
            if known.type_condition == new.type_condition =>
        {
            Some(&mut known.selections)
        }
        _ => None,
    });
    let Some(known) = same else {
        return items.push(item);
    };
    let below = match item {
        SelectionItem::Field(field) => field.selections,
        SelectionItem::InlineFragment(fragment) => fragment.selections,
        SelectionItem::FragmentSpread(_) => return,
    };
    for item in below.items {
        merge(&mut known.items, item);
    }
}
