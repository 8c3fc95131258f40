//! What is subscribed to at a subgraph: the subscription's own fetch of a plan.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::covers::covers;
use crate::json::scan::{Scanner, find};
use crate::json::write;
use crate::operation::resume::Resumption;
use crate::plan::{Fetch, Target};
use crate::subgraph::{SubgraphOperation, SubgraphResponse};

/// See the module.
pub(super) struct Source {
    pub(super) subgraph: Arc<str>,
    pub(super) operation: Arc<SubgraphOperation>,
    /// Variables without the cursor.
    pub(super) variables: Map<String, Value>,
    pub(super) keys: Vec<(String, Box<[u8]>)>,
    pub(super) resumption: Option<Resumption>,
    /// Response keys of the root fields.
    pub(super) roots: Vec<Box<[u8]>>,
}

impl Source {
    pub(super) fn new(
        fetch: &Fetch,
        variables: &Map<String, Value>,
        resumption: Option<&Resumption>,
    ) -> Self {
        let roots = match &fetch.target {
            Target::Root { shape } => shape.fields.iter().map(|field| field.key.clone()).collect(),
            Target::Entities { .. } => Vec::new(),
        };
        Self {
            subgraph: Arc::clone(&fetch.subgraph),
            operation: Arc::clone(&fetch.operation),
            variables: variables.clone(),
            keys: fetch.variables.clone(),
            resumption: resumption.cloned(),
            roots,
        }
    }

    /// The variables of the request, with `cursor` among them.
    pub(super) fn body(&self, cursor: Option<&Value>) -> Vec<u8> {
        let own = self.resumption.as_ref().map(|r| r.variable.as_str());
        let mut out = b"{".to_vec();
        for (name, key) in &self.keys {
            let value = match own == Some(name) {
                true => cursor,
                false => self.variables.get(name),
            };
            if let Some(value) = value {
                if out.len() > 1 {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                write::value(&mut out, value);
            }
        }
        out.push(b'}');
        out
    }

    /// True when a subgraph sends the same events for both.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.subgraph == other.subgraph
            && self.operation.text() == other.operation.text()
            && self.body(None) == other.body(None)
    }

    /// True when the events of this one hold everything that `other` asks for.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.subgraph == other.subgraph
            && other
                .keys
                .iter()
                .all(|(name, _)| other.variables.get(name) == self.variables.get(name))
            && covers(self.operation.text(), other.operation.text())
    }

    /// The cursor in an event.
    pub(super) fn cursor(&self, response: &SubgraphResponse) -> Option<Value> {
        let resumption = self.resumption.as_ref()?;
        self.roots.iter().find_map(|root| {
            resumption.paths.iter().find_map(|path| {
                let value = match response {
                    SubgraphResponse::Json(body) => {
                        let keys = ["data".as_bytes(), root]
                            .into_iter()
                            .chain(path.iter().map(String::as_bytes));
                        let range = find(Scanner::new(body), keys)?;
                        serde_json::from_slice(body.get(range)?).ok()
                    }
                    SubgraphResponse::Values { data, .. } => {
                        let root = std::str::from_utf8(root).ok()?;
                        let mut at = data;
                        for key in [root].into_iter().chain(path.iter().map(String::as_str)) {
                            let async_graphql::Value::Object(fields) = at else {
                                return None;
                            };
                            at = fields.get(key)?;
                        }
                        at.clone().into_json().ok()
                    }
                };
                value.filter(|value: &Value| value.is_string() || value.is_number())
            })
        })
    }
}
