//! Credentials that have ended, on connections that were open before.

use futures::{StreamExt, future::BoxFuture};
use serde_json::{Value, json};

use crate::{
    harness::{Client, eventually},
    schema::Operation,
    socket::{Heard, Socket},
    target::{PASSWORD, Person, Target, attacks, code, in_time},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_credential_is_refused() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target; by_requests_that_follow])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_credential_ends_what_it_opened() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            operations_on_an_open_socket,
            subscriptions_on_an_open_socket,
            streams_of_server_sent_events,
            a_single_connection_of_server_sent_events,
            rights_that_were_taken_away,
        ])
        .await;
}

/// The ways in which a credential ends.
const WAYS: [&str; 5] = [
    "session revoked",
    "signed out",
    "password changed",
    "suspended",
    "token revoked",
];

/// Somebody with a credential, and how it ends.
struct Ending {
    client: Client,
    end: BoxFuture<'static, ()>,
}

async fn done(client: &Client, query: &str, input: Value) -> Value {
    let answer = client
        .send(query, json!({ "input": input }))
        .await
        .expect("an answer");
    assert_eq!(code(&answer), None, "{answer:#}");
    answer["data"].clone()
}

async fn ending(target: &Target, way: &'static str, name: &str) -> Ending {
    let person = target.person(name).await;
    let other = target.signed_in(name, PASSWORD, "198.51.100.90").await;
    let Person {
        id,
        session,
        client,
        ..
    } = person;
    let target = target.clone();
    let mut open = client.clone();
    let mut made = Value::Null;
    if way == "token revoked" {
        let query = "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { secret accessToken { id } } }";
        made = done(&client, query, json!({ "name": "ends" })).await["accessTokenCreate"].clone();
        open = target
            .client
            .with_token(made["secret"].as_str().expect("a secret"));
    }
    let end = async move {
        match way {
            "session revoked" => {
                let query = "mutation($input: AuthSessionsRevokeInput!) { authSessionsRevoke(input: $input) { sessionIds } }";
                done(&other.client, query, json!({ "sessionId": session })).await
            }
            "signed out" => done(
                &client,
                "mutation($input: AuthLogoutInput!) { authLogout(input: $input) { sessionId } }",
                json!({}),
            )
            .await,
            "password changed" => {
                let query = "mutation($input: PasswordChangeInput!) { passwordChange(input: $input) { userErrors { code } } }";
                done(&other.client, query, json!({ "currentPassword": PASSWORD, "newPassword": "another quite long one 4" })).await
            }
            "suspended" => {
                let query = "mutation($input: UserStatusSetInput!) { userStatusSet(input: $input) { userErrors { code } } }";
                let admin = target.admin().await.client;
                done(
                    &admin,
                    query,
                    json!({ "userId": id, "status": "SUSPENDED", "reason": "spam" }),
                )
                .await
            }
            _ => {
                let query = "mutation($input: AccessTokenRevokeInput!) { accessTokenRevoke(input: $input) { userErrors { code } } }";
                done(&client, query, json!({ "id": made["accessToken"]["id"] })).await
            }
        };
    };
    Ending {
        client: open,
        end: Box::pin(end),
    }
}

/// Refusals of a caller who is not known any more, or may nothing any more.
const ENDED: [&str; 4] = [
    "UNAUTHENTICATED",
    "TOKEN_EXPIRED",
    "ACCOUNT_DISABLED",
    "FORBIDDEN",
];

async fn by_requests_that_follow(target: Target) {
    for (at, way) in WAYS.into_iter().enumerate() {
        let ending = ending(&target, way, &format!("rita{at}")).await;
        ending.client.run("{ viewer { id } }", json!({})).await;
        ending.end.await;
        // Processes are told through Redis, which takes a moment.
        eventually(&format!("the refusal of a credential: {way}"), || async {
            let answer = ending.client.send("{ viewer { id } }", json!({})).await;
            let answer = answer.expect("an answer");
            code(&answer)
                .is_some_and(|code| ENDED.contains(&code))
                .then_some(())
        })
        .await;
    }
}

