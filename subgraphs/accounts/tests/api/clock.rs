//! Processes on machines whose clocks disagree.

use std::sync::Arc;

use async_graphql::{Request, Variables};
use atelier_accounts::{AccountsConfig, IdentityResolver, subgraph};
use atelier_kit::{
    Deps,
    actor::{Actor, Identity},
    clock::Clock,
    graphql::Service,
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::{App, PASSWORD, REFRESH, REGISTER, codes, done, tokens};

const CREATE: &str = "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { secret userErrors { code } } }";

/// A process on a machine of its own.
struct Machine {
    service: Service,
    identities: IdentityResolver,
    deps: Deps,
}

impl Machine {
    async fn new(app: &App, config: &AccountsConfig, ahead: TimeDelta) -> Self {
        let deps = app.test.on_machine(ahead).await;
        Self {
            service: subgraph(deps.clone(), config.clone()).service,
            identities: IdentityResolver::new(deps.clone(), config.clone()),
            deps,
        }
    }

    async fn run(&self, actor: &Actor, operation: &str, input: Value) -> Value {
        let request = Request::new(operation)
            .variables(Variables::from_json(json!({ "input": input })))
            .data(Arc::new(actor.clone()));
        let answer = Service::execute(&self.service, request).await;
        let mut answer = serde_json::to_value(answer).unwrap();
        assert!(answer.get("errors").is_none(), "{operation}: {answer}");
        answer["data"].take()
    }

    async fn register(&self) -> Value {
        let input = json!({ "email": "a@example.org", "username": "alice", "password": PASSWORD });
        tokens(self.run(&browser(), REGISTER, input).await)
    }

    /// Whether a credential holds here.
    async fn believes(&self, credential: &Value) -> Result<Actor, &'static str> {
        let found = self.identities.resolve(credential.as_str().unwrap()).await;
        let found = found.map_err(|error| error.code().spec().name)?;
        Ok(Actor {
            identity: Identity::User {
                user: found.user_id,
                session: found.session_id,
            },
            scopes: found.scopes.into_iter().collect(),
            ..browser()
        })
    }
}

fn browser() -> Actor {
    Actor {
        ip: Some("203.0.113.9".into()),
        user_agent: Some("Mozilla/5.0".into()),
        ..Actor::anonymous()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_ahead_ends_nothing_before_its_time() {
    let app = App::new().await;
    let config = AccountsConfig {
        access_lifetime: TimeDelta::seconds(35),
        ..app.config.clone()
    };
    let right = Machine::new(&app, &config, TimeDelta::zero()).await;
    let ahead = Machine::new(&app, &config, TimeDelta::seconds(40)).await;
    let alice = right.register().await;
    ahead.believes(&alice["accessToken"]).await.unwrap();
    // A refresh whose answer was lost is tried again at the other process.
    let refresh = json!({ "refreshToken": alice["refreshToken"] });
    let lost = right.run(&browser(), REFRESH, refresh.clone()).await;
    let again = ahead.run(&browser(), REFRESH, refresh).await;
    assert_eq!(again, lost);
    let renewed = tokens(again);
    ahead.believes(&renewed["accessToken"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_behind_accepts_nothing_that_is_over() {
    let app = App::new().await;
    let right = Machine::new(&app, &app.config, TimeDelta::zero()).await;
    let behind = Machine::new(&app, &app.config, TimeDelta::seconds(-40)).await;
    let alice = right.register().await;
    let alice = right.believes(&alice["accessToken"]).await.unwrap();
    let over = right.deps.clock.now() - TimeDelta::seconds(10);
    let late = json!({ "name": "late", "expiresAt": over });
    assert_eq!(
        codes(behind.run(&alice, CREATE, late).await),
        ["IN_THE_PAST"]
    );
    let made = done(behind.run(&alice, CREATE, json!({ "name": "ci" })).await);
    behind.believes(&made["secret"]).await.unwrap();
    app.execute(
        "UPDATE accounts.access_token SET expires_at = clock_timestamp() - interval '10 seconds'",
    )
    .await;
    assert_eq!(
        behind.believes(&made["secret"]).await.unwrap_err(),
        "TOKEN_EXPIRED"
    );
}
