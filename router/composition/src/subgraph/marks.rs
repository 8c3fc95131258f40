//! What the directives on one element say.

use crate::spec::Fed;
use crate::syntax::selection::{Selection, parse_field_set};
use crate::syntax::{Directive, Pos, Value};

use super::{DirectiveNames, Map};

/// A parsed field set and its text.
#[derive(Clone, Debug)]
pub(crate) struct FieldSet<'a> {
    pub text: std::borrow::Cow<'a, str>,
    pub selections: Vec<Selection<'a>>,
}

impl<'a> FieldSet<'a> {
    /// Parses the text of a field set.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let selections = parse_field_set(text).map_err(|error| error.message)?;
        Ok(Self {
            text: text.into(),
            selections,
        })
    }
}

/// `@override`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Override<'a> {
    pub pos: Pos,
    pub from: &'a str,
    pub label: Option<&'a str>,
}

/// `@listSize`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListSize<'a> {
    pub assumed: Option<i64>,
    pub slicing: Option<Vec<&'a str>>,
    pub sized: Option<Vec<&'a str>>,
    pub require_one: bool,
}

/// Alternatives of names that must all be held: `[[a, b], [c]]` is `a and b, or c`.
pub(crate) type Alternatives<'a> = Vec<Vec<&'a str>>;

/// The directives on one element, digested.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks<'a> {
    pub tags: Vec<&'a str>,
    pub inaccessible: Option<Pos>,
    /// `@deprecated` with its reason.
    pub deprecated: Option<Option<&'a str>>,
    pub specified_by: Option<&'a str>,
    pub one_of: bool,
    pub authenticated: bool,
    pub scopes: Alternatives<'a>,
    pub policies: Alternatives<'a>,
    pub cost: Option<i64>,
    pub list_size: Option<ListSize<'a>>,
    pub external: Option<Pos>,
    pub shareable: Option<Pos>,
    pub interface_object: Option<Pos>,
    pub extends: bool,
    pub overrides: Option<Override<'a>>,
    pub contexts: Vec<&'a str>,
    pub from_context: Option<(&'a str, Pos)>,
    /// Applications of directives that `@composeDirective` keeps.
    pub composed: Vec<&'a Directive<'a>>,
    /// Applications that the validation of field sets looks at.
    pub keys: Vec<&'a Directive<'a>>,
    pub requires: Option<&'a Directive<'a>>,
    pub provides: Option<&'a Directive<'a>>,
    /// Local names of cost directives, to keep them in the supergraph.
    pub cost_name: Option<&'a str>,
    pub list_size_name: Option<&'a str>,
}

static NONE: Marks<'static> = Marks {
    tags: Vec::new(),
    inaccessible: None,
    deprecated: None,
    specified_by: None,
    one_of: false,
    authenticated: false,
    scopes: Vec::new(),
    policies: Vec::new(),
    cost: None,
    list_size: None,
    external: None,
    shareable: None,
    interface_object: None,
    extends: false,
    overrides: None,
    contexts: Vec::new(),
    from_context: None,
    composed: Vec::new(),
    keys: Vec::new(),
    requires: None,
    provides: None,
    cost_name: None,
    list_size_name: None,
};

/// The marks, or the marks of an element without directives.
pub(super) fn or_none<'m, 'a>(marks: &'m Option<Box<Marks<'a>>>) -> &'m Marks<'a> {
    marks.as_deref().unwrap_or(&NONE)
}

/// Digests the directives of an element; nothing for an element without any.
pub(super) fn digest<'a>(
    directives: &'a [Directive<'a>],
    names: &DirectiveNames<'a>,
    composed: &Map<'a, Pos>,
) -> Option<Box<Marks<'a>>> {
    if directives.is_empty() {
        return None;
    }
    let mut marks = Box::<Marks<'a>>::default();
    marks.add(directives, names, composed);
    Some(marks)
}

