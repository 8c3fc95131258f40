//! Finding the PostgreSQL programs of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::LocalError;

/// The oldest major version that is still maintained and has everything the migrations use.
const OLDEST: u32 = 14;
const OLDEST_NAME: &str = "14";

/// One installation of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installation {
    /// The directory with `postgres` and `initdb`.
    pub(super) bin: PathBuf,
    /// The major version, such as `17`.
    pub(super) major: String,
}

impl Installation {
    fn at(bin: PathBuf) -> Option<Self> {
        if !bin.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(bin.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { bin, major })
    }
}

/// The major version in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major_version(output: &str) -> Option<String> {
    let version = output.split_once("(PostgreSQL) ")?.1;
    let major: String = version.chars().take_while(char::is_ascii_digit).collect();
    (!major.is_empty()).then_some(major)
}

/// The installation for a data directory made by `wanted` (any version when `None`).
///
/// `PG_BIN` decides alone when it is set; otherwise the highest version wins.
pub(super) fn find(data: &Path, wanted: Option<&str>) -> Result<Installation, LocalError> {
    let installed: Vec<Installation> =
        match std::env::var_os("PG_BIN").filter(|value| !value.is_empty()) {
            Some(bin) => Installation::at(PathBuf::from(bin)).into_iter().collect(),
            None => candidates()
                .into_iter()
                .filter_map(Installation::at)
                .collect(),
        };
    choose(installed, data, wanted)
}

/// Refuses a version older than [`OLDEST`].
fn new_enough(found: Installation) -> Result<Installation, LocalError> {
    if found.major.parse().is_ok_and(|major: u32| major >= OLDEST) {
        return Ok(found);
    }
    Err(LocalError::TooOld {
        program: "PostgreSQL",
        found: found.major,
        needed: OLDEST_NAME,
    })
}

fn choose(
    mut installed: Vec<Installation>,
    data: &Path,
    wanted: Option<&str>,
) -> Result<Installation, LocalError> {
    installed.sort_by_key(|found| std::cmp::Reverse(found.major.parse::<u32>().unwrap_or(0)));
    let versions: Vec<&str> = installed.iter().map(|found| found.major.as_str()).collect();
    let versions = versions.join(", ");
    if installed.is_empty() {
        return Err(LocalError::MissingBinary {
            program: "postgres",
            looked_in: "$PG_BIN, /usr/lib/postgresql/*/bin, Homebrew, $PATH".to_owned(),
            remedy: "Run `make deps`, or install it yourself (Debian: apt-get install postgresql; \
                     macOS: brew install postgresql@17), or set PG_BIN to the directory that holds \
                     initdb and postgres.",
        });
    }
    installed
        .into_iter()
        .find(|found| wanted.is_none_or(|wanted| wanted == found.major))
        .ok_or_else(|| LocalError::VersionMismatch {
            path: data.to_owned(),
            found: wanted.unwrap_or_default().to_owned(),
            installed: versions,
        })
        .and_then(new_enough)
}

/// Every directory worth a look.
fn candidates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let versions = |root: &str, prefix: &str, found: &mut Vec<PathBuf>| {
        for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                found.push(entry.path().join("bin"));
            }
        }
    };
    versions("/usr/lib/postgresql", "", &mut found);
    versions("/opt/homebrew/opt", "postgresql", &mut found);
    versions("/usr/local/opt", "postgresql", &mut found);
    if let Some(path) = std::env::var_os("PATH") {
        // Distributions link the programs into PATH; the real place has initdb beside postgres.
        found.extend(std::env::split_paths(&path).filter_map(|directory| {
            let real = directory.join("postgres").canonicalize().ok()?;
            real.parent().map(Path::to_owned)
        }));
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(major: &str) -> Installation {
        Installation {
            bin: PathBuf::from(format!("/pg/{major}")),
            major: major.to_owned(),
        }
    }

    #[test]
    fn the_highest_version_is_taken_for_a_new_database() {
        let found = choose(
            vec![installation("9"), installation("17"), installation("15")],
            Path::new("/d"),
            None,
        );
        assert_eq!(found.unwrap().major, "17");
    }

    #[test]
    fn the_version_that_made_the_database_is_taken_even_when_older() {
        let found = choose(
            vec![installation("17"), installation("15")],
            Path::new("/d"),
            Some("15"),
        );
        assert_eq!(found.unwrap().major, "15");
    }

    #[test]
    fn a_database_of_a_version_that_is_not_installed_is_refused_by_name() {
        let error = choose(
            vec![installation("17"), installation("15")],
            Path::new("/d"),
            Some("14"),
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("PostgreSQL 14") && text.contains("17, 15"),
            "{text}"
        );
    }

    #[test]
    fn a_version_that_is_too_old_is_refused() {
        let text = choose(vec![installation("9")], Path::new("/d"), None)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("PostgreSQL 9") && text.contains("14"),
            "{text}"
        );
    }

    #[test]
    fn without_any_installation_the_message_says_what_to_install() {
        let text = choose(Vec::new(), Path::new("/d"), None)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("make deps") && text.contains("PG_BIN"),
            "{text}"
        );
    }

    #[test]
    fn versions_are_read_from_what_the_program_says() {
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n").as_deref(),
            Some("15")
        );
        assert_eq!(
            major_version("postgres (PostgreSQL) 18beta1").as_deref(),
            Some("18")
        );
        assert_eq!(major_version("something else"), None);
    }
}
