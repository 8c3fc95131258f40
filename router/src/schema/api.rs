//! The document clients may see: the supergraph without federation's own
//! directives and types, and without anything `@inaccessible`.

use std::collections::BTreeSet;

use graphql_tools::static_graphql::schema as ast;

/// Introspection types and executable directives every schema has.
const INTROSPECTION: &str = include_str!("introspection.graphql");

/// Directives of the supergraph that clients may see on definitions.
const PUBLIC_DIRECTIVES: [&str; 3] = ["deprecated", "specifiedBy", "oneOf"];

/// Executable directives the router itself understands.
const EXECUTABLE_DIRECTIVES: [&str; 3] = ["skip", "include", "defer"];

pub(crate) fn is_inaccessible(directives: &[ast::Directive]) -> bool {
    directives.iter().any(|directive| {
        matches!(
            directive.name.as_str(),
            "inaccessible" | "federation__inaccessible"
        )
    })
}

/// Names that start like this belong to federation's machinery.
fn is_internal(name: &str) -> bool {
    name.starts_with("join__")
        || name.starts_with("link__")
        || name.starts_with("core__")
        || name.starts_with("federation__")
        || name.starts_with("requiresScopes__")
        || name.starts_with("policy__")
        || name.starts_with("context__")
        || name.starts_with("connect__")
        || name.starts_with("cost__")
}

/// The public document, with the introspection types added.
pub(crate) fn document(full: &ast::Document) -> ast::Document {
    let hidden = hidden_types(full);
    let mut definitions: Vec<ast::Definition<'static, String>> = Vec::new();
    for definition in &full.definitions {
        match definition {
            ast::Definition::SchemaDefinition(schema) => {
                let mut schema = schema.clone();
                schema.directives.clear();
                definitions.push(ast::Definition::SchemaDefinition(schema));
            }
            ast::Definition::TypeDefinition(ty) => {
                if let Some(ty) = public_type(ty, &hidden) {
                    definitions.push(ast::Definition::TypeDefinition(ty));
                }
            }
            ast::Definition::DirectiveDefinition(directive) => {
                definitions.extend(executable(directive));
            }
            ast::Definition::TypeExtension(_) => {}
        }
    }
    definitions.extend(builtins(&definitions));
    let mut document = ast::Document { definitions };
    add_meta_fields(&mut document);
    document
}

/// A directive of the subgraphs that clients may write in documents; its other
/// places are none of their business.
fn executable(directive: &ast::DirectiveDefinition) -> Option<ast::Definition<'static, String>> {
    use graphql_tools::parser::schema::DirectiveLocation as Location;
    let name = directive.name.as_str();
    let known = PUBLIC_DIRECTIVES.contains(&name) || EXECUTABLE_DIRECTIVES.contains(&name);
    if known || is_internal(name) {
        return None;
    }
    let mut public = directive.clone();
    public.locations.retain(|location| {
        matches!(
            location,
            Location::Query
                | Location::Mutation
                | Location::Subscription
                | Location::Field
                | Location::FragmentDefinition
                | Location::FragmentSpread
                | Location::InlineFragment
                | Location::VariableDefinition
        )
    });
    public
        .arguments
        .retain(|argument| !is_inaccessible(&argument.directives));
    (!public.locations.is_empty()).then_some(ast::Definition::DirectiveDefinition(public))
}

/// `__schema` and `__type` on the query type, so that validation knows them.
fn add_meta_fields(document: &mut ast::Document) {
    let Some(query) = document.query_type_name().cloned() else {
        return;
    };
    let meta = graphql_tools::parser::parse_schema::<String>(
        "type Meta { __schema: __Schema! __type(name: String!): __Type }",
    )
    .expect("a constant document parses")
    .into_static();
    let fields = meta
        .definitions
        .into_iter()
        .find_map(|definition| match definition {
            ast::Definition::TypeDefinition(ast::TypeDefinition::Object(object)) => {
                Some(object.fields)
            }
            _ => None,
        });
    for definition in &mut document.definitions {
        if let ast::Definition::TypeDefinition(ast::TypeDefinition::Object(object)) = definition
            && object.name == query
        {
            object.fields.extend(fields.clone().unwrap_or_default());
        }
    }
}