async fn operations_on_an_open_socket(target: Target) {
    for (at, way) in WAYS.into_iter().enumerate() {
        let ending = ending(&target, way, &format!("rosa{at}")).await;
        let mut socket = Socket::of(&target, ending.client.token.as_deref()).await;
        assert!(matches!(
            socket.ask("before", "{ viewer { id } }", json!({})).await,
            Heard::Message(_)
        ));
        ending.end.await;
        let mut end = None;
        for (id, query) in [
            ("query", "{ viewer { id email } }"),
            (
                "mutation",
                "mutation { accessTokenCreate(input: { name: \"for ever\" }) { secret } }",
            ),
            (
                "profile",
                "mutation { profileUpdate(input: { bio: \"still here\" }) { user { bio } } }",
            ),
        ] {
            match socket.ask(id, query, json!({})).await {
                Heard::Closed(code) => {
                    end = Some(code);
                    break;
                }
                Heard::Message(answer) => {
                    let text = answer.to_string();
                    let refused = ENDED.iter().any(|code| text.contains(code));
                    assert!(
                        refused && !text.contains("secret\":\""),
                        "{way}: {id} still ran: {answer:#}"
                    );
                }
            }
        }
        // And it is closed, whether something is sent on it or not.
        let end = match end {
            Some(code) => code,
            None => socket.end().await,
        };
        assert_eq!(end, 4403, "{way}");
    }
}

fn follow() -> Operation {
    Operation {
        query: "subscription { assetEvents { __typename ... on AssetCreated { assetId } } }"
            .to_owned(),
        variables: json!({}),
    }
}

async fn subscriptions_on_an_open_socket(target: Target) {
    for (at, way) in WAYS.into_iter().enumerate() {
        let ending = ending(&target, way, &format!("ruby{at}")).await;
        let mut socket = Socket::of(&target, ending.client.token.as_deref()).await;
        socket.subscribe("events", &follow()).await;
        socket.ask("begun", "{ viewer { id } }", json!({})).await;
        ending.end.await;
        assert_eq!(socket.end().await, 4403, "{way}");
        let told = socket
            .heard
            .iter()
            .any(|message| message.pointer("/payload/data/assetEvents").is_some());
        assert!(!told, "{way}: {:#?}", socket.heard);
    }
}

