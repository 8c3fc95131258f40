//! A part of a fetch as a fetch of its own.

use super::tree::{RawBranch, RawFetch, Segment, Selection};
use crate::operation::Kind;

/// An object in a fetch.
#[derive(Clone)]
pub(super) struct Place {
    /// Branch of the fetch; `None` from the root.
    pub(super) branch: Option<usize>,
    /// From the root or from the branch's entities.
    pub(super) path: Vec<Segment>,
    /// Whole paths of keys.
    pub(super) keys: Vec<Vec<String>>,
    /// The object's type, as far as known.
    pub(super) ty: Option<String>,
}

/// Fields of one place that go to one new fetch.
pub(super) struct Moved {
    pub(super) place: Place,
    pub(super) pieces: Vec<usize>,
    /// The key to jump by; `None` where the fetch starts anyway.
    pub(super) key: Option<Vec<String>>,
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
        let is_after = self.key.is_some();
        match (self.place.branch, self.place.ty) {
            (None, _) if !is_after => fetch.selection = self.selection,
            (branch, Some(ty)) => {
                let on = |children| Selection::Fragment {
                    on: ty.clone(),
                    children,
                };
                let mut new = match branch {
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
                new.selection = vec![on(self.selection)];
                if let Some(key) = self.key {
                    let fields =
                        std::iter::once("__typename").chain(key.iter().map(String::as_str));
                    new.requires = vec![on(fields.map(plain).collect())];
                    new.input_rewrites.clear();
                    for path in &mut new.paths {
                        path.extend(self.place.path.iter().cloned());
                    }
                }
                new.alias = "_entities".to_owned();
                new.variable = "representations".to_owned();
                fetch
                    .declarations
                    .retain(|(_, text)| !text.contains("_Any"));
                let declaration = "$representations:[_Any!]!".to_owned();
                fetch
                    .declarations
                    .push(("representations".to_owned(), declaration));
                fetch.branches = vec![new];
            }
            (_, None) => {}
        }
        fetch.write();
        (fetch, is_after)
    }
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
