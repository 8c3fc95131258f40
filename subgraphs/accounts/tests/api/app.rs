//! The domain with a database of its own, and shortcuts for what every test does.

use std::{ops::Deref, sync::Arc};

use atelier_accounts::{
    AccountsConfig, HashCost, IdentityResolver, MIGRATIONS, NAME, seed_admin, subgraph,
};
use atelier_kit::{
    actor::{Actor, Identity},
    error::Error,
    id::{Id, Session, User},
    peers::Peers,
    redis::{Redis, RedisConfig},
};
use atelier_testing::{Harness, TestDeps, deps_with};
pub use atelier_testing::{codes, done, payload};
use serde_json::{Value, json};

use crate::media::Media;

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// The domain under test.
pub struct App {
    harness: Harness,
    pub config: AccountsConfig,
    pub identities: IdentityResolver,
    pub media: Arc<Media>,
}

impl Deref for App {
    type Target = Harness;

    fn deref(&self) -> &Harness {
        &self.harness
    }
}

async fn surroundings() -> (TestDeps, Arc<Media>) {
    let media = Arc::new(Media::default());
    let peers = Arc::clone(&media) as Arc<dyn Peers>;
    (deps_with(NAME, &MIGRATIONS, peers).await, media)
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

impl App {
    pub async fn new() -> Self {
        let (test, media) = surroundings().await;
        Self::with(test, media)
    }

    /// While Redis does not answer.
    pub async fn without_redis() -> Self {
        let (mut test, media) = surroundings().await;
        // Nothing listens on the port for discarding.
        test.deps.redis = Redis::lazy(RedisConfig::new("redis://127.0.0.1:9")).unwrap();
        Self::with(test, media)
    }

    fn with(test: TestDeps, media: Arc<Media>) -> Self {
        // Cheap hashes: what they cost is not tested.
        let config = AccountsConfig {
            hash_cost: HashCost {
                memory: 64,
                passes: 1,
            },
            ..AccountsConfig::new([7; 32])
        };
        Self {
            identities: IdentityResolver::new(test.deps.clone(), config.clone()),
            harness: Harness::new(test, |deps| subgraph(deps, config.clone())),
            config,
            media,
        }
    }

    /// Starts the relay that publishes events, and the sweep.
    pub fn start(&mut self) {
        self.harness.start(&[]);
    }

    /// The whole answer.
    pub async fn answer(&self, actor: &Actor, operation: &str, variables: Value) -> Value {
        let answer = self.ask(actor, operation, variables).await;
        serde_json::to_value(answer).unwrap()
    }

    /// The answer's data; there must be no errors.
    pub async fn run(&self, actor: &Actor, operation: &str, variables: Value) -> Value {
        self.data(actor, operation, variables).await
    }

    /// The code of the only reason of a refusal.
    pub async fn refused(&self, actor: &Actor, operation: &str, variables: Value) -> String {
        let mut codes = self.harness.refused(actor, operation, variables).await;
        assert_eq!(codes.len(), 1, "{codes:?}");
        codes.remove(0)
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

    /// The number of rows of `from`, a table of the domain with or without conditions.
    pub async fn count(&self, from: &str) -> i64 {
        self.database().rows(&format!("accounts.{from}")).await
    }

    /// Changes the database behind the domain's back.
    pub async fn execute(&self, statement: &str) {
        self.database().run(statement).await;
    }

    /// A text out of the database.
    pub async fn text(&self, expression: &str) -> String {
        self.database().text(expression).await
    }

    /// Waits until the rows of `from` number `expected`.
    pub async fn eventually(&self, from: &str, expected: i64) {
        let from = format!("accounts.{from}");
        self.database().eventually(&from, expected).await;
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

/// The tokens of a sign-in that has worked.
pub fn tokens(data: Value) -> Value {
    let mut payload = payload(data);
    assert_eq!(payload["userErrors"], json!([]));
    payload["tokens"].take()
}
