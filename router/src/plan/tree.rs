//! The planner's answer in neutral types: a tree of fetches.

/// Order of fetches.
#[derive(Debug)]
pub(crate) enum Tree {
    Fetch(Box<RawFetch>),
    Sequence(Vec<Tree>),
    Parallel(Vec<Tree>),
}

/// A selection of a subgraph operation, fragments inlined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    Field {
        name: String,
        key: String,
        /// As written in the document, without the parentheses.
        arguments: String,
        /// Variables among the arguments.
        uses: Vec<String>,
        children: Vec<Selection>,
    },
    Fragment {
        on: String,
        children: Vec<Selection>,
    },
}

/// A fetch as planned.
#[derive(Debug, Clone)]
pub(crate) struct RawFetch {
    pub(crate) service: String,
    pub(crate) kind: crate::operation::Kind,
    pub(crate) text: String,
    pub(crate) variables: Vec<String>,
    /// Names and declarations of all variables of the document.
    pub(crate) declarations: Vec<(String, String)>,
    pub(crate) selection: Vec<Selection>,
    pub(crate) output_rewrites: Vec<Rewrite>,
    /// Empty for a fetch from the root.
    pub(crate) branches: Vec<RawBranch>,
    pub(crate) is_subscription: bool,
}

/// One `_entities` field of a fetch.
#[derive(Debug, Clone)]
pub(crate) struct RawBranch {
    pub(crate) alias: String,
    pub(crate) variable: String,
    pub(crate) paths: Vec<Vec<Segment>>,
    pub(crate) requires: Vec<Selection>,
    pub(crate) input_rewrites: Vec<Rewrite>,
    pub(crate) output_rewrites: Vec<Rewrite>,
    pub(crate) selection: Vec<Selection>,
}

/// A step of a merge path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Field(String),
    Types(Vec<String>),
    List,
}

/// A change of data on its way to or from a subgraph.
#[derive(Debug, Clone)]
pub(crate) struct Rewrite {
    pub(crate) path: Vec<Segment>,
    pub(crate) action: RewriteAction,
}

/// What a rewrite does at its path.
#[derive(Debug, Clone)]
pub(crate) enum RewriteAction {
    SetTo(String),
    RenameTo(String),
}
