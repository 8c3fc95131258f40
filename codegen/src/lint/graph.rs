//! A supergraph as the rules look at it: what clients see, and which subgraph gives it.

use std::collections::BTreeMap;

use atelier_composition::syntax::{
    Directive, Document, FieldDefinition, TypeDefinition, TypeKind, Value,
};

/// The visible part of a supergraph.
pub(super) struct Graph<'a> {
    types: BTreeMap<&'a str, &'a TypeDefinition<'a>>,
    roots: [&'a str; 3],
    /// Names of the subgraphs by their value of `join__Graph`.
    subgraphs: BTreeMap<&'a str, &'a str>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(document: &'a Document<'a>) -> Self {
        let mut roots = ["Query", "Mutation", "Subscription"];
        for (operation, name) in document
            .schemas
            .iter()
            .flat_map(|schema| &schema.operations)
        {
            roots[*operation as usize] = name.text;
        }
        let all = document.types.iter();
        Self {
            types: all
                .clone()
                .filter(|ty| visible(ty.name.text, &ty.directives))
                .map(|ty| (ty.name.text, ty))
                .collect(),
            roots,
            subgraphs: all
                .filter(|ty| ty.name.text == "join__Graph")
                .flat_map(|ty| &ty.values)
                .filter_map(|value| {
                    Some((
                        value.name.text,
                        named(&value.directives, "join__graph")
                            .next()?
                            .string("name")?,
                    ))
                })
                .collect(),
        }
    }

    /// Every type that clients see, by name.
    pub(super) fn types(&self) -> impl Iterator<Item = &'a TypeDefinition<'a>> {
        self.types.values().copied()
    }

    /// Objects and interfaces with each of their visible fields.
    pub(super) fn fields(
        &self,
    ) -> impl Iterator<Item = (&'a TypeDefinition<'a>, &'a FieldDefinition<'a>)> {
        self.types()
            .flat_map(|ty| fields_of(ty).map(move |field| (ty, field)))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a TypeDefinition<'a>> {
        self.types.get(name).copied()
    }

    /// The operation types that exist.
    pub(super) fn roots(&self) -> impl Iterator<Item = &'a TypeDefinition<'a>> {
        self.roots.iter().filter_map(|name| self.get(name))
    }

    pub(super) fn is_root(&self, name: &str) -> bool {
        self.roots.contains(&name)
    }

    /// The type of mutations, if there is one.
    pub(super) fn mutation(&self) -> Option<&'a TypeDefinition<'a>> {
        self.get(self.roots[1])
    }

    /// Types that a value of this type may have: members of a union, implementations of an interface.
    pub(super) fn possible(&self, ty: &'a TypeDefinition<'a>) -> Vec<&'a str> {
        match ty.kind {
            TypeKind::Union => ty.members.iter().map(|member| member.text).collect(),
            TypeKind::Interface => self
                .types()
                .filter(|other| {
                    other
                        .interfaces
                        .iter()
                        .any(|interface| interface.text == ty.name.text)
                })
                .map(|other| other.name.text)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The subgraphs that resolve a field.
    pub(super) fn resolvers(
        &self,
        ty: &TypeDefinition<'a>,
        field: &FieldDefinition<'a>,
    ) -> Vec<&'a str> {
        let joins: Vec<_> = named(&field.directives, "join__field").collect();
        if joins.is_empty() {
            return self.homes(ty).map(|(subgraph, _)| subgraph).collect();
        }
        joins
            .iter()
            .filter(|join| join.argument("external") != Some(&Value::Boolean(true)))
            .filter_map(|join| self.subgraph(join))
            .collect()
    }

    /// The subgraphs that define a type, with the `@join__type` that says so (one for each key).
    pub(super) fn homes<'t>(
        &'t self,
        ty: &'t TypeDefinition<'a>,
    ) -> impl Iterator<Item = (&'a str, &'t Directive<'a>)> {
        named(&ty.directives, "join__type").filter_map(|join| Some((self.subgraph(join)?, join)))
    }

    fn subgraph(&self, join: &Directive<'a>) -> Option<&'a str> {
        match join.argument("graph") {
            Some(Value::Enum(graph)) => self.subgraphs.get(graph.as_ref()).copied(),
            _ => None,
        }
    }
}

/// The fields of a type that clients see.
pub(super) fn fields_of<'a>(
    ty: &'a TypeDefinition<'a>,
) -> impl Iterator<Item = &'a FieldDefinition<'a>> {
    ty.fields
        .iter()
        .filter(|field| !has(&field.directives, "inaccessible"))
}

/// Names with `__` belong to the specifications that a supergraph links to.
fn visible(name: &str, directives: &[Directive<'_>]) -> bool {
    !name.contains("__") && !has(directives, "inaccessible")
}

/// Whether a directive is applied.
pub(super) fn has(directives: &[Directive<'_>], name: &str) -> bool {
    named(directives, name).next().is_some()
}

/// The applications of a directive.
pub(super) fn named<'t, 'a>(
    directives: &'t [Directive<'a>],
    name: &str,
) -> impl Iterator<Item = &'t Directive<'a>> {
    directives
        .iter()
        .filter(move |directive| directive.name.text == name)
}

/// `Type.field`.
pub(super) fn at(ty: &TypeDefinition<'_>, field: &FieldDefinition<'_>) -> String {
    format!("{}.{}", ty.name.text, field.name.text)
}

/// Whether the type is an envelope of our own making, which promises no more than the field that
/// gives it: a mutation's payload, a connection, its edges and page info, an expected error.
pub(super) fn is_envelope(ty: &TypeDefinition<'_>) -> bool {
    let name = ty.name.text;
    let has_field = |wanted: &str| ty.fields.iter().any(|field| field.name.text == wanted);
    name == "PageInfo"
        || is_connection(ty)
        || (name.ends_with("Payload") && has_field("userErrors"))
        || (name.ends_with("Edge") && has_field("node") && has_field("cursor"))
        || is_user_error(ty)
}

/// Whether the type is a Relay connection.
pub(super) fn is_connection(ty: &TypeDefinition<'_>) -> bool {
    ty.name.text.ends_with("Connection")
        && ty.fields.iter().any(|field| field.name.text == "pageInfo")
}

/// Whether the type is an expected failure of a mutation.
pub(super) fn is_user_error(ty: &TypeDefinition<'_>) -> bool {
    ty.name.text == "UserError"
        || ty
            .interfaces
            .iter()
            .any(|interface| interface.text == "UserError")
}
