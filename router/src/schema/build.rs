//! The model from the documents.

use std::collections::{BTreeSet, HashMap, HashSet};

use graphql_tools::static_graphql::schema as ast;

use super::rules::Rule;
use super::{
    DirectiveDef, EnumValueDef, FieldDef, InputDef, Kind, Resumable, Schema, TypeDef, TypeRef,
};
use super::{Entities, api, rules};

impl Schema {
    /// Builds the model from the API document and the full supergraph document
    /// (which knows the authorization directives and the hidden enum values).
    pub(crate) fn build(document: ast::Document, full: &ast::Document) -> Self {
        let rules = rules::TypeRules::read(full);
        let hidden = hidden_values(full);
        let mut types = Vec::new();
        let mut directives = Vec::new();
        for definition in &document.definitions {
            match definition {
                ast::Definition::TypeDefinition(ty) => {
                    let mut ty = type_def(ty, &rules);
                    ty.has_hidden_values = hidden.contains(&ty.name);
                    types.push(ty);
                }
                ast::Definition::DirectiveDefinition(directive) => {
                    directives.push(directive_def(directive));
                }
                ast::Definition::SchemaDefinition(_) | ast::Definition::TypeExtension(_) => {}
            }
        }
        fill_possible_types(&document, &mut types);
        let index: HashMap<String, usize> = types
            .iter()
            .enumerate()
            .map(|(at, ty)| (ty.name.clone(), at))
            .collect();
        let entities = Entities::read(full);
        Self {
            query: document
                .query_type_name()
                .cloned()
                .unwrap_or_else(|| "Query".to_owned()),
            mutation: document.mutation_type_name().cloned(),
            subscription: document.subscription_type_name().cloned(),
            types,
            index,
            directives,
            resumable: resumable(full),
            field_names: field_names(full, |_, _| true),
            object_fields: field_names(full, |name, is_interface| {
                is_interface && entities.is_interface_object(name)
            }),
            entities,
            document,
        }
    }
}

/// Names of the fields of those types that are wanted by their names and by whether
/// they are interfaces.
fn field_names(full: &ast::Document, wanted: impl Fn(&str, bool) -> bool) -> HashSet<String> {
    let fields = full
        .definitions
        .iter()
        .flat_map(|definition| match definition {
            ast::Definition::TypeDefinition(ast::TypeDefinition::Object(ty))
                if wanted(&ty.name, false) =>
            {
                &ty.fields[..]
            }
            ast::Definition::TypeDefinition(ast::TypeDefinition::Interface(ty))
                if wanted(&ty.name, true) =>
            {
                &ty.fields[..]
            }
            _ => &[],
        });
    fields.map(|field| field.name.clone()).collect()
}

fn resumable(full: &ast::Document) -> HashMap<String, Resumable> {
    let root = full.subscription_type_name();
    let fields = full
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            ast::Definition::TypeDefinition(ast::TypeDefinition::Object(object))
                if root == Some(&object.name) =>
            {
                Some(&object.fields)
            }
            _ => None,
        })
        .flatten();
    let read = |field: &ast::Field| {
        let argument = |name| string_argument(&field.directives, "resumable", name);
        let resumable = Resumable {
            argument: argument("arg")?,
            cursor: argument("cursor")?,
        };
        Some((field.name.clone(), resumable))
    };
    fields.filter_map(read).collect()
}

/// Enums with values, and abstract types with members, that are not public.
fn hidden_values(full: &ast::Document) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut hidden_objects = BTreeSet::new();
    for definition in &full.definitions {
        let ast::Definition::TypeDefinition(ty) = definition else {
            continue;
        };
        match ty {
            ast::TypeDefinition::Enum(def)
                if def
                    .values
                    .iter()
                    .any(|value| api::is_inaccessible(&value.directives)) =>
            {
                found.insert(def.name.clone());
            }
            ast::TypeDefinition::Object(def) if api::is_inaccessible(&def.directives) => {
                hidden_objects.insert(def.name.as_str());
                found.extend(def.implements_interfaces.iter().cloned());
            }
            _ => {}
        }
    }
    for definition in &full.definitions {
        if let ast::Definition::TypeDefinition(ast::TypeDefinition::Union(union)) = definition
            && union
                .types
                .iter()
                .any(|member| hidden_objects.contains(member.as_str()))
        {
            found.insert(union.name.clone());
        }
    }
    found
}

fn fill_possible_types(api: &ast::Document, types: &mut [TypeDef]) {
    let mut possible: HashMap<String, BTreeSet<String>> = HashMap::new();
    let known: BTreeSet<String> = types.iter().map(|ty| ty.name.clone()).collect();
    for ty in types.iter().filter(|ty| ty.kind == Kind::Object) {
        possible
            .entry(ty.name.clone())
            .or_default()
            .insert(ty.name.clone());
        for interface in &ty.interfaces {
            possible
                .entry(interface.clone())
                .or_default()
                .insert(ty.name.clone());
        }
    }
    for definition in &api.definitions {
        if let ast::Definition::TypeDefinition(ast::TypeDefinition::Union(union)) = definition {
            let members = union.types.iter().filter(|member| known.contains(*member));
            possible
                .entry(union.name.clone())
                .or_default()
                .extend(members.cloned());
        }
    }
    for ty in types {
        if let Some(names) = possible.remove(&ty.name) {
            ty.possible = names.into_iter().collect();
        }
    }
}

