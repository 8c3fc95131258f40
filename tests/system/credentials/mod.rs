//! What ends or changes a credential reaches everything that is open with it: each way in which that
//! happens, by each thing that can be open, in one process and in parts.

mod open;

use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};

use crate::{
    harness::{Atelier, Client, Place, Process, eventually},
    journey::parts,
};
use open::{Opened, Socket};

/// A subscription of which nothing comes by itself.
const QUIET: &str = "subscription { quotaChanged { __typename } }";
const WHO: &str = "{ viewer { id } }";
const USERS: &str = "{ users(first: 1) { nodes { id } } }";
const PASSWORD: &str = "correct horse battery";

/// The graph in one of its shapes.
struct World {
    place: Place,
    processes: Vec<Process>,
    client: Client,
    admin: Client,
}

impl World {
    async fn in_one_process() -> Self {
        let place = Place::new().await;
        let atelier = Atelier::up(&place).await;
        let (name, password) = atelier.admin();
        let admin = atelier.client.signed_in(&name, &password).await;
        Self {
            place,
            client: atelier.client,
            processes: vec![atelier.process],
            admin,
        }
    }

    async fn in_parts() -> Self {
        let place = Place::new().await;
        let parts = parts(&place).await;
        let (name, password) = &parts.admin;
        let admin = parts.client.signed_in(name, password).await;
        Self {
            place,
            client: parts.client,
            processes: parts.processes,
            admin,
        }
    }

    async fn sql(&self, statement: &str) {
        let (_, url) = self
            .place
            .variables
            .iter()
            .find(|(name, _)| name == "ATELIER_DATABASE_URL")
            .expect("a database");
        let mut connection = AsyncPgConnection::establish(url)
            .await
            .expect("the database answers");
        let changed = diesel::sql_query(statement)
            .execute(&mut connection)
            .await
            .expect("the statement runs");
        assert!(changed > 0, "nothing was changed: {statement}");
    }

    /// A token of somebody's program.
    async fn token(&self, owner: &Client) -> (Client, String) {
        let data = done(
            owner,
            "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { secret accessToken { id } userErrors { code message } } }",
            json!({ "name": "program" }),
        )
        .await;
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let token = owner.with_token(&text(&data["secret"]));
        (token, text(&data["accessToken"]["id"]))
    }
}

/// Runs a mutation that must do what it says.
async fn done(client: &Client, mutation: &str, input: Value) -> Value {
    let mut data = client.run(mutation, json!({ "input": input })).await;
    let payload = data
        .as_object_mut()
        .and_then(|data| data.values_mut().next())
        .expect("a payload")
        .take();
    assert_eq!(payload["userErrors"], json!([]), "{mutation}");
    payload
}

async fn id_of(client: &Client) -> String {
    let data = client.run("{ viewer { user { id } } }", json!({})).await;
    data["viewer"]["user"]["id"].as_str().expect("an id").into()
}

/// How a credential ends.
#[derive(Debug, Clone, Copy)]
enum Ending {
    SessionRevoked,
    PasswordChanged,
    Suspended,
    Erased,
    TokenRevoked,
    TokenExpired,
}

impl Ending {
    const ALL: [Self; 6] = [
        Self::SessionRevoked,
        Self::PasswordChanged,
        Self::Suspended,
        Self::Erased,
        Self::TokenRevoked,
        Self::TokenExpired,
    ];

    /// What whoever asks is told from then on.
    const CODES: &[&str] = &["UNAUTHENTICATED", "TOKEN_EXPIRED", "ACCOUNT_DISABLED"];

