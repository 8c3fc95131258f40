//! Unions with other members in other subgraphs. Where several subgraphs resolve
//! the same field, the planner keeps only the members that all of them know,
//! because it decides for each selected field by itself which subgraph to ask.
//! Here such a field gets a twin for each of its subgraphs that this one alone
//! resolves. An operation that names a twin decides the subgraph, and with it
//! the members; `pinned` puts twins into operations and takes them out of plans.

use std::collections::{BTreeSet, HashMap, HashSet};

use graphql_tools::static_graphql::schema as ast;

use crate::schema::directives::{flag, graph_names, named, text};

type Definition = ast::Definition<'static, String>;

/// The fields whose union differs between the subgraphs that resolve them.
pub(super) struct PartialUnions {
    /// By type and field.
    fields: HashMap<(String, String), Vec<Source>>,
    /// Fields by the names of their twins.
    originals: HashMap<String, String>,
}

/// A subgraph that resolves a field.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Value of `join__Graph`.
    pub(super) graph: String,
    /// The twin of the field that only this subgraph resolves.
    pub(super) twin: String,
    /// What the field's union can be there.
    pub(super) members: BTreeSet<String>,
}

impl PartialUnions {
    /// Adds the twins to a supergraph, or gives nothing when none is needed.
    /// With `interfaces`, also where what implements one differs.
    pub(super) fn pin_fields(document: &mut ast::Document, interfaces: bool) -> Option<Self> {
        let mut reader = Reader::new(document);
        if interfaces {
            reader.add_interfaces(document);
        }
        let mut fields = HashMap::new();
        // Objects have the twins of their interfaces and the other way round.
        let mut partial = HashSet::new();
        let mut all = Vec::new();
        for definition in &document.definitions {
            for (ty, directives, field) in fields_of(definition) {
                let union = base(&field.field_type);
                let sources = reader.sources(directives, field);
                if sources.iter().any(|s| s.members != sources[0].members) {
                    partial.insert((field.name.clone(), union.to_owned()));
                }
                if !sources.is_empty() {
                    all.push((ty.to_owned(), field.name.clone(), union.to_owned(), sources));
                }
            }
        }
        if partial.is_empty() {
            return None;
        }
        let mut names = Names::new(document);
        for (ty, field, union, mut sources) in all {
            if !partial.contains(&(field.clone(), union)) {
                continue;
            }
            for source in &mut sources {
                source.twin = names.twin(&field, &source.graph);
            }
            fields.insert((ty, field), sources);
        }
        let mut unions = Self {
            fields,
            originals: names.originals,
        };
        for definition in &mut document.definitions {
            unions.add_twins(definition);
        }
        unions
            .fields
            .retain(|_, sources| sources.iter().any(|s| s.members != sources[0].members));
        Some(unions)
    }

    fn add_twins(&self, definition: &mut Definition) {
        let (ty, fields) = match definition {
            ast::Definition::TypeDefinition(ast::TypeDefinition::Object(object)) => {
                (&object.name, &mut object.fields)
            }
            ast::Definition::TypeDefinition(ast::TypeDefinition::Interface(interface)) => {
                (&interface.name, &mut interface.fields)
            }
            _ => return,
        };
        let mut twins = Vec::new();
        for field in &*fields {
            let key = (ty.clone(), field.name.clone());
            for source in self.fields.get(&key).into_iter().flatten() {
                let mut twin = field.clone();
                twin.name.clone_from(&source.twin);
                twin.directives = match join_of(field, &source.graph) {
                    Some(join) => vec![join.clone()],
                    None => vec![join("join__field", &source.graph)],
                };
                twins.push(twin);
            }
        }
        fields.extend(twins);
    }

    /// The subgraphs of a field whose union differs between them.
    pub(super) fn sources(&self, ty: &str, field: &str) -> Option<&[Source]> {
        let key = (ty.to_owned(), field.to_owned());
        self.fields.get(&key).map(Vec::as_slice)
    }

    /// The field that `name` is a twin of.
    pub(super) fn original(&self, name: &str) -> Option<&String> {
        self.originals.get(name)
    }
}

/// What the supergraph says about unions and subgraphs.
struct Reader {
    /// Members by union and subgraph.
    unions: HashMap<String, HashMap<String, BTreeSet<String>>>,
    /// Names of subgraphs by value of `join__Graph`.
    names: HashMap<String, String>,
}

