//! Writes the merged types as a supergraph document.

use std::borrow::Cow;

use crate::spec::definitions::{Feature, join_version};
use crate::syntax::{
    Directive, DirectiveDefinition, Document, EnumValue, FieldDefinition, InputValue, Operation,
    SchemaDefinition, TypeDefinition, TypeKind, Value,
};

use super::emit_marks::{directive, graph_value, join_field, marks, name, string, type_value};
use super::features::{Features, composed};
use super::{Merged, MergedField, MergedInput, Supergraph};

/// The supergraph document without the definitions of the features.
pub(crate) struct Emitted<'g> {
    pub document: Document<'g>,
    /// Definitions of join, link and the features in use, as SDL.
    pub definitions: String,
}

/// Writes the supergraph.
pub(crate) fn emit<'g>(supergraph: &Supergraph<'g>) -> Emitted<'g> {
    let features = Features::of(supergraph);
    let mut document = Document::default();
    let (directives, links) = composed(supergraph);
    let mut schema = schema(supergraph, &features);
    for link in links {
        let version = link.version.map_or(String::new(), |v| format!("/{v}"));
        let url = format!("{}{version}", link.identity);
        let imports = link.imports.iter().map(|(element, local)| {
            let at = |name: &str| Value::String(Cow::Owned(format!("@{name}")));
            if element == local {
                at(element)
            } else {
                Value::Object(vec![("name".into(), at(element)), ("as".into(), at(local))])
            }
        });
        let imports = Value::List(imports.collect());
        schema.directives.push(directive(
            "link",
            vec![("url", Value::String(url.into())), ("import", imports)],
        ));
    }
    document.schemas.push(schema);
    document
        .directives
        .extend(directives.into_iter().map(|composed| composed.definition));
    document
        .directives
        .extend(super::executable::merge(supergraph));
    let one_of = supergraph
        .types
        .values()
        .any(|ty| ty.kind == TypeKind::Input && ty.marks.one_of);
    if one_of && !document.directives.iter().any(|d| d.name.text == "oneOf") {
        document.directives.push(DirectiveDefinition {
            name: name("oneOf"),
            description: None,
            arguments: Vec::new(),
            repeatable: false,
            locations: vec!["INPUT_OBJECT"],
        });
    }
    document.types.push(graphs(supergraph));
    for ty in supergraph.types.values() {
        document.types.extend(emit_type(supergraph, ty, &features));
    }
    let mut definitions = crate::spec::definitions::join_definitions(features.newest);
    for feature in &features.used {
        definitions.push('\n');
        definitions.push_str(&feature.definitions(features.cost, features.list_size));
    }
    Emitted {
        document,
        definitions,
    }
}

fn schema<'g>(supergraph: &Supergraph<'g>, features: &Features<'g>) -> SchemaDefinition<'g> {
    let url = |url: String| ("url", Value::String(url.into()));
    let purpose = |purpose: &'g str| ("for", Value::Enum(purpose.into()));
    let join = format!(
        "https://specs.apollo.dev/join/{}",
        join_version(features.newest)
    );
    let mut directives = vec![
        directive(
            "link",
            vec![("url", string("https://specs.apollo.dev/link/v1.0"))],
        ),
        directive("link", vec![url(join), purpose("EXECUTION")]),
    ];
    for feature in &features.used {
        let mut arguments = vec![("url", string(feature.url()))];
        if *feature == Feature::Cost {
            arguments.extend(cost_imports(features));
        }
        if feature.is_security() {
            arguments.push(purpose("SECURITY"));
        }
        directives.push(directive("link", arguments));
    }
    let roots = Operation::ALL.into_iter().filter(|operation| {
        supergraph
            .types
            .get(operation.default_type())
            .is_some_and(|ty| !ty.fields.is_empty())
    });
    SchemaDefinition {
        pos: 0,
        extend: false,
        description: None,
        directives,
        operations: roots.map(|o| (o, name(o.default_type()))).collect(),
    }
}

