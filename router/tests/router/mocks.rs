//! Subgraphs given as SDL and data: a small executor that answers any query
//! from a JSON document, to test shapes real servers rarely have.

use std::sync::Arc;

use async_trait::async_trait;
use atelier_composition::{SubgraphSdl, compose};
use atelier_router::{
    Router, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse, Supergraph,
};
use futures::stream::BoxStream;
use graphql_tools::static_graphql::query;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

/// Gives the data of one entity for a representation.
pub type FindEntity = fn(&Value) -> Value;

/// A subgraph that reads its answers from `data`: fields by name (aliases are
/// applied), fragments by `__typename`.
pub struct Mock {
    data: Value,
    find: FindEntity,
    /// Supertypes: (object, interface or union).
    implements: Vec<(&'static str, &'static str)>,
    pub asked: Mutex<Vec<(String, Value)>>,
}

impl Mock {
    pub fn new(data: Value, find: FindEntity) -> Self {
        Self {
            data,
            find,
            implements: Vec::new(),
            asked: Mutex::default(),
        }
    }

    pub fn implements(mut self, pairs: &[(&'static str, &'static str)]) -> Self {
        self.implements.extend_from_slice(pairs);
        self
    }

    fn answer(&self, text: &str, variables: &Value) -> Value {
        let document = graphql_tools::parser::parse_query::<String>(text)
            .unwrap()
            .into_static();
        let mut fragments = Map::new();
        let mut roots = Vec::new();
        for definition in &document.definitions {
            match definition {
                query::Definition::Operation(operation) => roots.push(match operation {
                    query::OperationDefinition::SelectionSet(set) => set,
                    query::OperationDefinition::Query(query) => &query.selection_set,
                    query::OperationDefinition::Mutation(mutation) => &mutation.selection_set,
                    query::OperationDefinition::Subscription(sub) => &sub.selection_set,
                }),
                query::Definition::Fragment(fragment) => {
                    fragments.insert(fragment.name.clone(), Value::Null);
                }
            }
        }
        let selector = Selector {
            mock: self,
            document: &document,
            variables,
        };
        selector.object(&self.data, roots[0])
    }
}

struct Selector<'a> {
    mock: &'a Mock,
    document: &'a query::Document,
    variables: &'a Value,
}

impl Selector<'_> {
    fn value(&self, data: &Value, set: &query::SelectionSet) -> Value {
        match data {
            Value::Array(items) => items.iter().map(|item| self.value(item, set)).collect(),
            Value::Object(_) if !set.items.is_empty() => self.object(data, set),
            other => other.clone(),
        }
    }

    fn object(&self, data: &Value, set: &query::SelectionSet) -> Value {
        let mut out = Map::new();
        self.fill(data, set, &mut out);
        Value::Object(out)
    }

    fn fill(&self, data: &Value, set: &query::SelectionSet, out: &mut Map<String, Value>) {
        for selection in &set.items {
            let (on, set) = match selection {
                query::Selection::Field(field) => {
                    let key = field.alias.clone().unwrap_or_else(|| field.name.clone());
                    let value = if field.name == "_entities" {
                        self.entities(field)
                    } else {
                        self.value(&data[&field.name], &field.selection_set)
                    };
                    merge(out, key, value);
                    continue;
                }
                query::Selection::InlineFragment(fragment) => {
                    (fragment.type_condition.clone(), &fragment.selection_set)
                }
                query::Selection::FragmentSpread(spread) => {
                    let fragment = self.fragment(&spread.fragment_name);
                    (
                        Some(fragment.type_condition.clone()),
                        &fragment.selection_set,
                    )
                }
            };
            let applies = on.is_none_or(|query::TypeCondition::On(on)| {
                let name = data["__typename"].as_str().unwrap_or(&on);
                name == on
                    || self
                        .mock
                        .implements
                        .iter()
                        .any(|(a, b)| *a == name && *b == on)
            });
            if applies {
                self.fill(data, set, out);
            }
        }
    }

    fn fragment(&self, name: &str) -> &query::FragmentDefinition {
        let find = |definition: &query::Definition| match definition {
            query::Definition::Fragment(fragment) if fragment.name == name => Some(()),
            _ => None,
        };
        let at = self
            .document
            .definitions
            .iter()
            .position(|d| find(d).is_some())
            .unwrap();
        match &self.document.definitions[at] {
            query::Definition::Fragment(fragment) => fragment,
            query::Definition::Operation(_) => unreachable!(),
        }
    }

    fn entities(&self, field: &query::Field) -> Value {
        let query::Value::Variable(variable) = &field.arguments[0].1 else {
            panic!("no variable")
        };
        let representations = self.variables[variable].as_array().unwrap();
        representations
            .iter()
            .map(|representation| {
                let mut found = (self.mock.find)(representation);
                if let Value::Object(fields) = &mut found {
                    fields
                        .entry("__typename")
                        .or_insert(representation["__typename"].clone());
                }
                self.value(&found, &field.selection_set)
            })
            .collect()
    }
}

fn merge(out: &mut Map<String, Value>, key: String, value: Value) {
    match (out.get_mut(&key), value) {
        (Some(Value::Object(known)), Value::Object(more)) => {
            for (key, value) in more {
                merge(known, key, value);
            }
        }
        (_, value) => {
            out.insert(key, value);
        }
    }
}

#[async_trait]
impl SubgraphClient for Mock {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        let variables: Value = serde_json::from_slice(&request.variables).unwrap();
        let text = request.operation.text().to_owned();
        let data = self.answer(&text, &variables);
        self.asked.lock().push((text, variables));
        Ok(SubgraphResponse::Json(
            json!({"data": data}).to_string().into(),
        ))
    }

    async fn subscribe(
        &self,
        _: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        Err(SubgraphError::Timeout)
    }
}

pub const LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.7", import: ["@key", "@requires", "@provides", "@external", "@shareable", "@override", "@interfaceObject", "@inaccessible", "@tag"])
"#;

/// Composes SDLs and builds a router over mocks.
pub fn mocked(parts: Vec<(&str, &str, Mock)>) -> (Router, Vec<Arc<Mock>>) {
    let sdls: Vec<SubgraphSdl> = parts
        .iter()
        .map(|(name, sdl, _)| SubgraphSdl::new(*name, "", format!("{LINK}{sdl}")))
        .collect();
    let composed = compose(&sdls).unwrap_or_else(|errors| panic!("{errors:?}"));
    let mut builder = Router::builder(Supergraph::parse(&composed.supergraph_sdl).unwrap());
    let mut mocks = Vec::new();
    for (name, _, mock) in parts {
        let mock = Arc::new(mock);
        builder = builder.subgraph(name, Arc::clone(&mock) as Arc<dyn SubgraphClient>);
        mocks.push(mock);
    }
    (builder.build().unwrap(), mocks)
}
