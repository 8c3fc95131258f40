//! A part of a fetch as a fetch of its own.

use super::tree::{RawBranch, RawFetch, Rewrite, RewriteAction, Segment, Selection};
use crate::operation::Kind;
use crate::schema::KeyField;

/// An object in a fetch.
#[derive(Clone, Default)]
pub(super) struct Place {
    /// Branch of the fetch; `None` from the root.
    pub(super) branch: Option<usize>,
    /// From the root or from the branch's entities.
    pub(super) path: Vec<Segment>,
    /// The fields and conditions of `path`, nothing being in them.
    pub(super) chain: Vec<Selection>,
    /// Whole paths of keys.
    pub(super) keys: Vec<Vec<String>>,
    /// The object's type, as far as known.
    pub(super) ty: Option<String>,
}

impl Place {
    /// The same object, when it is of the type `on`.
    pub(super) fn narrowed(&self, on: &str) -> Self {
        let mut inner = self.clone();
        if inner.ty.as_deref() != Some(on) {
            inner.path.push(Segment::Types(vec![on.to_owned()]));
            inner.ty = Some(on.to_owned());
        }
        inner.chain.push(Selection::Fragment {
            on: on.to_owned(),
            children: Vec::new(),
        });
        inner
    }

    /// True where the fetch starts.
    pub(super) fn is_start(&self) -> bool {
        self.path.iter().all(|s| matches!(s, Segment::Types(_)))
    }
}

/// How fields are requested separately.
#[derive(PartialEq, Eq)]
pub(super) enum SplitBy {
    /// By the path of the original fetch, requested again.
    Repeating,
    /// By a key of their object.
    Key(Vec<KeyUse>),
}

/// A field of a key, and the response key it is under.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct KeyUse {
    pub(super) field: KeyField,
    pub(super) key: String,
}

impl KeyUse {
    /// How the fetch that gives the object asks for it.
    pub(super) fn selection(&self) -> Selection {
        Selection::Field {
            name: self.field.name.clone(),
            key: self.key.clone(),
            arguments: String::new(),
            uses: Vec::new(),
            children: self.field.fields.iter().map(named).collect(),
        }
    }

    fn required(&self) -> Selection {
        Selection::Field {
            name: self.key.clone(),
            key: self.key.clone(),
            arguments: String::new(),
            uses: Vec::new(),
            children: self.field.fields.iter().map(named).collect(),
        }
    }

    /// Representations have the field under its name.
    fn rename(&self) -> Option<Rewrite> {
        (self.key != self.field.name).then(|| Rewrite {
            path: vec![Segment::Field(self.key.clone())],
            action: RewriteAction::RenameTo(self.field.name.clone()),
        })
    }
}

/// Fields of one place that go to one new fetch.
pub(super) struct Moved {
    pub(super) place: Place,
    pub(super) pieces: Vec<usize>,
    pub(super) split_by: SplitBy,
    pub(super) selection: Vec<Selection>,
}

impl Moved {
    /// The fetch of what was moved out of `from`, and whether it comes after that.
    pub(super) fn fetch(self, from: &RawFetch) -> (RawFetch, bool) {
        let mut fetch = RawFetch {
            service: from.service.clone(),
            kind: Kind::Query,
            text: String::new(),
            variables: from.variables.clone(),
            declarations: from.declarations.clone(),
            selection: Vec::new(),
            output_rewrites: Vec::new(),
            branches: Vec::new(),
            is_subscription: false,
        };
        let is_after = self.split_by != SplitBy::Repeating;
        if self.place.branch.is_none() && !is_after {
            fetch.selection = nested(self.place.chain, self.selection);
        } else {
            fetch.branches.push(self.branch(from));
            fetch
                .declarations
                .retain(|(_, text)| !text.contains("_Any"));
            let declaration = "$representations:[_Any!]!".to_owned();
            fetch
                .declarations
                .push(("representations".to_owned(), declaration));
        }
        fetch.write();
        (fetch, is_after)
    }