impl<'a> Marks<'a> {
    /// Adds what more directives say.
    pub(super) fn add(
        &mut self,
        directives: &'a [Directive<'a>],
        names: &DirectiveNames<'a>,
        composed: &Map<'a, Pos>,
    ) {
        for directive in directives {
            let name = directive.name.text;
            if composed.contains_key(name) {
                self.composed.push(directive);
            } else if let Some(fed) = names.resolve(name) {
                self.add_federation(fed, directive);
            } else {
                self.add_built_in(name, directive);
            }
        }
    }

    fn add_built_in(&mut self, name: &str, directive: &'a Directive<'a>) {
        match name {
            "deprecated" => self.deprecated = Some(directive.string("reason")),
            "specifiedBy" => self.specified_by = directive.string("url"),
            "oneOf" => self.one_of = true,
            _ => {}
        }
    }

    fn add_federation(&mut self, fed: Fed, directive: &'a Directive<'a>) {
        let pos = directive.name.pos;
        match fed {
            Fed::Key => self.keys.push(directive),
            Fed::Requires => self.requires = Some(directive),
            Fed::Provides => self.provides = Some(directive),
            Fed::External => self.external = Some(pos),
            Fed::Shareable => self.shareable = Some(pos),
            Fed::Extends => self.extends = true,
            Fed::Inaccessible => self.inaccessible = Some(pos),
            Fed::InterfaceObject => self.interface_object = Some(pos),
            Fed::Authenticated => self.authenticated = true,
            Fed::RequiresScopes => {
                self.scopes = and(&self.scopes, &alternatives(directive.argument("scopes")));
            }
            Fed::Policy => {
                self.policies = and(
                    &self.policies,
                    &alternatives(directive.argument("policies")),
                );
            }
            Fed::Tag => {
                self.tags.extend(directive.string("name"));
            }
            Fed::Override => {
                if let Some(from) = directive.string("from") {
                    let label = directive.string("label");
                    self.overrides = Some(Override { pos, from, label });
                }
            }
            Fed::Cost => {
                self.cost = integer(directive.argument("weight"));
                self.cost_name = Some(directive.name.text);
            }
            Fed::ListSize => {
                self.list_size = Some(list_size(directive));
                self.list_size_name = Some(directive.name.text);
            }
            Fed::Context => self.contexts.extend(directive.string("name")),
            Fed::FromContext => {
                self.from_context = directive.string("field").map(|field| (field, pos));
            }
            Fed::ComposeDirective => {}
        }
    }
}

fn integer(value: Option<&Value<'_>>) -> Option<i64> {
    match value {
        Some(Value::Int(text)) => text.parse().ok(),
        _ => None,
    }
}

fn strings<'a>(value: Option<&'a Value<'a>>) -> Option<Vec<&'a str>> {
    match value? {
        Value::List(items) => Some(
            items
                .iter()
                .filter_map(|item| match item {
                    Value::String(text) => Some(&**text),
                    _ => None,
                })
                .collect(),
        ),
        Value::String(text) => Some(vec![text]),
        _ => None,
    }
}

fn list_size<'a>(directive: &'a Directive<'a>) -> ListSize<'a> {
    ListSize {
        assumed: integer(directive.argument("assumedSize")),
        slicing: strings(directive.argument("slicingArguments")),
        sized: strings(directive.argument("sizedFields")),
        require_one: !matches!(
            directive.argument("requireOneSlicingArgument"),
            Some(Value::Boolean(false))
        ),
    }
}

fn alternatives<'a>(value: Option<&'a Value<'a>>) -> Alternatives<'a> {
    match value {
        Some(Value::List(items)) => items
            .iter()
            .filter_map(|item| strings(Some(item)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Both conditions: every pair of alternatives joined. An empty list asks for
/// nothing. Alternatives that ask for more than another are left out.
pub(crate) fn and<'a>(left: &Alternatives<'a>, right: &Alternatives<'a>) -> Alternatives<'a> {
    /// More alternatives than this are not multiplied out any further.
    const MOST: usize = 1024;
    if left.is_empty() {
        return right.clone();
    }
    if right.is_empty() {
        return left.clone();
    }
    let mut joined: Alternatives<'a> = Vec::new();
    for a in left {
        for b in right {
            let mut both = a.clone();
            both.extend(b.iter().filter(|name| !a.contains(name)));
            both.sort_unstable();
            both.dedup();
            if joined.len() < MOST && !joined.contains(&both) {
                joined.push(both);
            }
        }
    }
    let needed = |one: &Vec<&str>| {
        !joined
            .iter()
            .any(|other| other != one && other.iter().all(|name| one.contains(name)))
    };
    let mut result: Alternatives<'a> = joined.iter().filter(|one| needed(one)).cloned().collect();
    result.sort();
    result
}