/// `@cost` is the feature's own name; everything else has to be imported.
fn cost_imports<'g>(features: &Features<'g>) -> Option<(&'g str, Value<'g>)> {
    let import = |element: &'g str, local: &'g str| {
        let at = |name: &str| Value::String(Cow::Owned(format!("@{name}")));
        if element == local {
            return at(element);
        }
        Value::Object(vec![("name".into(), at(element)), ("as".into(), at(local))])
    };
    let mut imports = Vec::new();
    if features.cost != "cost" {
        imports.push(import("cost", features.cost));
    }
    if features.uses_list_size {
        imports.push(import("listSize", features.list_size));
    }
    (!imports.is_empty()).then_some(("import", Value::List(imports)))
}

fn graphs<'g>(supergraph: &Supergraph<'g>) -> TypeDefinition<'g> {
    let mut graphs = empty("join__Graph", TypeKind::Enum);
    for subgraph in supergraph.subgraphs {
        let arguments = vec![
            ("name", string(subgraph.name)),
            ("url", string(subgraph.url)),
        ];
        graphs.values.push(EnumValue {
            name: name(&subgraph.graph),
            description: None,
            directives: vec![directive("join__graph", arguments)],
        });
    }
    graphs
}

fn empty(text: &str, kind: TypeKind) -> TypeDefinition<'_> {
    TypeDefinition {
        name: name(text),
        kind,
        extend: false,
        description: None,
        directives: Vec::new(),
        interfaces: Vec::new(),
        fields: Vec::new(),
        inputs: Vec::new(),
        values: Vec::new(),
        members: Vec::new(),
    }
}

/// The type, unless it is a root without fields.
fn emit_type<'g>(
    supergraph: &Supergraph<'g>,
    ty: &Merged<'g>,
    features: &Features<'g>,
) -> Option<TypeDefinition<'g>> {
    if ty.is_root() && ty.fields.is_empty() {
        return None;
    }
    let mut out = empty(ty.name, ty.kind);
    out.description = ty.description.map(Cow::Borrowed);
    out.interfaces = ty.interfaces.keys().map(|i| name(i)).collect();
    join_types(supergraph, ty, &mut out.directives);
    join_members(supergraph, ty, &mut out.directives);
    for (graph, part) in &ty.parts {
        for context in &part.marks.contexts {
            let context = format!("{}__{context}", supergraph.subgraphs[*graph].name);
            let context = Value::String(context.into());
            out.directives
                .push(directive("context", vec![("name", context)]));
        }
    }
    marks(&mut out.directives, &ty.marks, features);
    if ty.kind == TypeKind::Input && ty.marks.one_of {
        out.directives.push(directive("oneOf", vec![]));
    }
    out.members = ty.members.keys().map(|member| name(member)).collect();
    for field in ty.fields.values() {
        out.fields.push(emit_field(supergraph, ty, field, features));
    }
    for input in ty.inputs.values().filter(|input| input.kept) {
        let mut emitted = emit_input(supergraph, input, features);
        let differs = input.parts.iter().any(|(_, part)| !part.ty.same(input.ty));
        if differs {
            let joins = input.parts.iter().map(|(graph, part)| {
                let graph = ("graph", graph_value(supergraph, *graph));
                directive("join__field", vec![graph, ("type", type_value(part.ty))])
            });
            emitted.directives.splice(0..0, joins);
        }
        out.inputs.push(emitted);
    }
    for value in ty.values.values().filter(|value| value.kept) {
        let mut directives: Vec<Directive<'g>> = value
            .parts
            .iter()
            .map(|(graph, _)| {
                let graph = graph_value(supergraph, *graph);
                directive("join__enumValue", vec![("graph", graph)])
            })
            .collect();
        marks(&mut directives, &value.marks, features);
        out.values.push(EnumValue {
            name: name(value.name),
            description: value.description.map(Cow::Borrowed),
            directives,
        });
    }
    Some(out)
}

