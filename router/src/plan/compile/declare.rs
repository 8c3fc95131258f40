//! Which keys there are at each place of the answer: their slots.

use crate::plan::layout::{LayoutId, Layouts};
use crate::plan::tree::{RawFetch, Rewrite, RewriteAction, Segment, Selection};

/// Declares a slot for every key that the fetch gives or needs.
pub(super) fn declare_fetch(layouts: &mut Layouts, fetch: &RawFetch) {
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

/// The layout's key for values put aside; no response key looks like it.
pub(super) fn aside(key: &str) -> String {
    format!("\u{0}{key}")
}