fn builtins(present: &[ast::Definition<'static, String>]) -> Vec<ast::Definition<'static, String>> {
    let known: BTreeSet<&str> = present.iter().filter_map(type_name).collect();
    let parsed = graphql_tools::parser::parse_schema::<String>(INTROSPECTION)
        .expect("the introspection document in this crate parses")
        .into_static();
    parsed
        .definitions
        .into_iter()
        .filter(|definition| type_name(definition).is_none_or(|name| !known.contains(name)))
        .filter(|definition| match definition {
            ast::Definition::DirectiveDefinition(directive) => {
                let name = directive.name.as_str();
                PUBLIC_DIRECTIVES.contains(&name) || EXECUTABLE_DIRECTIVES.contains(&name)
            }
            _ => true,
        })
        .collect()
}

fn type_name<'a>(definition: &'a ast::Definition<'static, String>) -> Option<&'a str> {
    match definition {
        ast::Definition::TypeDefinition(ty) => Some(name_of(ty)),
        _ => None,
    }
}

fn name_of(ty: &ast::TypeDefinition) -> &str {
    match ty {
        ast::TypeDefinition::Scalar(t) => &t.name,
        ast::TypeDefinition::Object(t) => &t.name,
        ast::TypeDefinition::Interface(t) => &t.name,
        ast::TypeDefinition::Union(t) => &t.name,
        ast::TypeDefinition::Enum(t) => &t.name,
        ast::TypeDefinition::InputObject(t) => &t.name,
    }
}

fn directives_of(ty: &ast::TypeDefinition) -> &[ast::Directive] {
    match ty {
        ast::TypeDefinition::Scalar(t) => &t.directives,
        ast::TypeDefinition::Object(t) => &t.directives,
        ast::TypeDefinition::Interface(t) => &t.directives,
        ast::TypeDefinition::Union(t) => &t.directives,
        ast::TypeDefinition::Enum(t) => &t.directives,
        ast::TypeDefinition::InputObject(t) => &t.directives,
    }
}

fn hidden_types(full: &ast::Document) -> BTreeSet<String> {
    full.definitions
        .iter()
        .filter_map(|definition| match definition {
            ast::Definition::TypeDefinition(ty)
                if is_internal(name_of(ty)) || is_inaccessible(directives_of(ty)) =>
            {
                Some(name_of(ty).to_owned())
            }
            _ => None,
        })
        .collect()
}

fn public_type(ty: &ast::TypeDefinition, hidden: &BTreeSet<String>) -> Option<ast::TypeDefinition> {
    if hidden.contains(name_of(ty)) {
        return None;
    }
    let mut ty = ty.clone();
    match &mut ty {
        ast::TypeDefinition::Scalar(t) => keep_public(&mut t.directives),
        ast::TypeDefinition::Object(t) => {
            keep_public(&mut t.directives);
            t.implements_interfaces
                .retain(|interface| !hidden.contains(interface));
            public_fields(&mut t.fields, hidden);
        }
        ast::TypeDefinition::Interface(t) => {
            keep_public(&mut t.directives);
            t.implements_interfaces
                .retain(|interface| !hidden.contains(interface));
            public_fields(&mut t.fields, hidden);
        }
        ast::TypeDefinition::Union(t) => {
            keep_public(&mut t.directives);
            t.types.retain(|member| !hidden.contains(member));
        }
        ast::TypeDefinition::Enum(t) => {
            keep_public(&mut t.directives);
            t.values.retain(|value| !is_inaccessible(&value.directives));
            for value in &mut t.values {
                keep_public(&mut value.directives);
            }
        }
        ast::TypeDefinition::InputObject(t) => {
            keep_public(&mut t.directives);
            public_inputs(&mut t.fields, hidden);
        }
    }
    Some(ty)
}

fn public_fields(fields: &mut Vec<ast::Field>, hidden: &BTreeSet<String>) {
    fields.retain(|field| {
        !is_inaccessible(&field.directives)
            && !field.name.starts_with("__")
            && !matches!(field.name.as_str(), "_entities" | "_service")
            && !hidden.contains(super::TypeRef::from_ast(&field.field_type).base())
    });
    for field in fields {
        keep_public(&mut field.directives);
        public_inputs(&mut field.arguments, hidden);
    }
}

fn public_inputs(inputs: &mut Vec<ast::InputValue>, hidden: &BTreeSet<String>) {
    inputs.retain(|input| {
        !is_inaccessible(&input.directives)
            && !hidden.contains(super::TypeRef::from_ast(&input.value_type).base())
    });
    for input in inputs {
        keep_public(&mut input.directives);
    }
}

fn keep_public(directives: &mut Vec<ast::Directive>) {
    directives.retain(|directive| PUBLIC_DIRECTIVES.contains(&directive.name.as_str()));
}