    fn branch(self, from: &RawFetch) -> RawBranch {
        let mut branch = match self.place.branch {
            Some(nth) => from.branches[nth].clone(),
            None => RawBranch {
                alias: String::new(),
                variable: String::new(),
                paths: vec![Vec::new()],
                requires: Vec::new(),
                input_rewrites: Vec::new(),
                output_rewrites: Vec::new(),
                selection: Vec::new(),
            },
        };
        match self.split_by {
            SplitBy::Repeating => branch.selection = nested(self.place.chain, self.selection),
            SplitBy::Key(key) => {
                let on = |children| Selection::Fragment {
                    on: self.place.ty.clone().unwrap_or_default(),
                    children,
                };
                let fields = key.iter().map(KeyUse::required);
                branch.requires = vec![on(std::iter::once(plain("__typename"))
                    .chain(fields)
                    .collect())];
                branch.input_rewrites = key.iter().filter_map(KeyUse::rename).collect();
                branch.selection = vec![on(self.selection)];
                for path in &mut branch.paths {
                    path.extend(self.place.path.iter().cloned());
                }
            }
        }
        branch.alias = "_entities".to_owned();
        branch.variable = "representations".to_owned();
        branch
    }
}

/// `selection` inside of the fields and conditions of `chain`.
fn nested(chain: Vec<Selection>, selection: Vec<Selection>) -> Vec<Selection> {
    let within = |inner: Vec<Selection>, mut around: Selection| {
        match &mut around {
            Selection::Field { children, .. } | Selection::Fragment { children, .. } => {
                *children = inner;
            }
        }
        vec![around]
    };
    chain.into_iter().rev().fold(selection, within)
}

impl RawFetch {
    /// Writes the document anew, with the variables it still uses.
    pub(in crate::plan) fn write(&mut self) {
        let mut body = String::new();
        let mut used = Vec::new();
        if self.branches.is_empty() {
            write_selection(&self.selection, &mut body, &mut used);
        } else {
            body.push('{');
            for branch in &self.branches {
                let RawBranch {
                    alias, variable, ..
                } = branch;
                if alias != "_entities" {
                    body.push_str(alias);
                    body.push(':');
                }
                body.push_str("_entities(representations:$");
                body.push_str(variable);
                body.push(')');
                used.push(variable.clone());
                write_selection(&branch.selection, &mut body, &mut used);
                body.push(' ');
            }
            body.push('}');
        }
        self.variables.retain(|name| used.contains(name));
        self.declarations.retain(|(name, _)| used.contains(name));
        let mut text = self.kind.as_str().to_owned();
        if !self.declarations.is_empty() {
            let all: Vec<&str> = self.declarations.iter().map(|(_, d)| d.as_str()).collect();
            text.push('(');
            text.push_str(&all.join(","));
            text.push(')');
        }
        text.push_str(&body);
        self.text = text;
    }
}

fn write_selection(selection: &[Selection], out: &mut String, used: &mut Vec<String>) {
    out.push('{');
    for (at, item) in selection.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        match item {
            Selection::Fragment { on, children } => {
                out.push_str("...on ");
                out.push_str(on);
                write_selection(children, out, used);
            }
            Selection::Field {
                name,
                key,
                arguments,
                uses,
                children,
            } => {
                if key != name {
                    out.push_str(key);
                    out.push(':');
                }
                out.push_str(name);
                if !arguments.is_empty() {
                    out.push('(');
                    out.push_str(arguments);
                    out.push(')');
                }
                used.extend(uses.iter().cloned());
                if !children.is_empty() {
                    write_selection(children, out, used);
                }
            }
        }
    }
    out.push('}');
}

/// The paths with one more key.
pub(super) fn extended(paths: &[Vec<String>], key: &str) -> Vec<Vec<String>> {
    let extend = |path: &Vec<String>| path.iter().cloned().chain([key.to_owned()]).collect();
    paths.iter().map(extend).collect()
}

/// A field without alias, arguments and selections.
pub(super) fn plain(name: &str) -> Selection {
    Selection::Field {
        name: name.to_owned(),
        key: name.to_owned(),
        arguments: String::new(),
        uses: Vec::new(),
        children: Vec::new(),
    }
}

fn named(field: &KeyField) -> Selection {
    Selection::Field {
        name: field.name.clone(),
        key: field.name.clone(),
        arguments: String::new(),
        uses: Vec::new(),
        children: field.fields.iter().map(named).collect(),
    }
}
