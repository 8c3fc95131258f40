//! Contracts: a supergraph narrowed by `@tag` to what one audience may see.
//!
//! What is left out stays in the supergraph as `@inaccessible`, so that keys
//! and requirements still resolve; the API schema of the result lacks it.

use std::collections::{HashMap, HashSet};

use crate::api::{Machinery, api_document, is_inaccessible};
use crate::error::{CompositionError, CompositionErrors, ErrorCode, SubgraphLocation};
use crate::report::Report;
use crate::syntax::print::print_document;
use crate::syntax::{
    Directive, Document, InputValue, Name, Operation, TypeDefinition, TypeKind, line_column,
    parse_document,
};

/// How messages call the document.
const SUPERGRAPH: &str = "supergraph";

pub(crate) fn contract(
    supergraph_sdl: &str,
    include: &[&str],
    exclude: &[&str],
) -> Result<String, CompositionErrors> {
    let mut document = parse(supergraph_sdl)?;
    let machinery = Machinery::of(&document);
    let own: HashSet<String> = document
        .types
        .iter()
        .map(|ty| ty.name.text)
        .filter(|name| machinery.has_type(name))
        .map(str::to_owned)
        .collect();
    let filter = Filter { include, exclude };
    for ty in document
        .types
        .iter_mut()
        .filter(|ty| !own.contains(ty.name.text))
    {
        filter.hide_members(ty);
    }
    hide_empty_types(&mut document, &own);
    require_inaccessible(&mut document);
    let mut report = Report::default();
    check_query(&document, &mut report);
    report.result()?;
    Ok(print_document(&document))
}

/// What clients see of a supergraph, as SDL.
pub(crate) fn api_schema(supergraph_sdl: &str) -> Result<String, CompositionErrors> {
    let document = parse(supergraph_sdl)?;
    Ok(print_document(&api_document(&document)))
}

fn parse(supergraph_sdl: &str) -> Result<Document<'_>, CompositionErrors> {
    parse_document(supergraph_sdl).map_err(|error| {
        let (line, column) = line_column(supergraph_sdl, error.pos);
        let at = SubgraphLocation {
            subgraph: SUPERGRAPH.to_owned(),
            line,
            column,
        };
        CompositionErrors(vec![CompositionError {
            code: ErrorCode::InvalidGraphql,
            message: error.message,
            locations: vec![at],
        }])
    })
}

struct Filter<'t> {
    include: &'t [&'t str],
    exclude: &'t [&'t str],
}

