//! Where a router can be and how it can move on.

use std::rc::Rc;

use crate::merge::{Graph, Merged, Supergraph};
use crate::syntax::TypeKind;
use crate::syntax::selection::Selection;

/// Being in a subgraph at an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Node {
    pub graph: u32,
    /// The interface object by which the subgraph knows the object (a type
    /// index), if it does not know its real type.
    pub via: Option<u32>,
    /// What a `@provides` on the way here makes available; 0 is nothing.
    pub provided: u32,
}

impl Node {
    /// In the subgraph, with nothing special.
    pub(super) fn at(graph: Graph) -> Self {
        Self {
            graph: index(graph),
            via: None,
            provided: 0,
        }
    }
}

/// Nodes in ascending order, each once.
pub(super) type Nodes = Rc<Vec<Node>>;

pub(super) fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Which side of labelled overrides is in force.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Labels {
    On,
    Off,
}

/// A way into a subgraph by a key.
pub(super) struct KeyEdge<'g> {
    pub to: Node,
    pub fields: &'g [Selection<'g>],
    pub from: From,
}

/// From where a key can be taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// Wherever the real type is known.
    RealType,
    /// From the interface object of this interface (a type index), where the
    /// real type is not known yet.
    InterfaceObject(u32),
    /// From anywhere: who only knows the interface needs no more.
    Anywhere,
}

impl From {
    /// Whether there is such a place among the nodes, of which the first were
    /// there at the start.
    pub(super) fn is_among(self, nodes: &[Node], start: usize) -> bool {
        match self {
            Self::RealType => nodes.iter().any(|node| node.via.is_none()),
            Self::InterfaceObject(at) => nodes[..start].iter().any(|n| n.via == Some(at)),
            Self::Anywhere => true,
        }
    }
}

/// The keys of every object type.
pub(super) struct Edges<'g> {
    pub keys: Vec<Vec<KeyEdge<'g>>>,
    pub has_labels: bool,
}

impl<'g> Edges<'g> {
    pub(super) fn of(supergraph: &Supergraph<'g>) -> Self {
        let mut has_labels = false;
        let mut keys = Vec::with_capacity(supergraph.types.len());
        for ty in supergraph.types.values() {
            let mut edges = Vec::new();
            if ty.kind == TypeKind::Object {
                own_keys(ty, &mut edges);
                for name in ty.interfaces.keys() {
                    if let Some((at, _, interface)) = supergraph.types.get_full(name) {
                        interface_keys(ty, at, interface, &mut edges);
                    }
                }
            }
            keys.push(edges);
            has_labels |= ty
                .fields
                .values()
                .any(|field| field.entries.iter().any(|entry| entry.label.is_some()));
        }
        Self { keys, has_labels }
    }
}

fn own_keys<'g>(ty: &Merged<'g>, edges: &mut Vec<KeyEdge<'g>>) {
    for (graph, part) in &ty.parts {
        for key in part.keys.iter().filter(|key| key.resolvable) {
            edges.push(KeyEdge {
                to: Node::at(*graph),
                fields: &key.fields.selections,
                from: From::RealType,
            });
        }
    }
}

fn interface_keys<'g>(
    ty: &Merged<'g>,
    at: usize,
    interface: &Merged<'g>,
    edges: &mut Vec<KeyEdge<'g>>,
) {
    for (graph, part) in &interface.parts {
        let implements = ty
            .interfaces
            .get(interface.name)
            .is_some_and(|graphs| graphs.contains(graph));
        let via = part.interface_object.then(|| index(at));
        if via.is_none() && !implements {
            continue;
        }
        for key in part.keys.iter().filter(|key| key.resolvable) {
            edges.push(KeyEdge {
                to: Node {
                    via,
                    ..Node::at(*graph)
                },
                fields: &key.fields.selections,
                from: match via {
                    Some(_) => From::Anywhere,
                    None => From::InterfaceObject(index(at)),
                },
            });
        }
    }
}
