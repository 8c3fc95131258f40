//! What is attacked: one running system, with people in it, for many attacks.

use std::{
    net::SocketAddr,
    ops::Deref,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::{Value, json};
use tokio::{
    process::Command,
    sync::{Mutex, OnceCell},
};

use crate::{
    figures::Memory,
    harness::{Client, DEADLINE, Place, Process, free_port},
};

/// A password that no list of common ones has.
pub const PASSWORD: &str = "quarto fennel 7 obelisk";

/// An attack on a system that it shares with others.
pub type Attack = (&'static str, BoxFuture<'static, ()>);

/// A running system. Clones are the same one.
#[derive(Clone)]
pub struct Target(Arc<Inner>);

pub struct Inner {
    pub place: Place,
    pub client: Client,
    pub address: SocketAddr,
    pub process_id: u32,
    pub process: Mutex<Process>,
    started: Instant,
    admin: OnceCell<Person>,
}

impl Deref for Target {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Somebody with an account, signed in.
#[derive(Clone)]
pub struct Person {
    pub client: Client,
    pub name: String,
    pub id: String,
    pub session: String,
    pub refresh: String,
}

impl Target {
    /// Everything in one process, as `atelier up` starts it.
    pub async fn up() -> Self {
        Self::up_with(&[], &[], "").await
    }

    /// The same with more arguments, variables, and a configuration of the router.
    ///
    /// One proxy is believed, so that attacks can come from any address; the soft limit of open
    /// files is what most machines have.
    pub async fn up_with(arguments: &[&str], variables: &[(&str, &str)], router: &str) -> Self {
        let place = Place::new().await;
        let mut all = place.variables.clone();
        let mut set = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
        set("ATELIER_TRUSTED_PROXIES", "1");
        for (name, value) in variables {
            set(name, value);
        }
        if !router.is_empty() {
            let path = place.dir.path().join("router.toml");
            std::fs::write(&path, router).expect("the configuration can be written");
            set("ATELIER_ROUTER_CONFIG", &path.display().to_string());
        }
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "ulimit -S -n 1024; exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_atelier"))
            .args(["up", "--listen", &listen])
            .args(arguments);
        let mut process = Process::of(command, place.dir.path(), &all);
        process.says("Stop with Ctrl-C").await;
        Self(Arc::new(Inner {
            place,
            client: Client::new(port),
            address: listen.parse().expect("an address"),
            process_id: process.child.id().expect("it runs"),
            process: Mutex::new(process),
            started: Instant::now(),
            admin: OnceCell::new(),
        }))
    }

    /// The administrator, signed in once for all attacks.
    pub async fn admin(&self) -> Person {
        let sign_in = async {
            let output = self.output().await;
            let value = |label: &str| {
                let mut lines = output.lines().map(str::trim_start);
                let line = lines.find_map(|line| line.strip_prefix(label));
                line.expect("the administrator is told").trim().to_owned()
            };
            self.signed_in(&value("Username"), &value("Password"), "127.0.0.1")
                .await
        };
        self.admin.get_or_init(|| sign_in).await.clone()
    }

    /// Somebody who registers from an address of their own.
    pub async fn person(&self, name: &str) -> Person {
        let input = json!({ "username": name, "email": address_of(name), "password": PASSWORD });
        let query = "mutation($input: AuthRegisterInput!) { authRegister(input: $input) { \
            tokens { accessToken refreshToken sessionId user { id } } userErrors { code message } } }";
        let answer = self
            .sent_from(&network_of(name), None, query, json!({ "input": input }))
            .await;
        self.came(name, &answer["data"]["authRegister"])
    }

    /// Somebody who signs in, from `ip`.
    pub async fn signed_in(&self, name: &str, password: &str, ip: &str) -> Person {
        let answer = self.log_in(name, password, ip).await;
        self.came(name, &answer)
    }

    /// What signing in from `ip` answers, whether it succeeds or not.
    pub async fn log_in(&self, name: &str, password: &str, ip: &str) -> Value {
        let query = "mutation($input: AuthLoginInput!) { authLogin(input: $input) { \
            tokens { accessToken refreshToken sessionId user { id } } userErrors { code message path params } } }";
        let input = json!({ "input": { "login": name, "password": password } });
        self.sent_from(ip, None, query, input).await["data"]["authLogin"].clone()
    }

    fn came(&self, name: &str, payload: &Value) -> Person {
        let text = |field: &str| {
            let value = payload
                .pointer(&format!("/tokens/{field}"))
                .and_then(Value::as_str);
            value
                .unwrap_or_else(|| panic!("{name}: {payload:#}"))
                .to_owned()
        };
        Person {
            client: self.client.with_token(&text("accessToken")),
            name: name.to_owned(),
            id: text("user/id"),
            session: text("sessionId"),
            refresh: text("refreshToken"),
        }
    }

    /// Sends an operation as if a proxy had it from `ip`.
    pub async fn sent_from(
        &self,
        ip: &str,
        token: Option<&str>,
        query: &str,
        variables: Value,
    ) -> Value {
        let mut request = self
            .client
            .http
            .post(format!("{}/graphql", self.client.base))
            .header("x-forwarded-for", ip)
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// All that the process has written.
    pub async fn output(&self) -> String {
        self.process.lock().await.output.borrow().clone()
    }

    /// What the process holds now, and held at most.
    pub fn memory(&self) -> Memory {
        Memory::of(self.process_id)
    }

    /// Whether somebody else is served, through a connection of their own.
    pub async fn serves(&self) -> bool {
        let client = Client::new(self.address.port());
        let asked = client.send("{ viewer { id } }", json!({}));
        let answered = tokio::time::timeout(DEADLINE / 4, asked).await;
        matches!(answered, Ok(Ok(answer)) if answer == json!({ "data": { "viewer": null } }))
    }

    /// Runs attacks side by side and tells of every one that got through.
    pub async fn side_by_side(&self, attacks: Vec<Attack>) {
        let mut running: FuturesUnordered<_> = attacks
            .into_iter()
            .map(|attack| self.attacked(attack))
            .collect();
        let mut through = Vec::new();
        while let Some(failed) = running.next().await {
            through.extend(failed);
        }
        self.stood(through).await;
    }

    /// Runs attacks one after another, so that the figures are those of each.
    pub async fn in_turn(&self, attacks: Vec<Attack>) {
        let mut through = Vec::new();
        for attack in attacks {
            through.extend(self.attacked(attack).await);
        }
        self.stood(through).await;
    }

    /// Runs one attack; gives its name if it got through.
    async fn attacked(&self, (name, attack): Attack) -> Option<&'static str> {
        let (before, started) = (self.memory(), Instant::now());
        Memory::forget_peak(self.process_id);
        let outcome = AssertUnwindSafe(tokio::spawn(attack)).catch_unwind().await;
        let refused = matches!(outcome, Ok(Ok(())));
        let after = self.memory();
        println!(
            "{} {name}: {:.2} s, {before} before, {after} after",
            if refused { "refused" } else { "THROUGH" },
            started.elapsed().as_secs_f64(),
        );
        (!refused).then_some(name)
    }

    /// After all attacks it serves as before, no panic is in its log, and it ends when asked.
    async fn stood(&self, through: Vec<&'static str>) {
        assert!(
            self.serves().await,
            "it serves nobody any more; through: {through:?}"
        );
        let ended = self.process.lock().await.stop().await;
        println!(
            "{:.2} s in all, {}",
            self.started.elapsed().as_secs_f64(),
            self.process_id
        );
        let output = self.output().await;
        let panics: Vec<&str> = output
            .lines()
            .filter(|line| line.contains("panicked"))
            .collect();
        assert!(panics.is_empty(), "it panicked: {panics:#?}");
        assert!(through.is_empty(), "these got through: {through:#?}");
        assert!(ended.success(), "it ended with {ended}:\n{output}");
    }
}