impl Reader {
    fn new(document: &ast::Document) -> Self {
        let names = graph_names(document).into_iter();
        let names = names.map(|(value, name)| (value.to_owned(), name.to_owned()));
        let mut reader = Self {
            unions: HashMap::new(),
            names: names.collect(),
        };
        for definition in &document.definitions {
            let ast::Definition::TypeDefinition(ast::TypeDefinition::Union(union)) = definition
            else {
                continue;
            };
            for join in named(&union.directives, "join__unionMember") {
                reader.add(&union.name, join, text(join, "member"));
            }
        }
        reader
    }

    /// Notes that a value of the type `ty` can be a `member` in the subgraph of `join`.
    fn add(&mut self, ty: &str, join: &ast::Directive, member: Option<&str>) {
        let members = self.unions.entry(ty.to_owned()).or_default();
        if let (Some(graph), Some(member)) = (text(join, "graph"), member) {
            let known = members.entry(graph.to_owned()).or_default();
            known.insert(member.to_owned());
        }
    }

    /// Takes interfaces for unions of what implements them.
    fn add_interfaces(&mut self, document: &ast::Document) {
        for definition in &document.definitions {
            let ast::Definition::TypeDefinition(ast::TypeDefinition::Object(object)) = definition
            else {
                continue;
            };
            for join in named(&object.directives, "join__implements") {
                if let Some(interface) = text(join, "interface") {
                    self.add(interface, join, Some(&object.name));
                }
            }
        }
    }

    /// Who resolves the field, if it returns a union; nobody when that depends on
    /// a label.
    fn sources(&self, of_type: &[ast::Directive], field: &ast::Field) -> Vec<Source> {
        let Some(members) = self.unions.get(base(&field.field_type)) else {
            return Vec::new();
        };
        let joins: Vec<_> = named(&field.directives, "join__field").collect();
        if joins
            .iter()
            .any(|join| text(join, "overrideLabel").is_some())
        {
            return Vec::new();
        }
        let source = |graph: &str, members: BTreeSet<String>| Source {
            graph: graph.to_owned(),
            twin: String::new(),
            members,
        };
        let known = |graph: &str| members.get(graph).cloned().unwrap_or_default();
        if joins.is_empty() {
            let graphs: BTreeSet<&str> = named(of_type, "join__type")
                .filter_map(|join| text(join, "graph"))
                .collect();
            return graphs.into_iter().map(|g| source(g, known(g))).collect();
        }
        let overridden: HashSet<&str> = joins
            .iter()
            .filter_map(|join| text(join, "override"))
            .collect();
        let resolves = |join: &&&ast::Directive, graph: &str| {
            let name = self.names.get(graph).map_or(graph, String::as_str);
            !flag(join, "external") && !flag(join, "usedOverridden") && !overridden.contains(name)
        };
        joins
            .iter()
            .filter_map(|join| text(join, "graph").map(|graph| (join, graph)))
            .filter(|(join, graph)| resolves(join, graph))
            .map(|(join, graph)| {
                // There the field may have a member of the union as its type.
                let narrowed = text(join, "type")
                    .map(|ty| ty.trim_matches(['[', ']', '!', ' ']))
                    .filter(|ty| *ty != base(&field.field_type));
                let members = match narrowed {
                    Some(ty) => BTreeSet::from([ty.to_owned()]),
                    None => known(graph),
                };
                source(graph, members)
            })
            .collect()
    }
}

/// Names of twins: the same for the same field and subgraph on all types, and no
/// name that a field has already.
struct Names {
    taken: HashSet<String>,
    twins: HashMap<(String, String), String>,
    originals: HashMap<String, String>,
}

impl Names {
    fn new(document: &ast::Document) -> Self {
        let fields = document.definitions.iter().flat_map(fields_of);
        Self {
            taken: fields.map(|(_, _, field)| field.name.clone()).collect(),
            twins: HashMap::new(),
            originals: HashMap::new(),
        }
    }

    fn twin(&mut self, field: &str, graph: &str) -> String {
        let key = (field.to_owned(), graph.to_owned());
        if let Some(twin) = self.twins.get(&key) {
            return twin.clone();
        }
        let mut twin = format!("{field}__from_{graph}");
        while !self.taken.insert(twin.clone()) {
            twin.push('_');
        }
        self.twins.insert(key, twin.clone());
        self.originals.insert(twin.clone(), field.to_owned());
        twin
    }
}

