//! Unites the definitions and extensions of a document into a [`Subgraph`].

use crate::SubgraphSdl;
use crate::spec::{Fed, Link, Version};
use crate::syntax::{
    Document, FieldDefinition, InputValue, Name, Operation, Pos, TypeDefinition, TypeKind, TypeRef,
};

use super::marks::digest;
use super::names::DirectiveNames;
use super::{Field, Input, Map, Marks, Subgraph, Type, Usage, Value, text};

/// Builds the subgraph; nothing is checked here. Of elements defined twice the
/// first wins, and validation reports the second.
pub(crate) fn build<'a>(
    source: &'a SubgraphSdl,
    graph: String,
    document: &'a Document<'a>,
    links: Vec<Link<'a>>,
) -> Subgraph<'a> {
    let version = links
        .iter()
        .find(|link| link.is_federation())
        .and_then(|link| Version::parse(link.version?))
        .unwrap_or(Version::One);
    let names = DirectiveNames::new(version, &links);
    let mut subgraph = Subgraph {
        name: &source.name,
        url: &source.url,
        source: &source.sdl,
        graph,
        version,
        composed: composed(document, &names),
        renamed_roots: renamed_roots(document),
        links,
        names,
        document,
        types: Map::default(),
        implementations: Map::default(),
        directives: Map::default(),
    };
    for directive in &document.directives {
        let name = directive.name.text;
        subgraph.directives.entry(name).or_insert(directive);
    }
    for definition in &document.types {
        if !is_service_type(definition) {
            add_type(&mut subgraph, definition);
        }
    }
    for (index, ty) in subgraph.types.values().enumerate() {
        if ty.kind == TypeKind::Object {
            for interface in &ty.interfaces {
                let known = subgraph.implementations.entry(interface.text).or_default();
                if known.last() != Some(&index) {
                    known.push(index);
                }
            }
        }
    }
    subgraph
}

/// Types of the subgraph protocol that some servers print with their schema.
fn is_service_type(definition: &TypeDefinition<'_>) -> bool {
    match definition.kind {
        TypeKind::Scalar | TypeKind::Input => definition.name.text == "_Any",
        TypeKind::Union => definition.name.text == "_Entity",
        TypeKind::Object => definition.name.text == "_Service",
        _ => false,
    }
}

fn composed<'a>(document: &'a Document<'a>, names: &DirectiveNames<'a>) -> Map<'a, Pos> {
    document
        .schemas
        .iter()
        .flat_map(|schema| &schema.directives)
        .filter(|d| names.resolve(d.name.text) == Some(Fed::ComposeDirective))
        .filter_map(|d| Some((d.string("name")?.trim_start_matches('@'), d.name.pos)))
        .collect()
}

fn renamed_roots<'a>(document: &'a Document<'a>) -> Vec<(&'a str, &'static str)> {
    document
        .schemas
        .iter()
        .flat_map(|schema| &schema.operations)
        .map(|(operation, name)| (name.text, operation.default_type()))
        .filter(|(local, default)| local != default)
        .collect()
}

impl<'a> Subgraph<'a> {
    /// The name in the supergraph of a type of this subgraph.
    pub(crate) fn renamed(&self, name: &'a str) -> &'a str {
        self.renamed_roots
            .iter()
            .find(|(local, _)| *local == name)
            .map_or(name, |(_, default)| default)
    }

    fn type_ref(&self, ty: TypeRef<'a>) -> TypeRef<'a> {
        if self.renamed_roots.is_empty() {
            return ty;
        }
        TypeRef {
            name: self.renamed(ty.name),
            ..ty
        }
    }

    /// Whether the type is the root of an operation.
    pub(crate) fn is_root(&self, name: &str) -> bool {
        Operation::ALL.iter().any(|o| o.default_type() == name)
    }

    fn digest(&self, directives: &'a [crate::syntax::Directive<'a>]) -> Option<Box<Marks<'a>>> {
        digest(directives, &self.names, &self.composed)
    }
}

