//! Child processes that never outlive this one.
//!
//! On Linux the kernel signals a child when the *thread* that spawned it ends, so every server is
//! spawned from one thread that lives as long as the process: a test's runtime may come and go.
//! Elsewhere a small shell waits for the end of a pipe that only this process holds open.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{oneshot, watch};

type SpawnJob = Box<dyn FnOnce() + Send>;

/// A running server, ended by `on_parent_death` when this process ends for whatever reason.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    pid: Pid,
    ended: watch::Receiver<Option<ExitStatus>>,
    on_drop: Signal,
    #[cfg(not(target_os = "linux"))]
    _watchdog: Option<std::process::ChildStdin>,
}

impl ServerProcess {
    /// Spawns `command` in a process group of its own, so that Ctrl-C at the terminal reaches
    /// only this process, which then decides the order of the shutdown.
    pub(crate) async fn spawn(mut command: Command, end_signal: Signal) -> std::io::Result<Self> {
        command.process_group(0);
        let (reply, spawned) = oneshot::channel();
        let job: SpawnJob = Box::new(move || {
            tie_to_parent(&mut command, end_signal);
            let _ = reply.send(command.spawn());
        });
        spawner()
            .send(job)
            .map_err(|_| std::io::Error::other("the spawning thread has ended"))?;
        let child = spawned
            .await
            .map_err(|_| std::io::Error::other("the spawning thread has ended"))??;
        Self::watch(child, end_signal)
    }

    fn watch(mut child: Child, end_signal: Signal) -> std::io::Result<Self> {
        let pid = i32::try_from(child.id())
            .map(Pid::from_raw)
            .map_err(std::io::Error::other)?;
        #[cfg(not(target_os = "linux"))]
        let watchdog = watchdog(pid, end_signal)?;
        let (report, ended) = watch::channel(None);
        std::thread::Builder::new()
            .name(format!("reap-{pid}"))
            .spawn(move || {
                let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(-1));
                report.send_replace(Some(status));
            })?;
        Ok(Self {
            pid,
            ended,
            on_drop: end_signal,
            #[cfg(not(target_os = "linux"))]
            _watchdog: Some(watchdog),
        })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// How the process ended, if it has.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or_else(|| ExitStatus::from_raw(-1)),
            Err(_) => ExitStatus::from_raw(-1),
        }
    }

    /// Signals the process unless it has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        // The id cannot have been given to another process as long as nobody has reaped it; the
        // reaping thread reports at once after that, and ids are not reused within microseconds.
        if self.status().is_none() {
            let _ = kill(self.pid, signal);
        }
    }

    /// Asks the process to end and waits; a process that ignores it for `patience` is killed.
    pub(crate) async fn stop(&self, signal: Signal, patience: Duration) {
        self.signal(signal);
        if tokio::time::timeout(patience, self.ended()).await.is_err() {
            self.signal(Signal::SIGKILL);
            self.ended().await;
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.signal(self.on_drop);
    }
}

/// The thread that spawns every server; it ends only with the process.
fn spawner() -> mpsc::Sender<SpawnJob> {
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<SpawnJob>>> = OnceLock::new();
    let sender = SPAWNER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<SpawnJob>();
        // When no thread can be had the sender is left without a receiver and spawning reports it.
        let _ = std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for job in jobs {
                    job();
                }
            });
        Mutex::new(sender)
    });
    sender
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .clone()
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "pre_exec is unsafe; the proof is at the call")]
fn tie_to_parent(command: &mut Command, signal: Signal) {
    let parent = nix::unistd::getpid();
    let tie = move || {
        nix::sys::prctl::set_pdeathsig(Some(signal))?;
        // The parent may have ended between fork and prctl; then no signal would ever come.
        if nix::unistd::getppid() != parent {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed. `tie` makes the two
    // system calls prctl and getppid, allocates nothing (an io::Error made of an errno or a kind
    // is a plain value) and takes no lock.
    unsafe {
        command.pre_exec(tie);
    }
}

#[cfg(not(target_os = "linux"))]
fn tie_to_parent(_command: &mut Command, _signal: Signal) {}

/// Signals `pid` once this process has ended: the shell reads from a pipe whose only other end is
/// held here, and sees its end however this process dies.
#[cfg(not(target_os = "linux"))]
fn watchdog(pid: Pid, signal: Signal) -> std::io::Result<std::process::ChildStdin> {
    let number = signal as i32;
    let mut shell = Command::new("/bin/sh")
        .args([
            "-c",
            &format!("read -r _; kill -{number} {pid} 2>/dev/null"),
        ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .process_group(0)
        .spawn()?;
    let held = shell
        .stdin
        .take()
        .ok_or_else(|| std::io::Error::other("no pipe to the watchdog"))?;
    std::thread::Builder::new()
        .name("reap-watchdog".to_owned())
        .spawn(move || {
            let _ = shell.wait();
        })?;
    Ok(held)
}

/// Whether a process runs under this id; one that has ended but is not reaped yet does not.
pub fn is_running(pid: u32) -> bool {
    command_line(pid).is_some()
}

/// The command line of a running process, or `None` when there is no such process.
pub(crate) fn command_line(pid: u32) -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        // A process that has ended but is not reaped yet has an empty command line.
        (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).replace('\0', " "))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let output = Command::new("ps")
            .args(["-o", "stat=", "-o", "command=", "-p", &pid.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (state, command) = text.trim().split_once(' ')?;
        (!state.starts_with('Z')).then(|| command.trim().to_owned())
    }
}

/// Waits until no process `pid` whose command line contains `mark` is left; after `patience` it
/// is asked once more with `signal`, and given the same time again. False if it stays.
pub(crate) async fn outlived(pid: u32, mark: &str, signal: Signal, patience: Duration) -> bool {
    let is_there = || command_line(pid).is_some_and(|line| line.contains(mark));
    for round in 0..2 {
        if round == 1
            && let Ok(raw) = i32::try_from(pid)
        {
            let _ = kill(Pid::from_raw(raw), signal);
        }
        let deadline = tokio::time::Instant::now() + patience;
        while is_there() {
            if tokio::time::Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if !is_there() {
            return true;
        }
    }
    false
}
