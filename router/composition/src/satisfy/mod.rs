//! Whether the subgraphs can answer every query the API allows.
//!
//! The walk goes from the root types along every field. At each object type it
//! knows in which subgraphs a router can be: where the field before was
//! resolved, and wherever keys lead from there. A field that none of those
//! subgraphs resolves is an error, with the query that leads to it.

mod graph;
mod message;
mod reach;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use crate::error::{ErrorCode, Hint, HintCode};
use crate::merge::Supergraph;
use crate::report::Report;
use crate::syntax::Operation;

use graph::{Edges, Labels, Node, Nodes};
use reach::Reach;

/// So many unanswerable fields are reported.
const MOST_ERRORS: usize = 50;

/// A place the walk has come to.
struct Place {
    /// The place before and the field taken from there.
    from: Option<(usize, usize)>,
    ty: usize,
    nodes: Nodes,
}

/// Checks satisfiability. Gives up with a hint, instead of without end, on
/// schemas whose keys and requirements are entangled beyond measure.
pub(crate) fn check(supergraph: &Supergraph<'_>, report: &mut Report) -> Option<Hint> {
    let edges = Edges::of(supergraph);
    let mut complete = walk(supergraph, &edges, Labels::On, report);
    if edges.has_labels {
        complete &= walk(supergraph, &edges, Labels::Off, report);
    }
    (!complete).then(|| Hint {
        code: HintCode::SatisfiabilityCheckIncomplete,
        message: "The schema is too entangled to check that every query can be answered."
            .to_owned(),
        coordinate: "Query".to_owned(),
    })
}

/// One walk over everything; whether it came to its end.
fn walk(
    supergraph: &Supergraph<'_>,
    edges: &Edges<'_>,
    labels: Labels,
    report: &mut Report,
) -> bool {
    let mut reach = Reach::new(supergraph, edges, labels);
    let mut places = roots(supergraph);
    let mut queue: VecDeque<usize> = (0..places.len()).collect();
    let mut seen: HashMap<usize, HashSet<Nodes>> = HashMap::new();
    let mut reported: HashSet<(usize, usize)> = HashSet::new();
    while let Some(at) = queue.pop_front() {
        if reach.is_exhausted() || reported.len() >= MOST_ERRORS {
            break;
        }
        let (ty, nodes) = (places[at].ty, Rc::clone(&places[at].nodes));
        let merged = &supergraph.types[ty];
        for (index, field) in merged.fields.values().enumerate() {
            if field.marks.inaccessible {
                continue;
            }
            let next = reach.resolve(ty, &nodes, field.name);
            if next.is_empty() {
                // A field without a base has been reported as such.
                let based = field.from_interface_object
                    || field.parts.iter().any(|(_, part)| !part.external);
                if based && reported.insert((ty, index)) {
                    let text = message::unanswerable(&mut reach, &places, at, index);
                    let locations = message::locations(supergraph, ty, index);
                    report.add(ErrorCode::SatisfiabilityError, text, locations);
                }
                continue;
            }
            if reach.runtime_types_differ(&next) && reported.insert((ty, index)) {
                let text = message::no_common_type(supergraph, ty, index);
                let locations = message::locations(supergraph, ty, index);
                report.add(
                    ErrorCode::ShareableHasMismatchedRuntimeTypes,
                    text,
                    locations,
                );
            }
            let mut arrivals: BTreeMap<usize, Vec<Node>> = BTreeMap::new();
            reach.arrive(&next, &mut arrivals);
            for (target, nodes) in arrivals {
                if supergraph.types[target].marks.inaccessible {
                    continue;
                }
                let nodes = reach.closure(target, nodes);
                let untyped = nodes.iter().all(|node| node.via.is_some());
                if untyped && reported.insert((target, usize::MAX)) {
                    let text = message::untyped(&reach, &places, at, index, target);
                    let locations = message::locations(supergraph, ty, index);
                    report.add(ErrorCode::SatisfiabilityError, text, locations);
                }
                if seen.entry(target).or_default().insert(Rc::clone(&nodes)) {
                    queue.push_back(places.len());
                    places.push(Place {
                        from: Some((at, index)),
                        ty: target,
                        nodes,
                    });
                }
            }
        }
    }
    !reach.is_exhausted()
}

/// Where queries, mutations and subscriptions begin.
fn roots(supergraph: &Supergraph<'_>) -> Vec<Place> {
    Operation::ALL
        .iter()
        .filter_map(|operation| {
            let (ty, _, root) = supergraph.types.get_full(operation.default_type())?;
            let nodes: Vec<Node> = root.graphs(supergraph).into_iter().map(Node::at).collect();
            Some(Place {
                from: None,
                ty,
                nodes: Rc::new(nodes),
            })
        })
        .collect()
}
