//! The domain with a database of its own, and shortcuts for what every test does.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_graphql::{Request, Variables};
use atelier_accounts::{
    AccountsConfig, HashCost, IdentityResolver, MIGRATIONS, NAME, seed_admin, subgraph,
};
use atelier_kit::{
    Subgraph,
    actor::{Actor, Identity},
    clock::ManualClock,
    error::Error,
    graphql::Service,
    id::{Id, Session, User},
    redis::{Redis, RedisConfig},
    supervise::Supervisor,
    testing::{TestDeps, deps},
};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// The domain under test.
pub struct App {
    pub test: TestDeps,
    pub config: AccountsConfig,
    pub graph: Subgraph,
    pub identities: IdentityResolver,
    stop: CancellationToken,
}

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Id<User>,
    pub session: Id<Session>,
    pub username: String,
    pub access_token: String,
    pub refresh_token: String,
    pub actor: Actor,
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl App {
    pub async fn new() -> Self {
        Self::with(deps(NAME, &MIGRATIONS).await)
    }

    /// While Redis does not answer.
    pub async fn without_redis() -> Self {
        let mut test = deps(NAME, &MIGRATIONS).await;
        // Nothing listens on the port for discarding.
        test.deps.redis = Redis::lazy(RedisConfig::new("redis://127.0.0.1:9")).unwrap();
        Self::with(test)
    }

    fn with(test: TestDeps) -> Self {
        // Cheap hashes: what they cost is not tested.
        let config = AccountsConfig {
            hash_cost: HashCost {
                memory: 64,
                passes: 1,
            },
            ..AccountsConfig::new([7; 32])
        };
        Self {
            graph: subgraph(test.deps.clone(), config.clone()),
            identities: IdentityResolver::new(test.deps.clone(), config.clone()),
            config,
            test,
            stop: CancellationToken::new(),
        }
    }

    pub fn clock(&self) -> &ManualClock {
        &self.test.clock
    }

    /// Starts the relay that publishes events, and the sweep.
    pub fn start(&mut self) {
        self.graph.start(&[], &Supervisor::new(self.stop.clone()));
    }

    /// The whole answer.
    pub async fn answer(&self, actor: &Actor, operation: &str, variables: Value) -> Value {
        let request = Request::new(operation)
            .variables(Variables::from_json(variables))
            .data(Arc::new(actor.clone()));
        serde_json::to_value(Service::execute(&self.graph.service, request).await).unwrap()
    }

    /// The answer's data; there must be no errors.
    pub async fn run(&self, actor: &Actor, operation: &str, variables: Value) -> Value {
        let mut answer = self.answer(actor, operation, variables).await;
        assert!(answer.get("errors").is_none(), "{operation}: {answer}");
        answer["data"].take()
    }

    /// The code of the answer's only top-level error.
    pub async fn refused(&self, actor: &Actor, operation: &str, variables: Value) -> String {
        let answer = self.answer(actor, operation, variables).await;
        let errors = answer["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("{operation} was not refused: {answer}"));
        assert_eq!(errors.len(), 1, "{answer}");
        errors[0]["extensions"]["code"].as_str().unwrap().to_owned()
    }

    pub async fn register(&self, username: &str) -> Person {
        let input = json!({ "email": format!("{username}@example.org"), "username": username, "password": PASSWORD });
        let tokens = tokens(
            self.run(&Actor::anonymous(), REGISTER, json!({ "input": input }))
                .await,
        );
        self.person(&tokens).await
    }

    pub async fn login(&self, login: &str) -> Person {
        let tokens = tokens(
            self.run(
                &Actor::anonymous(),
                LOGIN,
                json!({ "input": { "login": login, "password": PASSWORD } }),
            )
            .await,
        );
        self.person(&tokens).await
    }

    /// Who has these tokens, as the router would find out.
    pub async fn person(&self, tokens: &Value) -> Person {
        let access_token = tokens["accessToken"].as_str().unwrap().to_owned();
        let actor = self.actor(&access_token).await.unwrap();
        Person {
            id: actor.user_id().unwrap(),
            session: actor.session_id().unwrap(),
            username: tokens["user"]["username"].as_str().unwrap().to_owned(),
            refresh_token: tokens["refreshToken"].as_str().unwrap().to_owned(),
            access_token,
            actor,
        }
    }

    /// The caller who presents a credential at this moment.
    pub async fn actor(&self, credential: &str) -> Result<Actor, Error> {
        let found = self.identities.resolve(credential).await?;
        Ok(Actor {
            identity: Identity::User {
                user: found.user_id,
                session: found.session_id,
            },
            scopes: found.scopes.into_iter().collect(),
            ..Actor::default()
        })
    }

    /// Why a credential is refused.
    pub async fn refusal(&self, credential: &str) -> &'static str {
        self.actor(credential).await.unwrap_err().code().spec().name
    }

    /// The administrator, signed in.
    pub async fn admin(&self) -> Person {
        let made = seed_admin(&self.test.deps, &self.config)
            .await
            .unwrap()
            .expect("there was no administrator");
        let input = json!({ "login": made.username, "password": made.password });
        let tokens = tokens(
            self.run(&Actor::anonymous(), LOGIN, json!({ "input": input }))
                .await,
        );
        self.person(&tokens).await
    }

    /// A number out of the database.
    pub async fn count(&self, statement: &str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            count: i64,
        }
        let mut connection = self.test.deps.read().await.unwrap();
        let row: Count = diesel::sql_query(format!(
            "SELECT count(*) AS count FROM accounts.{statement}"
        ))
        .get_result(&mut connection)
        .await
        .unwrap();
        row.count
    }

    /// Changes the database behind the domain's back.
    pub async fn execute(&self, statement: &str) {
        let mut connection = self.test.deps.read().await.unwrap();
        diesel::sql_query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }

    /// A text out of the database.
    pub async fn text(&self, expression: &str) -> String {
        #[derive(diesel::QueryableByName)]
        struct Text {
            #[diesel(sql_type = diesel::sql_types::Text)]
            text: String,
        }
        let mut connection = self.test.deps.read().await.unwrap();
        let row: Text = diesel::sql_query(format!("SELECT {expression} AS text"))
            .get_result(&mut connection)
            .await
            .unwrap();
        row.text
    }

    /// Waits until the rows told by `statement` number `expected`.
    pub async fn eventually(&self, statement: &str, expected: i64) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let count = self.count(statement).await;
            if count == expected {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{statement}: {count}, not {expected}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub const REGISTER: &str = "mutation($input: AuthRegisterInput!) { authRegister(input: $input) {
    tokens { accessToken refreshToken expiresAt tokenType sessionId user { id username displayName } }
    userErrors { code message path numericCode params } } }";