/// `@join__implements` and `@join__unionMember`.
fn join_members<'g>(supergraph: &Supergraph<'g>, ty: &Merged<'g>, out: &mut Vec<Directive<'g>>) {
    for (interface, graphs) in &ty.interfaces {
        for graph in graphs {
            out.push(directive(
                "join__implements",
                vec![
                    ("graph", graph_value(supergraph, *graph)),
                    ("interface", string(interface)),
                ],
            ));
        }
    }
    for (member, graphs) in &ty.members {
        for graph in graphs {
            out.push(directive(
                "join__unionMember",
                vec![
                    ("graph", graph_value(supergraph, *graph)),
                    ("member", string(member)),
                ],
            ));
        }
    }
}

fn join_types<'g>(supergraph: &Supergraph<'g>, ty: &Merged<'g>, out: &mut Vec<Directive<'g>>) {
    for graph in ty.graphs(supergraph) {
        let graph_argument = || ("graph", graph_value(supergraph, graph));
        let version = supergraph.subgraphs[graph].version;
        let part = ty.part(graph);
        let keyed = part.filter(|part| {
            !part.keys.is_empty() && (ty.kind != TypeKind::Interface || version.is_two())
        });
        let Some(part) = keyed else {
            out.push(directive("join__type", vec![graph_argument()]));
            continue;
        };
        for key in &part.keys {
            let mut arguments = vec![graph_argument(), ("key", string(&key.fields.text))];
            if part.is_federation_extension(version) {
                arguments.push(("extension", Value::Boolean(true)));
            }
            if !key.resolvable {
                arguments.push(("resolvable", Value::Boolean(false)));
            }
            if part.interface_object {
                arguments.push(("isInterfaceObject", Value::Boolean(true)));
            }
            out.push(directive("join__type", arguments));
        }
    }
}

fn emit_field<'g>(
    supergraph: &Supergraph<'g>,
    ty: &Merged<'g>,
    field: &MergedField<'g>,
    features: &Features<'g>,
) -> FieldDefinition<'g> {
    let mut directives = Vec::new();
    if field.from_interface_object {
        directives.push(directive("join__field", vec![]));
    } else if needs_join_field(supergraph, ty, field) {
        let joins = field.entries.iter().map(|e| join_field(supergraph, e));
        directives.extend(joins);
    }
    marks(&mut directives, &field.marks, features);
    let arguments = field.arguments.values().filter(|argument| argument.kept);
    FieldDefinition {
        name: name(field.name),
        description: field.description.map(Cow::Borrowed),
        arguments: arguments
            .map(|a| emit_input(supergraph, a, features))
            .collect(),
        ty: field.ty,
        directives,
    }
}

/// A field that all subgraphs of the type simply resolve needs no directive.
fn needs_join_field(supergraph: &Supergraph<'_>, ty: &Merged<'_>, field: &MergedField<'_>) -> bool {
    let plain = field.entries.iter().all(|entry| {
        entry.ty.is_none()
            && !entry.external
            && entry.requires.is_none()
            && entry.provides.is_none()
            && entry.overrides.is_none()
            && entry.label.is_none()
            && !entry.used_overridden
            && entry.context_arguments.is_empty()
    });
    !plain || field.entries.len() != ty.graphs(supergraph).len()
}

fn emit_input<'g>(
    supergraph: &Supergraph<'g>,
    input: &MergedInput<'g>,
    features: &Features<'g>,
) -> InputValue<'g> {
    let mut directives = Vec::new();
    marks(&mut directives, &input.marks, features);
    InputValue {
        name: name(input.name),
        description: input.description.map(Cow::Borrowed),
        ty: input.ty,
        default: input
            .default
            .map(|default| super::inputs::spelled(supergraph, input.ty, default)),
        directives,
    }
}