    /// Opens one of everything with a credential, ends that, and sees everything end.
    async fn run(self, world: &World) {
        let name = format!("{self:?}").to_lowercase();
        let session = world.client.registered(&name).await;
        let other = world.client.signed_in(&name, PASSWORD).await;
        let (credential, token) = match self {
            Self::TokenRevoked | Self::TokenExpired => {
                let (client, id) = world.token(&session).await;
                (client, Some(id))
            }
            _ => (session, None),
        };
        if let Self::TokenExpired = self {
            let statement = format!(
                "UPDATE accounts.access_token SET expires_at = now() + interval '20 seconds' \
                 WHERE account_id = (SELECT id FROM accounts.account WHERE username = '{name}')"
            );
            world.sql(&statement).await;
        }
        if let Self::Erased = self {
            done(
                &credential,
                "mutation($input: AccountDeleteInput!) { accountDelete(input: $input) { userErrors { code message } } }",
                json!({ "password": PASSWORD }),
            )
            .await;
        }
        let opened = Opened::with(&credential, QUIET).await;
        let (mut asking, mut changing) = (
            Socket::open(&credential).await,
            Socket::open(&credential).await,
        );
        self.happen(world, &name, &other, token).await;
        if let Self::Erased | Self::TokenExpired = self {
            // These happen some time after they were asked for.
            assert_eq!(asking.closed_unanswered().await, 4403, "{self:?}");
        }
        // As soon as the router has heard, whether the socket has been closed yet or not.
        heard_of(&credential).await;
        asking.ask(WHO, json!({})).await;
        let input = json!({ "input": { "name": "forever" } });
        let make = "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { secret } }";
        changing.ask(make, input).await;
        if !matches!(self, Self::Erased | Self::TokenExpired) {
            assert_eq!(asking.closed_unanswered().await, 4403, "{self:?}");
        }
        assert_eq!(changing.closed_unanswered().await, 4403, "{self:?}");
        let Opened {
            mut idle,
            mut following,
            streams,
        } = opened;
        assert_eq!(idle.closed_unanswered().await, 4403, "{self:?}");
        assert_eq!(following.closed_unanswered().await, 4403, "{self:?}");
        for stream in streams {
            stream.over_with(Self::CODES).await;
        }
    }

    async fn happen(self, world: &World, name: &str, other: &Client, token: Option<String>) {
        match self {
            Self::SessionRevoked => {
                done(
                    other,
                    "mutation($input: AuthSessionsRevokeInput!) { authSessionsRevoke(input: $input) { userErrors { code message } } }",
                    json!({ "keepCurrent": true }),
                )
                .await;
            }
            Self::PasswordChanged => {
                done(
                    other,
                    "mutation($input: PasswordChangeInput!) { passwordChange(input: $input) { userErrors { code message } } }",
                    json!({ "currentPassword": PASSWORD, "newPassword": "staple battery correct" }),
                )
                .await;
            }
            Self::Suspended => {
                done(
                    &world.admin,
                    "mutation($input: UserStatusSetInput!) { userStatusSet(input: $input) { userErrors { code message } } }",
                    json!({ "userId": id_of(other).await, "status": "SUSPENDED", "reason": "a test" }),
                )
                .await;
            }
            Self::Erased => {
                let statement = format!(
                    "UPDATE accounts.account SET delete_at = now() - interval '1 second' WHERE username = '{name}'"
                );
                world.sql(&statement).await;
            }
            Self::TokenRevoked => {
                done(
                    other,
                    "mutation($input: AccessTokenRevokeInput!) { accessTokenRevoke(input: $input) { userErrors { code message } } }",
                    json!({ "id": token }),
                )
                .await;
            }
            Self::TokenExpired => {}
        }
    }
}

/// Waits until the router, which may be another process than accounts, has heard that a credential has
/// ended.
async fn heard_of(credential: &Client) {
    eventually("the router refuses a credential that has ended", || async {
        let answer = credential.send(WHO, json!({})).await.ok()?;
        answer["data"]["viewer"].is_null().then_some(())
    })
    .await;
}