pub const LOGIN: &str = "mutation($input: AuthLoginInput!) { authLogin(input: $input) {
    tokens { accessToken refreshToken expiresAt tokenType sessionId user { id username } }
    userErrors { code message path numericCode params } } }";
pub const REFRESH: &str =
    "mutation($input: AuthTokenRefreshInput!) { authTokenRefresh(input: $input) {
    tokens { accessToken refreshToken expiresAt tokenType sessionId user { id username } }
    userErrors { code message path } } }";

/// The payload of a mutation with one field.
pub fn payload(mut data: Value) -> Value {
    let fields = data.as_object_mut().unwrap();
    assert_eq!(fields.len(), 1);
    fields.values_mut().next().unwrap().take()
}

/// The tokens of a sign-in that has worked.
pub fn tokens(data: Value) -> Value {
    let mut payload = payload(data);
    assert_eq!(payload["userErrors"], json!([]));
    payload["tokens"].take()
}

/// The codes of a mutation that was refused.
pub fn codes(data: Value) -> Vec<String> {
    let payload = payload(data);
    let errors = payload["userErrors"].as_array().unwrap();
    assert!(!errors.is_empty(), "not refused: {payload}");
    for (field, value) in payload.as_object().unwrap() {
        assert!(
            field == "userErrors" || value.is_null(),
            "{field} of a refusal: {value}"
        );
    }
    errors
        .iter()
        .map(|error| error["code"].as_str().unwrap().to_owned())
        .collect()
}

/// The payload of a mutation that has worked.
pub fn done(data: Value) -> Value {
    let payload = payload(data);
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    payload
}