fn type_def(ty: &ast::TypeDefinition, rules: &rules::TypeRules) -> TypeDef {
    let mut def = TypeDef {
        name: String::new(),
        kind: Kind::Scalar,
        description: None,
        fields: Vec::new(),
        field_index: HashMap::new(),
        interfaces: Vec::new(),
        possible: Vec::new(),
        values: Vec::new(),
        inputs: Vec::new(),
        specified_by: None,
        one_of: false,
        has_hidden_values: false,
        rule: Rule::default(),
    };
    match ty {
        ast::TypeDefinition::Scalar(scalar) => {
            def.name.clone_from(&scalar.name);
            def.description.clone_from(&scalar.description);
            def.specified_by = string_argument(&scalar.directives, "specifiedBy", "url");
        }
        ast::TypeDefinition::Object(object) => {
            def.kind = Kind::Object;
            def.name.clone_from(&object.name);
            def.description.clone_from(&object.description);
            def.interfaces.clone_from(&object.implements_interfaces);
            def.fields = object
                .fields
                .iter()
                .filter(|field| !field.name.starts_with("__"))
                .map(|f| field_def(&object.name, f, rules))
                .collect();
        }
        ast::TypeDefinition::Interface(interface) => {
            def.kind = Kind::Interface;
            def.name.clone_from(&interface.name);
            def.description.clone_from(&interface.description);
            def.interfaces.clone_from(&interface.implements_interfaces);
            def.fields = interface
                .fields
                .iter()
                .map(|f| field_def(&interface.name, f, rules))
                .collect();
        }
        ast::TypeDefinition::Union(union) => {
            def.kind = Kind::Union;
            def.name.clone_from(&union.name);
            def.description.clone_from(&union.description);
        }
        ast::TypeDefinition::Enum(values) => {
            def.kind = Kind::Enum;
            def.name.clone_from(&values.name);
            def.description.clone_from(&values.description);
            def.values = values
                .values
                .iter()
                .map(|value| EnumValueDef {
                    name: value.name.clone(),
                    description: value.description.clone(),
                    deprecated: deprecation(&value.directives),
                })
                .collect();
        }
        ast::TypeDefinition::InputObject(input) => {
            def.kind = Kind::InputObject;
            def.name.clone_from(&input.name);
            def.description.clone_from(&input.description);
            def.inputs = input.fields.iter().map(input_def).collect();
            def.one_of = input
                .directives
                .iter()
                .any(|directive| directive.name == "oneOf");
        }
    }
    def.field_index = def
        .fields
        .iter()
        .enumerate()
        .map(|(at, field)| (field.name.clone(), at))
        .collect();
    def.rule = rules.of_type(&def.name);
    def
}

fn field_def(parent: &str, field: &ast::Field, rules: &rules::TypeRules) -> FieldDef {
    FieldDef {
        name: field.name.clone(),
        description: field.description.clone(),
        args: field.arguments.iter().map(input_def).collect(),
        ty: TypeRef::from_ast(&field.field_type),
        deprecated: deprecation(&field.directives),
        rule: rules.of_field(
            parent,
            &field.name,
            TypeRef::from_ast(&field.field_type).base(),
        ),
    }
}

fn input_def(input: &ast::InputValue) -> InputDef {
    InputDef {
        name: input.name.clone(),
        description: input.description.clone(),
        ty: TypeRef::from_ast(&input.value_type),
        default: input.default_value.clone(),
        deprecated: deprecation(&input.directives),
    }
}

fn directive_def(directive: &ast::DirectiveDefinition) -> DirectiveDef {
    DirectiveDef {
        name: directive.name.clone(),
        description: directive.description.clone(),
        args: directive.arguments.iter().map(input_def).collect(),
        locations: directive
            .locations
            .iter()
            .map(|location| location.as_str())
            .collect(),
        repeatable: directive.repeatable,
    }
}

fn deprecation(directives: &[ast::Directive]) -> Option<String> {
    let directive = directives
        .iter()
        .find(|directive| directive.name == "deprecated")?;
    let reason = directive
        .arguments
        .iter()
        .find_map(|(name, value)| match value {
            ast::Value::String(reason) if name == "reason" => Some(reason.clone()),
            _ => None,
        });
    Some(reason.unwrap_or_else(|| "No longer supported".to_owned()))
}

fn string_argument(directives: &[ast::Directive], name: &str, argument: &str) -> Option<String> {
    let directive = directives.iter().find(|directive| directive.name == name)?;
    directive
        .arguments
        .iter()
        .find_map(|(key, value)| match value {
            ast::Value::String(text) if key == argument => Some(text.clone()),
            _ => None,
        })
}
