//! Which entities a subgraph can be asked for by key, as the supergraph says.

use std::collections::{HashMap, HashSet};

use graphql_tools::static_graphql::{query, schema as ast};

use super::directives::{flag, graph_names, is_resolvable, named, text};

/// A field of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyField {
    pub(crate) name: String,
    /// Set for objects.
    pub(crate) fields: Vec<KeyField>,
}

/// Keys of entities, per subgraph.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    /// Resolvable keys by type and subgraph.
    keys: HashMap<(String, String), Vec<Vec<KeyField>>>,
    /// Fields a subgraph names but does not resolve: type, field, subgraph.
    external: HashSet<(String, String, String)>,
    /// Interfaces that some subgraph has as an object (`@interfaceObject`).
    interface_objects: HashSet<String>,
}

impl Entities {
    pub(super) fn read(full: &ast::Document) -> Self {
        let graphs = graph_names(full);
        let mut entities = Self::default();
        for definition in &full.definitions {
            let object = match definition {
                ast::Definition::TypeDefinition(ast::TypeDefinition::Object(object)) => object,
                ast::Definition::TypeDefinition(ast::TypeDefinition::Interface(interface)) => {
                    let mut types = named(&interface.directives, "join__type");
                    if types.any(|directive| flag(directive, "isInterfaceObject")) {
                        entities.interface_objects.insert(interface.name.clone());
                    }
                    continue;
                }
                _ => continue,
            };
            for directive in named(&object.directives, "join__type") {
                if let (Some(graph), Some(key)) = (graph(directive, &graphs), key(directive)) {
                    let keys = entities.keys.entry((object.name.clone(), graph));
                    keys.or_default().push(key);
                }
            }
            for field in &object.fields {
                for directive in named(&field.directives, "join__field") {
                    if let (Some(graph), true) =
                        (graph(directive, &graphs), flag(directive, "external"))
                    {
                        let names = (object.name.clone(), field.name.clone(), graph);
                        entities.external.insert(names);
                    }
                }
            }
        }
        entities
    }

    /// The keys by which `subgraph` resolves `ty`.
    pub(crate) fn keys(&self, ty: &str, subgraph: &str) -> &[Vec<KeyField>] {
        let keys = self.keys.get(&(ty.to_owned(), subgraph.to_owned()));
        keys.map(Vec::as_slice).unwrap_or_default()
    }

    /// True when some subgraph does not know the objects of this interface by
    /// their own types.
    pub(crate) fn is_interface_object(&self, interface: &str) -> bool {
        self.interface_objects.contains(interface)
    }

    /// True when `subgraph` only names the field.
    pub(crate) fn is_external(&self, ty: &str, field: &str, subgraph: &str) -> bool {
        let names = (ty.to_owned(), field.to_owned(), subgraph.to_owned());
        self.external.contains(&names)
    }
}

fn graph(directive: &ast::Directive, graphs: &HashMap<&str, &str>) -> Option<String> {
    let name = graphs.get(text(directive, "graph")?)?;
    Some((*name).to_owned())
}

/// A resolvable key.
fn key(directive: &ast::Directive) -> Option<Vec<KeyField>> {
    let key = text(directive, "key")?;
    if !is_resolvable(directive) {
        return None;
    }
    let document = format!("{{{key}}}");
    let document = graphql_tools::parser::parse_query::<String>(&document).ok()?;
    match document.into_static().definitions.as_slice() {
        [query::Definition::Operation(query::OperationDefinition::SelectionSet(set))] => {
            key_fields(set)
        }
        _ => None,
    }
}

/// `None` when there is more than fields, or nothing.
fn key_fields(set: &query::SelectionSet) -> Option<Vec<KeyField>> {
    let field = |selection: &query::Selection| match selection {
        query::Selection::Field(field) if field.alias.is_none() && field.arguments.is_empty() => {
            let is_leaf = field.selection_set.items.is_empty();
            Some(KeyField {
                name: field.name.clone(),
                fields: if is_leaf {
                    Vec::new()
                } else {
                    key_fields(&field.selection_set)?
                },
            })
        }
        _ => None,
    };
    let fields: Option<Vec<KeyField>> = set.items.iter().map(field).collect();
    fields.filter(|fields| !fields.is_empty())
}
