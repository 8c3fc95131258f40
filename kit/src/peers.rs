//! Internal operations of other domains: commands that need an answer, such as reserving a quota.
//!
//! They are fields of the other subgraph that are `@inaccessible` in the public graph, and are
//! called with a service identity.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_graphql::{Request, Variables};
use async_trait::async_trait;
use serde_json::Value;

use crate::{
    actor::{ACTOR_HEADER, Actor, ActorSigner},
    clock::{Clock, SystemClock},
    error::{Error, ErrorCode},
    graphql::Service,
};

pub use crate::command::Peers;

/// The longest time that a call may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Peers in the same process, which are set once all domains are built.
#[derive(Clone, Default)]
pub struct LocalPeers {
    services: Arc<OnceLock<HashMap<String, Service>>>,
}

impl LocalPeers {
    /// Sets the service of each domain; only the first call has an effect.
    pub fn set(&self, services: HashMap<String, Service>) {
        let _ = self.services.set(services);
    }
}

#[async_trait]
impl Peers for LocalPeers {
    async fn call(
        &self,
        domain: &str,
        actor: Actor,
        operation: &'static str,
        variables: Value,
    ) -> Result<Value, Error> {
        let service = self
            .services
            .get()
            .and_then(|services| services.get(domain))
            .ok_or(Error::new(ErrorCode::Unavailable))?;
        let request = Request::new(operation)
            .variables(Variables::from_json(variables))
            .data(Arc::new(actor));
        let response = tokio::time::timeout(TIMEOUT, service.execute(request))
            .await
            .map_err(|_| Error::new(ErrorCode::Timeout))?;
        match response.errors.first() {
            Some(error) => {
                let extensions = serde_json::to_value(&error.extensions)?;
                Err(refused(domain, &error.message, &extensions["code"]))
            }
            None => Ok(response.data.into_json()?),
        }
    }
}

/// Peers in other processes, over HTTP.
#[derive(Clone)]
pub struct HttpPeers {
    urls: Arc<HashMap<String, String>>,
    signer: ActorSigner,
    client: reqwest::Client,
}

impl HttpPeers {
    /// Creates peers at `urls`: the GraphQL endpoint of each domain.
    ///
    /// # Errors
    /// `INTERNAL` if no HTTP client can be made.
    pub fn new(urls: HashMap<String, String>, signer: ActorSigner) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .build()?;
        Ok(Self {
            urls: Arc::new(urls),
            signer,
            client,
        })
    }
}

#[async_trait]
impl Peers for HttpPeers {
    async fn call(
        &self,
        domain: &str,
        actor: Actor,
        operation: &'static str,
        variables: Value,
    ) -> Result<Value, Error> {
        let unavailable =
            |cause: reqwest::Error| Error::caused(ErrorCode::Unavailable, cause.without_url());
        let url = self
            .urls
            .get(domain)
            .ok_or(Error::new(ErrorCode::Unavailable))?;
        let body = serde_json::json!({ "query": operation, "variables": variables });
        let signed = self.signer.sign(&actor, domain, SystemClock.now())?;
        let sent = self
            .client
            .post(url)
            .header(ACTOR_HEADER, &*signed)
            .header("x-request-id", &actor.request_id)
            .json(&body)
            .send();
        let mut answer: Value = sent
            .await
            .map_err(unavailable)?
            .json()
            .await
            .map_err(unavailable)?;
        match answer.pointer("/errors/0") {
            Some(error) => {
                let message = error["message"].as_str().unwrap_or_default();
                Err(refused(domain, message, &error["extensions"]["code"]))
            }
            None => Ok(answer["data"].take()),
        }
    }
}

/// Converts a peer's error: its own code if it is about the caller, and `UNAVAILABLE` if the fault
/// is on this side.
fn refused(domain: &str, message: &str, code: &Value) -> Error {
    let known = ErrorCode::ALL
        .iter()
        .find(|known| code.as_str() == Some(known.spec().name));
    match known {
        Some(ErrorCode::Internal | ErrorCode::BadUserInput) | None => {
            Error::caused(ErrorCode::Unavailable, format!("{domain}: {message}"))
        }
        Some(code) => Error::new(*code),
    }
}
