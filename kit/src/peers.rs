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
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Deps,
    actor::{ACTOR_HEADER, Actor, ActorSigner},
    clock::{Clock, SystemClock},
    error::{Error, ErrorCode},
    graphql::Service,
};

/// The longest time that a call may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Calls other domains.
#[async_trait]
pub trait Peers: Send + Sync + 'static {
    /// Runs an operation on a domain's subgraph and returns its `data`.
    ///
    /// # Errors
    /// The domain's own error (`UNAUTHENTICATED`, `NOT_FOUND`, …), or `UNAVAILABLE` if it does not
    /// answer or the fault is on this side.
    async fn call(
        &self,
        domain: &str,
        actor: Actor,
        operation: &'static str,
        variables: Value,
    ) -> Result<Value, Error>;
}

/// The input of an internal mutation of a domain, which other domains call when they need an
/// answer. Commands are declared in `atelier-contracts`.
pub trait Command: Serialize + Sync {
    /// The domain that executes it.
    const DOMAIN: &'static str;
    /// The field of `Mutation`.
    const FIELD: &'static str;
    /// The operation, with the variable `$input`; it selects the answer and `userErrors { code }`.
    const OPERATION: &'static str;
    /// The payload of the field on success.
    type Answer: DeserializeOwned;
    /// The codes of expected failures.
    type Refusal: DeserializeOwned;
}

impl Deps {
    /// Calls a command on behalf of this domain; the inner error is the other domain's refusal.
    /// Never call it inside a transaction: the other domain may be in another process.
    ///
    /// # Errors
    /// `UNAVAILABLE` or `REQUEST_TIMEOUT` if the other domain does not answer, or not as agreed.
    pub async fn command<C: Command>(
        &self,
        command: &C,
    ) -> Result<Result<C::Answer, C::Refusal>, Error> {
        let unexpected = |cause: serde_json::Error| {
            Error::caused(ErrorCode::Unavailable, format!("{}: {cause}", C::FIELD))
        };
        let variables = serde_json::json!({ "input": command });
        let actor = Actor::service(self.domain);
        let mut answer = self
            .peers
            .call(C::DOMAIN, actor, C::OPERATION, variables)
            .await?;
        let mut payload = answer[C::FIELD].take();
        match payload.pointer_mut("/userErrors/0/code").map(Value::take) {
            None => serde_json::from_value(payload).map(Ok).map_err(unexpected),
            Some(code) => serde_json::from_value(code).map(Err).map_err(unexpected),
        }
    }
}

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
