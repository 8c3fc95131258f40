//! A subgraph given as SDL and tables: it validates what it is asked as a
//! GraphQL server does, and answers only what its SDL says it can answer on
//! that path. A wrong plan therefore shows as an error.

use std::sync::Arc;

use async_trait::async_trait;
use atelier_router::{SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse};
use futures::stream::BoxStream;
use graphql_tools::static_graphql::query;
use graphql_tools::validation::rules::default_rules_validation_plan;
use graphql_tools::validation::validate::validate;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::execution::{Object, Run};
use crate::schema::Schema;
use crate::tables::Tables;
use crate::values::json_of;

/// What all subgraphs of a suite were asked: subgraph, document, variables.
pub type Log = Arc<Mutex<Vec<(String, String, Value)>>>;

pub struct Subgraph {
    pub name: String,
    pub schema: Schema,
    pub tables: Tables,
    pub log: Log,
    /// Root fields of mutations, in the order they ran, of all subgraphs.
    pub mutated: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl SubgraphClient for Subgraph {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        let variables: Value = serde_json::from_slice(&request.variables).unwrap();
        let answer = self.asked(request.operation.text(), variables);
        Ok(SubgraphResponse::Json(answer.to_string().into()))
    }

    async fn subscribe(
        &self,
        _: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        Err(SubgraphError::Timeout)
    }
}

impl Subgraph {
    /// Answers, and remembers that it was asked.
    pub fn asked(&self, text: &str, variables: Value) -> Value {
        let answer = self.answer(text, &variables);
        let asked = (self.name.clone(), text.to_owned(), variables);
        self.log.lock().push(asked);
        answer
    }

    pub fn answer(&self, text: &str, variables: &Value) -> Value {
        let refuse = |message: String| json!({"errors": [{"message": message}]});
        let document = match graphql_tools::parser::parse_query::<String>(text) {
            Ok(document) => document.into_static(),
            Err(error) => return refuse(error.to_string()),
        };
        let plan = default_rules_validation_plan();
        let errors = validate(&self.schema.document, &document, &plan);
        if let Some(error) = errors.first() {
            return refuse(format!("{}: {} in {text}", self.name, error.message));
        }
        let operation = document
            .definitions
            .iter()
            .find_map(|definition| match definition {
                query::Definition::Operation(operation) => Some(operation),
                query::Definition::Fragment(_) => None,
            })
            .unwrap();
        let root = match operation {
            query::OperationDefinition::Mutation(_) => "Mutation",
            _ => "Query",
        };
        let mut variables = variables.clone();
        for definition in operation.variable_definitions() {
            if variables.get(&definition.name).is_none()
                && let Some(value) = &definition.default_value
            {
                variables[&definition.name] = json_of(value, &Value::Null);
            }
        }
        let mut run = Run {
            subgraph: self,
            document: &document,
            variables: &variables,
            errors: Vec::new(),
        };
        let object = Object {
            ty: root.to_owned(),
            row: Map::new(),
            representation: None,
            provided: Vec::new(),
        };
        let data = run.object(&object, &[operation.selection_set()], &mut Vec::new());
        let mut answer = json!({ "data": data.unwrap_or(Value::Null) });
        if !run.errors.is_empty() {
            answer["errors"] = run.errors.into();
        }
        answer
    }
}