/// Opens a stream of server-sent events.
async fn stream(
    client: &Client,
    url: &str,
    body: Option<Value>,
    stream: Option<&str>,
) -> reqwest::Response {
    let method = if body.is_some() {
        reqwest::Method::POST
    } else {
        reqwest::Method::GET
    };
    let mut request = client
        .http
        .request(method, url)
        .header("accept", "text/event-stream");
    request = request.bearer_auth(client.token.as_deref().expect("signed in"));
    if let Some(token) = stream {
        request = request.header("x-graphql-event-stream-token", token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    in_time("a stream", request.send())
        .await
        .expect("an answer")
}

/// Reads a stream to its end, or until it says that its caller's credential has ended.
async fn rest(response: reqwest::Response) -> String {
    let mut chunks = response.bytes_stream();
    let mut text = String::new();
    in_time("the end of a stream", async {
        while let Some(Ok(chunk)) = chunks.next().await {
            text.push_str(&String::from_utf8_lossy(&chunk));
            if ENDED.iter().any(|code| text.contains(code)) {
                break;
            }
        }
    })
    .await;
    text
}

async fn streams_of_server_sent_events(target: Target) {
    for (at, way) in WAYS.into_iter().enumerate() {
        let ending = ending(&target, way, &format!("rhea{at}")).await;
        let url = format!("{}/graphql", target.client.base);
        let body = json!({ "query": follow().query });
        let events = stream(&ending.client, &url, Some(body.clone()), None).await;
        let request = ending.client.http.post(&url).header(
            "accept",
            "multipart/mixed;subscriptionSpec=1.0, application/json",
        );
        let parts = request
            .bearer_auth(ending.client.token.as_deref().expect("signed in"))
            .json(&body)
            .send()
            .await
            .expect("an answer");
        ending.end.await;
        for (kind, text) in [("events", rest(events).await), ("parts", rest(parts).await)] {
            assert!(
                ENDED.iter().any(|code| text.contains(code)),
                "{way}: {kind} ended without a word: {text}"
            );
        }
    }
}

async fn a_single_connection_of_server_sent_events(target: Target) {
    for (at, way) in WAYS.into_iter().enumerate() {
        let ending = ending(&target, way, &format!("rena{at}")).await;
        let url = format!("{}/graphql", target.client.base);
        let request = ending
            .client
            .http
            .put(&url)
            .bearer_auth(ending.client.token.as_deref().expect("signed in"));
        let token = request
            .send()
            .await
            .expect("an answer")
            .text()
            .await
            .expect("a token");
        let events = stream(&ending.client, &url, None, Some(&token)).await;
        let body = json!({ "query": follow().query, "extensions": { "operationId": "1" } });
        let started = stream(&ending.client, &url, Some(body.clone()), Some(&token)).await;
        assert_eq!(started.status().as_u16(), 202);
        ending.end.await;
        let mut again = body;
        again["extensions"]["operationId"] = json!("2");
        let refused = stream(&ending.client, &url, Some(again), Some(&token)).await;
        assert!(
            refused.status().is_client_error(),
            "{way}: {}",
            refused.status()
        );
        let text = rest(events).await;
        assert!(
            ENDED.iter().any(|code| text.contains(code)),
            "{way}: it ended without a word: {text}"
        );
    }
}

async fn rights_that_were_taken_away(target: Target) {
    let admin = target.admin().await;
    let person = target.person("regina").await;
    let roles = admin.client.run("{ roles { id name } }", json!({})).await["roles"].clone();
    let full = roles
        .as_array()
        .expect("roles")
        .iter()
        .find(|role| role["name"] == "admin")
        .expect("the role")["id"]
        .clone();
    let assign =
        "mutation($input: RoleAssignInput!) { roleAssign(input: $input) { userErrors { code } } }";
    done(
        &admin.client,
        assign,
        json!({ "userId": person.id, "add": [full] }),
    )
    .await;
    eventually("the new rights", || async {
        let held = person.client.run("{ viewer { scopes } }", json!({})).await;
        held.to_string().contains("admin:roles").then_some(())
    })
    .await;
    let mut socket = Socket::of(&target, person.client.token.as_deref()).await;
    let users = "{ users(first: 1) { nodes { email } } }";
    let Heard::Message(before) = socket.ask("before", users, json!({})).await else {
        panic!("closed")
    };
    assert!(
        before.pointer("/payload/data/users/nodes").is_some(),
        "{before:#}"
    );
    socket
        .subscribe(
            "tasks",
            &Operation {
                query: "subscription { taskEvents { __typename } }".to_owned(),
                variables: json!({}),
            },
        )
        .await;
    socket.ask("begun", "{ viewer { id } }", json!({})).await;
    done(
        &admin.client,
        assign,
        json!({ "userId": person.id, "remove": [full] }),
    )
    .await;
    let back = format!(
        "mutation {{ roleAssign(input: {{ userId: \"{}\", add: [{full}] }}) {{ user {{ id }} }} }}",
        person.id
    );
    for (id, query) in [("after", users), ("back", back.as_str())] {
        match socket.ask(id, query, json!({})).await {
            Heard::Closed(code) => {
                assert_eq!(code, 4403, "{id}");
                return;
            }
            Heard::Message(answer) => assert!(
                answer.to_string().contains("FORBIDDEN"),
                "{id} still ran: {answer:#}"
            ),
        }
    }
}