fn add_type<'a>(subgraph: &mut Subgraph<'a>, definition: &'a TypeDefinition<'a>) {
    let name = subgraph.renamed(definition.name.text);
    let entry = subgraph.types.entry(name);
    let index = entry.index();
    let ty = entry.or_insert_with(|| empty(name, definition));
    let mut ty = std::mem::replace(ty, empty(name, definition));
    let local = subgraph.digest(&definition.directives);
    if ty.kind == definition.kind || ty.interface_object {
        unite(subgraph, &mut ty, definition, local.as_deref());
    }
    subgraph.types[index] = ty;
}

fn empty<'a>(name: &'a str, definition: &'a TypeDefinition<'a>) -> Type<'a> {
    Type {
        name,
        pos: definition.name.pos,
        kind: definition.kind,
        description: None,
        defined: false,
        extended: false,
        extends_directive: false,
        interface_object: false,
        marks: Marks::default(),
        interfaces: Vec::new(),
        fields: Map::default(),
        inputs: Map::default(),
        values: Map::default(),
        members: Vec::new(),
        keys: Vec::new(),
    }
}

fn unite<'a>(
    subgraph: &Subgraph<'a>,
    ty: &mut Type<'a>,
    definition: &'a TypeDefinition<'a>,
    local: Option<&Marks<'a>>,
) {
    if definition.extend {
        ty.extended = true;
    } else if !ty.defined {
        ty.defined = true;
        ty.pos = definition.name.pos;
    }
    if ty.description.is_none() {
        ty.description = text(&definition.description);
    }
    ty.marks
        .add(&definition.directives, &subgraph.names, &subgraph.composed);
    ty.extends_directive |= ty.marks.extends;
    if ty.marks.interface_object.is_some() && ty.kind == TypeKind::Object {
        ty.kind = TypeKind::Interface;
        ty.interface_object = true;
    }
    let rename = |name: &Name<'a>| Name {
        text: subgraph.renamed(name.text),
        pos: name.pos,
    };
    ty.interfaces
        .extend(definition.interfaces.iter().map(rename));
    ty.members.extend(definition.members.iter().map(rename));
    let is_query = ty.name == Operation::Query.default_type();
    for field in &definition.fields {
        let service = matches!(field.name.text, "_service" | "_entities");
        let known = ty.fields.contains_key(field.name.text);
        if !(known || is_query && service) {
            let built = build_field(subgraph, ty, definition, field, local);
            ty.fields.insert(field.name.text, built);
        }
    }
    for input in &definition.inputs {
        let built = || build_input(subgraph, input);
        ty.inputs.entry(input.name.text).or_insert_with(built);
    }
    for value in &definition.values {
        let marks = subgraph.digest(&value.directives);
        ty.values.entry(value.name.text).or_insert(Value {
            definition: value,
            marks,
        });
    }
}

fn build_field<'a>(
    subgraph: &Subgraph<'a>,
    ty: &Type<'a>,
    block: &TypeDefinition<'a>,
    field: &'a FieldDefinition<'a>,
    local: Option<&Marks<'a>>,
) -> Field<'a> {
    let marks = subgraph.digest(&field.directives);
    let on_block = |mark: fn(&Marks<'a>) -> bool| local.is_some_and(mark);
    let on_field = |mark: fn(&Marks<'a>) -> bool| marks.as_deref().is_some_and(mark);
    let shareable = |m: &Marks<'a>| m.shareable.is_some();
    let external = |m: &Marks<'a>| m.external.is_some();
    let two = subgraph.version.is_two();
    let shared_by_default =
        !two && (block.kind == TypeKind::Object && !block.extend || subgraph.is_root(ty.name));
    let mut arguments = Map::default();
    for argument in &field.arguments {
        let built = || build_input(subgraph, argument);
        arguments.entry(argument.name.text).or_insert_with(built);
    }
    Field {
        definition: field,
        ty: subgraph.type_ref(field.ty),
        description: text(&field.description),
        in_extension: block.extend,
        external: ty.kind == TypeKind::Object && (on_field(external) || two && on_block(external))
            || ty.interface_object && on_field(external),
        shareable: shared_by_default || on_field(shareable) || on_block(shareable),
        usage: Usage::default(),
        arguments,
        requires: None,
        provides: None,
        marks,
    }
}

fn build_input<'a>(subgraph: &Subgraph<'a>, input: &'a InputValue<'a>) -> Input<'a> {
    Input {
        definition: input,
        ty: subgraph.type_ref(input.ty),
        marks: subgraph.digest(&input.directives),
    }
}