async fn credentials_end(world: World) {
    let endings = Ending::ALL.map(|ending| ending.run(&world));
    futures::future::join_all(endings).await;
    for mut process in world.processes {
        process.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_open_ends_with_its_credential_in_one_process() {
    credentials_end(World::in_one_process().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_open_ends_with_its_credential_in_parts() {
    credentials_end(World::in_parts().await).await;
}

/// How somebody loses rights.
#[derive(Debug, Clone, Copy)]
enum Loss {
    RoleTaken,
    RoleEdited,
}

impl Loss {
    async fn run(self, world: &World) {
        const ALL_TASKS: &str = "subscription { taskEvents { __typename } }";
        let name = format!("{self:?}").to_lowercase();
        let role = done(
            &world.admin,
            "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { role { id } userErrors { code message } } }",
            json!({ "name": name, "scopes": ["admin:users", "admin:roles", "admin:tasks"] }),
        )
        .await["role"]["id"]
            .clone();
        let person = world.client.registered(&name).await;
        let id = id_of(&person).await;
        let assign = "mutation($input: RoleAssignInput!) { roleAssign(input: $input) { userErrors { code message } } }";
        done(&world.admin, assign, json!({ "userId": id, "add": [role] })).await;

        let Opened {
            mut idle,
            mut following,
            streams,
        } = Opened::with(&person, ALL_TASKS).await;
        idle.ask(USERS, json!({})).await;
        assert!(idle.answer().await["data"]["users"].is_object());
        match self {
            Self::RoleTaken => {
                done(
                    &world.admin,
                    assign,
                    json!({ "userId": id, "remove": [role] }),
                )
                .await;
            }
            Self::RoleEdited => {
                done(
                    &world.admin,
                    "mutation($input: RoleUpdateInput!) { roleUpdate(input: $input) { userErrors { code message } } }",
                    json!({ "id": role, "scopes": [] }),
                )
                .await;
            }
        }
        // The same socket goes on, with what its caller may do now.
        idle.ask(USERS, json!({})).await;
        let answer = idle.answer().await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
        idle.ask(assign, json!({ "input": { "userId": id, "add": [role] } }))
            .await;
        let answer = idle.answer().await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
        idle.ask(WHO, json!({})).await;
        assert!(idle.answer().await["data"]["viewer"]["id"].is_string());
        let ended = following.answer().await;
        assert_eq!(ended["errors"][0]["extensions"]["code"], "RIGHTS_CHANGED");
        for stream in streams {
            stream.ends_with(&["RIGHTS_CHANGED"]).await;
        }
    }
}

async fn rights_are_lost(world: World) {
    futures::future::join(Loss::RoleTaken.run(&world), Loss::RoleEdited.run(&world)).await;
    for mut process in world.processes {
        process.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_rights_are_lost_on_what_is_open_in_one_process() {
    rights_are_lost(World::in_one_process().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_rights_are_lost_on_what_is_open_in_parts() {
    rights_are_lost(World::in_parts().await).await;
}

/// Stops a process's Redis without ending it, as a broken network would.
fn silence_redis(process: &Process) -> nix::unistd::Pid {
    let parent = process.child.id().expect("the process is running");
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).expect("its threads");
    let children = tasks.flat_map(|task| {
        let path = task.expect("a thread").path().join("children");
        let children = std::fs::read_to_string(path).unwrap_or_default();
        children
            .split_whitespace()
            .filter_map(|id| id.parse::<i32>().ok())
            .collect::<Vec<_>>()
    });
    let redis = children
        .into_iter()
        .find(|id| {
            let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            name.starts_with("redis-server") || name.starts_with("valkey-server")
        })
        .expect("a private Redis");
    let redis = nix::unistd::Pid::from_raw(redis);
    nix::sys::signal::kill(redis, nix::sys::signal::Signal::SIGSTOP).expect("a signal");
    redis
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_with_its_credential_also_while_redis_is_away() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut atelier = Atelier::up_privately(dir.path()).await;
    let (name, password) = atelier.admin();
    let admin = atelier.client.signed_in(&name, &password).await;
    let ada = atelier.client.registered("ada").await;
    let id = id_of(&ada).await;
    let mut idle = Socket::open(&ada).await;
    let redis = silence_redis(&atelier.process);
    let input = json!({ "userId": id, "status": "SUSPENDED", "reason": "a test" });
    let suspend = "mutation($input: UserStatusSetInput!) { userStatusSet(input: $input) { user { status } userErrors { code } } }";
    eventually("the suspension", || async {
        let answer = admin
            .send(suspend, json!({ "input": input }))
            .await
            .expect("an answer");
        (answer["data"]["userStatusSet"]["user"]["status"] == "SUSPENDED").then_some(())
    })
    .await;
    let started = std::time::Instant::now();
    assert_eq!(idle.closed_unanswered().await, 4403);
    println!("closed {:?} after the suspension", started.elapsed());
    nix::sys::signal::kill(redis, nix::sys::signal::Signal::SIGCONT).expect("a signal");
    atelier.process.stop().await;
}
