//! The API schema: what clients see of a supergraph.

use std::collections::HashSet;

use crate::merge::executable::EXECUTABLE;
use crate::spec::link::read_links;
use crate::syntax::{Directive, Document, SchemaDefinition, TypeDefinition};

/// What belongs to the features a supergraph links to, not to its API.
pub(crate) struct Machinery<'g> {
    directives: HashSet<&'g str>,
    namespaces: Vec<&'g str>,
}

impl<'g> Machinery<'g> {
    /// Of the document's links to Apollo's specifications.
    pub(crate) fn of(document: &'g Document<'g>) -> Self {
        let mut machinery = Self {
            directives: HashSet::from(["link", "core"]),
            namespaces: vec!["link", "core", "join"],
        };
        for link in read_links(document).unwrap_or_default() {
            if let Some(spec) = link.spec() {
                let local = link.alias.unwrap_or(spec);
                machinery.directives.insert(local);
                machinery.namespaces.push(local);
                let imports = link.imports.iter().map(|i| i.local());
                machinery
                    .directives
                    .extend(imports.map(|name| name.trim_start_matches('@')));
            }
        }
        machinery
    }

    fn has_namespace_of(&self, name: &str) -> bool {
        let owns = |namespace: &str| {
            name.strip_prefix(namespace)
                .is_some_and(|rest| rest.starts_with("__"))
        };
        self.namespaces.iter().any(|namespace| owns(namespace))
    }

    /// Whether the directive only speaks to the router.
    pub(crate) fn has_directive(&self, name: &str) -> bool {
        self.directives.contains(name) || self.has_namespace_of(name)
    }

    /// Whether the type only exists for the router.
    pub(crate) fn has_type(&self, name: &str) -> bool {
        self.has_namespace_of(name)
    }

    fn strip(&self, directives: &mut Vec<Directive<'_>>) {
        directives.retain(|directive| !self.has_directive(directive.name.text));
    }
}

/// Takes from a supergraph document all federation machinery and everything
/// inaccessible.
pub(crate) fn api_document<'g>(supergraph: &'g Document<'g>) -> Document<'g> {
    let machinery = Machinery::of(supergraph);
    let hidden: HashSet<&str> = supergraph
        .types
        .iter()
        .filter(|ty| machinery.has_type(ty.name.text) || is_inaccessible(&ty.directives))
        .map(|ty| ty.name.text)
        .collect();
    let mut api = Document::default();
    for schema in &supergraph.schemas {
        let renamed = |(operation, name): &(crate::syntax::Operation, crate::syntax::Name<'_>)| {
            operation.default_type() != name.text
        };
        if schema.operations.iter().any(renamed) {
            api.schemas.push(SchemaDefinition {
                directives: Vec::new(),
                ..schema.clone()
            });
        }
    }
    for directive in &supergraph.directives {
        if !machinery.has_directive(directive.name.text) {
            let mut kept = directive.clone();
            for argument in &mut kept.arguments {
                machinery.strip(&mut argument.directives);
            }
            api.directives.push(kept);
        }
    }
    api.types = supergraph
        .types
        .iter()
        .filter(|ty| !hidden.contains(ty.name.text))
        .map(|ty| api_type(ty, &hidden, &machinery))
        .collect();
    api
}

/// Whether `@inaccessible` is among the directives.
pub(crate) fn is_inaccessible(directives: &[Directive<'_>]) -> bool {
    directives.iter().any(|d| d.name.text == "inaccessible")
}

/// Whether the directive can be used in operations.
pub(crate) fn is_executable(locations: &[&str]) -> bool {
    locations
        .iter()
        .any(|location| EXECUTABLE.contains(location))
}

fn api_type<'g>(
    ty: &TypeDefinition<'g>,
    hidden: &HashSet<&str>,
    machinery: &Machinery<'_>,
) -> TypeDefinition<'g> {
    let mut api = ty.clone();
    machinery.strip(&mut api.directives);
    api.interfaces.retain(|i| !hidden.contains(i.text));
    api.members.retain(|m| !hidden.contains(m.text));
    api.fields.retain(|f| !is_inaccessible(&f.directives));
    api.inputs.retain(|i| !is_inaccessible(&i.directives));
    api.values.retain(|v| !is_inaccessible(&v.directives));
    for field in &mut api.fields {
        machinery.strip(&mut field.directives);
        field
            .arguments
            .retain(|argument| !is_inaccessible(&argument.directives));
        for argument in &mut field.arguments {
            machinery.strip(&mut argument.directives);
        }
    }
    for input in &mut api.inputs {
        machinery.strip(&mut input.directives);
    }
    for value in &mut api.values {
        machinery.strip(&mut value.directives);
    }
    api
}
