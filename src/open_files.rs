//! How many files and connections this process may have open.

use atelier_router::config::Connections;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Kept for what is no client's connection: databases, subgraphs, files.
const RESERVE: u64 = 512;
/// Fewer are a problem: a shell's usual limit of 1024 is used up by one browser farm.
const ENOUGH: u64 = 8192;
/// More are never needed; some systems have no limit but refuse to set that.
const PLENTY: u64 = 1_048_576;

/// Raises the soft limit as far as the hard one lets it, and gives what holds then.
pub fn raise() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let wanted = hard.min(PLENTY);
    if soft >= wanted || setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_err() {
        return Some(soft);
    }
    Some(wanted)
}

/// No more connections than there may be open files.
pub fn fit(connections: &mut Connections) {
    let Some(files) = raise() else { return };
    let most = usize::try_from(files.saturating_sub(RESERVE)).unwrap_or(usize::MAX);
    let most = most.max(64);
    if connections.max > most {
        if files < ENOUGH {
            tracing::warn!(
                target: "atelier",
                open_files = files,
                connections = most,
                "fewer connections than configured: the limit of open files is low (see: atelier doctor)"
            );
        }
        connections.max = most;
    }
}

/// For `atelier doctor`.
///
/// # Errors
/// If there are too few, with what to do about it.
pub fn check() -> anyhow::Result<String> {
    match raise() {
        None => Ok("the system does not tell".to_owned()),
        Some(files) if files < ENOUGH => anyhow::bail!(
            "at most {files} may be open. Raise the hard limit: LimitNOFILE= (systemd), --ulimit nofile= (containers), or ulimit -Hn"
        ),
        Some(files) => Ok(format!("{files} may be open")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_and_connections_fit_into_it() {
        let raised = raise().unwrap();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!((raised, raised), (soft, hard.min(PLENTY).max(soft)));
        let mut connections = Connections {
            max: usize::MAX,
            ..Connections::default()
        };
        fit(&mut connections);
        assert_eq!(connections.max as u64, (soft - RESERVE).max(64));
    }
}