impl Filter<'_> {
    fn excluded(&self, directives: &[Directive<'_>]) -> bool {
        tags(directives).any(|tag| self.exclude.contains(&tag))
    }

    fn included(&self, directives: &[Directive<'_>]) -> bool {
        tags(directives).any(|tag| self.include.contains(&tag))
    }

    /// Hides what is excluded, and with a list of tags to include, what none
    /// of them names. A type's own tag speaks for its members.
    fn hide_members(&self, ty: &mut TypeDefinition<'_>) {
        if self.excluded(&ty.directives) {
            hide(&mut ty.directives);
            return;
        }
        let all = self.include.is_empty() || self.included(&ty.directives);
        let root = Operation::ALL
            .iter()
            .any(|o| o.default_type() == ty.name.text);
        let keep = |directives: &[Directive<'_>]| {
            !self.excluded(directives) && (all || self.included(directives))
        };
        for field in &mut ty.fields {
            if !keep(&field.directives) {
                hide(&mut field.directives);
            }
            for argument in &mut field.arguments {
                if self.excluded(&argument.directives) {
                    hide(&mut argument.directives);
                }
            }
        }
        for input in &mut ty.inputs {
            let required = input.ty.is_non_null() && input.default.is_none();
            if self.excluded(&input.directives) || !required && !keep(&input.directives) {
                hide(&mut input.directives);
            }
        }
        for value in &mut ty.values {
            if !keep(&value.directives) {
                hide(&mut value.directives);
            }
        }
        let leaf = matches!(ty.kind, TypeKind::Scalar | TypeKind::Union);
        if leaf && !all && !root {
            hide(&mut ty.directives);
        }
    }
}

fn tags<'d>(directives: &'d [Directive<'_>]) -> impl Iterator<Item = &'d str> {
    directives
        .iter()
        .filter(|d| d.name.text == "tag")
        .filter_map(|d| d.string("name"))
}

fn hide(directives: &mut Vec<Directive<'_>>) {
    if !is_inaccessible(directives) {
        directives.push(Directive {
            name: Name {
                text: "inaccessible",
                pos: 0,
            },
            arguments: Vec::new(),
        });
    }
}

/// Hides types without members left, and what refers to hidden types, until
/// nothing more follows.
fn hide_empty_types(document: &mut Document<'_>, own: &HashSet<String>) {
    loop {
        let hidden: HashMap<String, bool> = document
            .types
            .iter()
            .map(|ty| (ty.name.text.to_owned(), is_inaccessible(&ty.directives)))
            .collect();
        let gone = |name: &str| hidden.get(name).copied().unwrap_or(false);
        let broken = broken_promises(document);
        let mut changed = false;
        let mut conceal = |directives: &mut Vec<Directive<'_>>| {
            changed |= !is_inaccessible(directives);
            hide(directives);
        };
        for ty in document
            .types
            .iter_mut()
            .filter(|ty| !own.contains(ty.name.text))
        {
            for field in &mut ty.fields {
                let needs_hidden = field.arguments.iter().any(|argument| {
                    let hidden = gone(argument.ty.name) || is_inaccessible(&argument.directives);
                    hidden && argument.ty.is_non_null() && argument.default.is_none()
                });
                let promise = (ty.name.text.to_owned(), field.name.text.to_owned());
                if gone(field.ty.name) || needs_hidden || broken.contains(&promise) {
                    conceal(&mut field.directives);
                }
                for argument in &mut field.arguments {
                    if gone(argument.ty.name) {
                        conceal(&mut argument.directives);
                    }
                }
            }
            for input in ty.inputs.iter_mut().filter(|input| gone(input.ty.name)) {
                conceal(&mut input.directives);
            }
            if is_empty(ty, &gone) {
                conceal(&mut ty.directives);
            }
        }
        if !changed {
            return;
        }
    }
}

/// Fields of interfaces that a visible implementation hides: clients could not
/// rely on them any more.
fn broken_promises(document: &Document<'_>) -> HashSet<(String, String)> {
    let mut broken = HashSet::new();
    for ty in &document.types {
        if is_inaccessible(&ty.directives) {
            continue;
        }
        let hidden = ty.fields.iter().filter(|f| is_inaccessible(&f.directives));
        for field in hidden {
            for interface in &ty.interfaces {
                broken.insert((interface.text.to_owned(), field.name.text.to_owned()));
            }
        }
    }
    broken
}

fn is_empty(ty: &TypeDefinition<'_>, gone: &impl Fn(&str) -> bool) -> bool {
    match ty.kind {
        TypeKind::Scalar => false,
        TypeKind::Union => ty.members.iter().all(|member| gone(member.text)),
        TypeKind::Enum => ty.values.iter().all(|v| is_inaccessible(&v.directives)),
        TypeKind::Input => {
            let hidden = |i: &InputValue<'_>| is_inaccessible(&i.directives);
            let required = |i: &InputValue<'_>| i.ty.is_non_null() && i.default.is_none();
            ty.inputs.iter().all(hidden) || ty.inputs.iter().any(|i| hidden(i) && required(i))
        }
        TypeKind::Object | TypeKind::Interface => {
            ty.fields.iter().all(|f| is_inaccessible(&f.directives))
        }
    }
}

/// The supergraph has to know `@inaccessible` if anything is marked with it.
fn require_inaccessible(document: &mut Document<'_>) {
    if document
        .directives
        .iter()
        .any(|d| d.name.text == "inaccessible")
    {
        return;
    }
    const DEFINITION: &str = "schema @link(url: \"https://specs.apollo.dev/inaccessible/v0.2\", for: SECURITY) { query: Query }
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION";
    let Ok(definition) = parse_document(DEFINITION) else {
        return;
    };
    document.directives.extend(definition.directives);
    if let (Some(to), Some(from)) = (document.schemas.first_mut(), definition.schemas.first()) {
        to.directives.extend(from.directives.iter().cloned());
    }
}

fn check_query(document: &Document<'_>, report: &mut Report) {
    let root = document
        .schemas
        .iter()
        .flat_map(|schema| &schema.operations)
        .find(|(operation, _)| *operation == Operation::Query)
        .map_or(Operation::Query.default_type(), |(_, name)| name.text);
    let query = document.types.iter().find(|ty| ty.name.text == root);
    if query.is_none_or(|query| is_inaccessible(&query.directives)) {
        let message = format!(
            "The contract leaves no field of the query type \"{root}\": include a tag that one of its \
             fields has."
        );
        report.add(ErrorCode::QueryRootTypeInaccessible, message, Vec::new());
    }
}