/// The mail address of a person in tests.
pub fn address_of(name: &str) -> String {
    format!("{name}@example.org")
}

/// A network of a person's own, of those for documentation and tests (RFC 2544).
pub fn network_of(name: &str) -> String {
    let sum = name.bytes().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    format!(
        "198.{}.{}.{}",
        18 + (sum >> 16) % 2,
        (sum >> 8) % 256,
        1 + sum % 250
    )
}

/// The code of the first error of an answer, or of the first refusal in a payload.
pub fn code(answer: &Value) -> Option<&str> {
    let error = answer
        .pointer("/errors/0/extensions/code")
        .and_then(Value::as_str);
    error.or_else(|| {
        let data = answer.get("data").and_then(Value::as_object);
        data.into_iter()
            .flat_map(|data| data.values())
            .find_map(|field| field.pointer("/userErrors/0/code").and_then(Value::as_str))
    })
}

/// Waits for something for as long as a test may.
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(60), future).await;
    waited.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// Names attacks with the functions that do them.
macro_rules! attacks {
    ($target:expr; $($attack:ident),+ $(,)?) => {
        vec![$((
            stringify!($attack),
            futures::FutureExt::boxed($attack(crate::target::Target::clone(&$target))) as futures::future::BoxFuture<'static, ()>,
        )),+]
    };
}
pub(crate) use attacks;
