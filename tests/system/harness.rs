//! Atelier as people run it: the binary, started for one test and gone with it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use atelier_kit::{actor::KeyFolder, clock::random_bytes};
use atelier_testing::{TestDatabase, test_servers};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// How long anything may take that a test waits for.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A place of its own on the shared test servers: a database, a Redis prefix, a bucket.
pub struct Place {
    pub variables: Vec<(String, String)>,
    pub dir: TempDir,
    _database: TestDatabase,
}

impl Place {
    pub async fn new() -> Self {
        let servers = test_servers().await;
        let database = TestDatabase::empty(servers).await;
        let name = database.name().to_owned();
        let variables = [
            ("ATELIER_DATABASE_URL", database.url().to_owned()),
            ("ATELIER_REDIS_URL", servers.redis_url.clone()),
            ("ATELIER_REDIS_PREFIX", name.clone()),
            ("ATELIER_S3_ENDPOINT", servers.s3_endpoint.clone()),
            ("ATELIER_S3_REGION", servers.s3_region.clone()),
            ("ATELIER_S3_ACCESS_KEY", servers.s3_access_key.clone()),
            ("ATELIER_S3_SECRET_KEY", servers.s3_secret_key.clone()),
            ("ATELIER_S3_BUCKET", name.replace('_', "-")),
            (
                "ATELIER_SECRET",
                "0123456789abcdef0123456789abcdef".to_owned(),
            ),
        ];
        let dir = TempDir::new().expect("a temporary folder");
        let keys = dir.path().join("keys");
        KeyFolder::new(&keys)
            .make(&["router", "accounts", "media", "tasks"], random_bytes)
            .expect("keys can be made");
        let mut variables: Vec<_> = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        variables.push(("ATELIER_KEYS_DIR".to_owned(), keys.display().to_string()));
        Self {
            variables,
            dir,
            _database: database,
        }
    }
}

/// A process of the binary.
pub struct Process {
    pub child: Child,
    pub output: tokio::sync::watch::Receiver<String>,
}

impl Process {
    /// Starts the binary with `arguments`; its data directory is `dir/data`.
    pub fn start(arguments: &[&str], dir: &Path, variables: &[(String, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atelier"));
        command.args(arguments);
        Self::of(command, dir, variables)
    }

    /// Starts `command`, which is to become the binary; its data directory is `dir/data`.
    pub fn of(mut command: Command, dir: &Path, variables: &[(String, String)]) -> Self {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("ATELIER_DATA_DIR", dir.join("data"))
            .env("RUST_BACKTRACE", "1")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the binary starts");
        let (sender, output) = tokio::sync::watch::channel(String::new());
        let (stdout, stderr) = (
            child.stdout.take().expect("stdout"),
            child.stderr.take().expect("stderr"),
        );
        let other = sender.clone();
        tokio::spawn(async move { gather(BufReader::new(stdout), sender).await });
        tokio::spawn(async move { gather(BufReader::new(stderr), other).await });
        Self { child, output }
    }

    /// Waits until the output contains `text`.
    pub async fn says(&mut self, text: &str) {
        let heard = tokio::time::timeout(
            DEADLINE,
            self.output.wait_for(|output| output.contains(text)),
        )
        .await
        .is_ok_and(|heard| heard.is_ok());
        if !heard {
            panic!(
                "the process never said {text:?}; it said:\n{}",
                *self.output.borrow()
            );
        }
    }

    /// Ends the process as a power cut would.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the process can be killed");
    }

    /// Asks the process to end, and waits for it.
    pub async fn stop(&mut self) -> std::process::ExitStatus {
        let id = self.child.id().expect("the process is running");
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(id as i32),
            nix::sys::signal::Signal::SIGTERM,
        )
        .expect("a signal");
        tokio::time::timeout(DEADLINE, self.child.wait())
            .await
            .expect("it ends in time")
            .expect("it can be waited for")
    }

    /// Waits for a process that ends by itself.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        tokio::time::timeout(DEADLINE, self.child.wait())
            .await
            .expect("it ends in time")
            .expect("it can be waited for")
    }
}

async fn gather(
    mut lines: impl tokio::io::AsyncBufRead + Unpin,
    into: tokio::sync::watch::Sender<String>,
) {
    let mut line = String::new();
    while lines.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        into.send_modify(|output| output.push_str(&line));
        line.clear();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    atelier_local::free_port().expect("a free port")
}

/// Everything in one process.
pub struct Atelier {
    pub process: Process,
    pub client: Client,
}

impl Atelier {
    /// `atelier up` on the shared test servers.
    pub async fn up(place: &Place) -> Self {
        Self::start(&place.variables, place.dir.path()).await
    }

    /// `atelier up` with servers of its own in `dir`.
    pub async fn up_privately(dir: &Path) -> Self {
        Self::start(&[], dir).await
    }

    async fn start(variables: &[(String, String)], dir: &Path) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut process = Process::start(&["up", "--listen", &listen], dir, variables);
        process.says("Stop with Ctrl-C").await;
        Self {
            process,
            client: Client::new(port),
        }
    }

    /// Username and password of the administrator, which are printed once.
    pub fn admin(&self) -> (String, String) {
        let output = self.process.output.borrow();
        let value = |label: &str| {
            let line = output
                .lines()
                .find(|line| line.trim_start().starts_with(label))
                .expect("the administrator is told");
            line.trim_start()[label.len()..].trim().to_owned()
        };
        (value("Username"), value("Password"))
    }
}

/// A GraphQL client.
#[derive(Clone)]
pub struct Client {
    pub base: String,
    pub http: reqwest::Client,
    pub token: Option<String>,
}

impl Client {
    pub fn new(port: u16) -> Self {
        Self {
            base: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(DEADLINE)
                .build()
                .expect("an HTTP client"),
            token: None,
        }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// Sends an operation and returns the whole answer.
    pub async fn send(&self, query: &str, variables: Value) -> Result<Value, reqwest::Error> {
        let mut request = self
            .http
            .post(format!("{}/graphql", self.base))
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.send().await?.json().await
    }

    /// Sends an operation that must succeed and returns its `data`.
    pub async fn run(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.send(query, variables).await.expect("an answer");
        assert!(answer.get("errors").is_none(), "{query}: {answer:#}");
        answer["data"].take()
    }

    /// Registers a user and returns a client that is signed in.
    pub async fn registered(&self, username: &str) -> Self {
        let input = json!({ "username": username, "email": format!("{username}@example.org"), "password": "correct horse battery" });
        let data = self
            .run(
                "mutation($input: AuthRegisterInput!) { authRegister(input: $input) { tokens { accessToken } userErrors { code message } } }",
                json!({ "input": input }),
            )
            .await;
        let token = data["authRegister"]["tokens"]["accessToken"].as_str();
        self.with_token(token.unwrap_or_else(|| panic!("{data:#}")))
    }

    /// Signs in.
    pub async fn signed_in(&self, login: &str, password: &str) -> Self {
        let data = self
            .run(
                "mutation($input: AuthLoginInput!) { authLogin(input: $input) { tokens { accessToken } userErrors { code message } } }",
                json!({ "input": { "login": login, "password": password } }),
            )
            .await;
        let token = data["authLogin"]["tokens"]["accessToken"].as_str();
        self.with_token(token.unwrap_or_else(|| panic!("{data:#}")))
    }
}

/// Asks again and again, a short while apart, until the answer is there.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            started.elapsed() < DEADLINE,
            "{what} did not happen in time"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