/// The fields of a type, with its name and its directives.
pub(super) fn fields_of(
    definition: &Definition,
) -> impl Iterator<Item = (&str, &[ast::Directive], &ast::Field)> {
    let found = match definition {
        ast::Definition::TypeDefinition(ast::TypeDefinition::Object(ty)) => {
            Some((&ty.name, &ty.directives, &ty.fields))
        }
        ast::Definition::TypeDefinition(ast::TypeDefinition::Interface(ty)) => {
            Some((&ty.name, &ty.directives, &ty.fields))
        }
        _ => None,
    };
    found.into_iter().flat_map(|(name, directives, fields)| {
        let with_type = move |field| (name.as_str(), directives.as_slice(), field);
        fields.iter().map(with_type)
    })
}

fn join_of<'a>(field: &'a ast::Field, graph: &str) -> Option<&'a ast::Directive> {
    named(&field.directives, "join__field").find(|join| text(join, "graph") == Some(graph))
}

/// A directive that names a subgraph.
pub(super) fn join(name: &str, graph: &str) -> ast::Directive {
    ast::Directive {
        position: Default::default(),
        name: name.to_owned(),
        arguments: vec![("graph".to_owned(), ast::Value::Enum(graph.to_owned()))],
    }
}

pub(super) fn base(ty: &ast::Type) -> &str {
    match ty {
        ast::Type::NamedType(name) => name,
        ast::Type::ListType(inner) | ast::Type::NonNullType(inner) => base(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sources of `Query.item`, and whether the document was changed.
    fn sources(query: &str, members: &str) -> (Option<Vec<(String, String)>>, bool) {
        let sdl = format!(
            r#"
            enum join__Graph {{ A @join__graph(name: "a", url: "") B @join__graph(name: "b", url: "") C @join__graph(name: "c", url: "") }}
            type Query @join__type(graph: A) @join__type(graph: B) {{ {query} }}
            union Item @join__type(graph: A) @join__type(graph: B) @join__type(graph: C)
              @join__unionMember(graph: A, member: "Book") @join__unionMember(graph: B, member: "Book") {members} = Book | Film
            "#
        );
        let mut document = graphql_tools::parser::parse_schema::<String>(&sdl)
            .unwrap()
            .into_static();
        let before = document.to_string();
        let unions = PartialUnions::pin_fields(&mut document, false);
        let found = unions.as_ref().and_then(|u| u.sources("Query", "item"));
        let pair = |source: &Source| (source.graph.clone(), source.twin.clone());
        let found = found.map(|sources| sources.iter().map(pair).collect());
        (found, document.to_string() != before)
    }

    fn pair(graph: &str, twin: &str) -> (String, String) {
        (graph.to_owned(), twin.to_owned())
    }

    const FILM_IN_B: &str = r#"@join__unionMember(graph: B, member: "Film")"#;

    #[test]
    fn each_subgraph_with_other_members_gets_a_twin_of_the_field() {
        let expected = vec![pair("A", "item__from_A"), pair("B", "item__from_B")];
        assert_eq!(sources("item: Item", FILM_IN_B), (Some(expected), true));
    }

    #[test]
    fn names_that_are_taken_are_not_given_to_twins() {
        let (found, _) = sources("item: Item item__from_A: Int", FILM_IN_B);
        let expected = vec![pair("A", "item__from_A_"), pair("B", "item__from_B")];
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn supergraphs_without_partial_unions_stay_as_they_are() {
        assert_eq!(sources("item: Item", ""), (None, false));
        let one = "item: Item @join__field(graph: B)";
        assert_eq!(sources(one, FILM_IN_B), (None, false));
        let overridden =
            r#"item: Item @join__field(graph: A) @join__field(graph: B, override: "a")"#;
        assert_eq!(sources(overridden, FILM_IN_B), (None, false));
        let external = "item: Item @join__field(graph: A, external: true) @join__field(graph: B)";
        assert_eq!(sources(external, FILM_IN_B), (None, false));
        let labelled = r#"item: Item @join__field(graph: A) @join__field(graph: B, override: "c", overrideLabel: "percent(1)")"#;
        assert_eq!(sources(labelled, FILM_IN_B), (None, false));
    }

    #[test]
    fn a_field_that_has_a_member_as_its_type_is_partial() {
        let narrowed = r#"item: Item @join__field(graph: A, type: "Book!") @join__field(graph: B, type: "Item")"#;
        let (found, _) = sources(narrowed, FILM_IN_B);
        assert_eq!(found.map(|found| found.len()), Some(2));
    }
}
