//! Starts the servers that all tests of one `cargo nextest` run share; its setup script.
//!
//! nextest waits for the script to end before it runs tests, so the servers live in a second
//! process (`supervise`) that watches nextest itself and ends when nextest has ended, however
//! that happened. Where the servers are goes into the environment of the tests.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use atelier_local::RunningTestServers;

/// Printed behind the variables when the servers are ready.
const READY: &str = "ready";
/// How often the supervisor looks whether the run is still there.
const WATCH_EVERY: Duration = Duration::from_millis(250);

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => hand_over(),
        (Some("supervise"), Some(watched)) => supervise(&watched),
        _ => Err("usage: atelier-test-servers (as a nextest setup script)".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "atelier-test-servers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the supervisor, waits until the servers are ready, and writes their addresses where
/// nextest reads them.
fn hand_over() -> Outcome {
    let env_file = std::env::var_os("NEXTEST_ENV")
        .ok_or("NEXTEST_ENV is not set: run it through cargo nextest")?;
    let nextest = nix::unistd::getppid();
    let mut supervisor = Command::new(std::env::current_exe()?)
        .args(["supervise", &nextest.to_string()])
        // Ctrl-C at the terminal is for nextest; the supervisor follows when that has ended.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = supervisor
        .stdout
        .take()
        .ok_or("no output of the supervisor")?;
    let mut variables = String::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        if line == READY {
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(env_file)?
                .write_all(variables.as_bytes())?;
            return Ok(());
        }
        variables.push_str(&line);
        variables.push('\n');
    }
    supervisor.wait()?;
    Err(format!("the servers did not start: {}", variables.trim()).into())
}

/// Runs the servers until the watched process has ended.
fn supervise(watched: &str) -> Outcome {
    let watched = watched.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let running = match RunningTestServers::start().await {
            Ok(running) => running,
            Err(error) => {
                let _ = writeln!(std::io::stdout(), "{error}");
                return Err(error.into());
            }
        };
        for (name, value) in running.servers().to_env() {
            writeln!(std::io::stdout(), "{name}={value}")?;
        }
        writeln!(std::io::stdout(), "{READY}")?;
        while atelier_local::is_running(watched) {
            tokio::time::sleep(WATCH_EVERY).await;
        }
        running.stop().await;
        Ok(())
    })
}
