//! Processes under test, and what Linux says of them.

use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// A process that ends when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a program. What it prints on stderr is shown.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child })
    }

    /// CPU seconds of all its threads so far, user and system.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        // The second field is the name, in brackets, and may contain spaces.
        let fields = stat.rsplit_once(')').context("unreadable stat")?.1;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<f64>);
        let user = ticks.next().context("unreadable stat")??;
        let system = ticks.next().context("unreadable stat")??;
        // Linux reports in hundredths of a second whatever the kernel's own tick.
        Ok((user + system) / 100.0)
    }

    /// Resident memory at its highest, in megabytes of 1024 kB.
    ///
    /// # Errors
    /// When it has ended.
    pub fn peak_memory(&self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        let line = status.lines().find(|line| line.starts_with("VmHWM"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        let kilobytes: f64 = kilobytes.context("unreadable status")?.parse()?;
        Ok(kilobytes / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of 127.0.0.1 that was free a moment ago.
///
/// # Errors
/// When none is.
pub fn free_port() -> std::io::Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.port())
}
