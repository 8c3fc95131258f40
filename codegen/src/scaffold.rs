//! Starts a new entity, in a new domain or in one that exists: migration, rows, decisions, schema, facts,
//! subscription and tests, wired into the binary.
//!
//! What is written is copied from the domain in `codegen/example`, which is compiled and tested like all
//! others, with its names replaced.

mod names;
mod wire;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

pub use names::{Names, UnusableName};

macro_rules! example {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!("../example/", $path)))),+]
    };
}

/// What a domain has once.
const DOMAIN: [(&str, &str); 9] = example![
    "subgraphs/lighting/Cargo.toml",
    "subgraphs/lighting/src/lib.rs",
    "subgraphs/lighting/src/error.rs",
    "subgraphs/lighting/src/tables.rs",
    "subgraphs/lighting/src/app/mod.rs",
    "subgraphs/lighting/src/db/mod.rs",
    "subgraphs/lighting/src/graphql/mod.rs",
    "subgraphs/lighting/src/graphql/viewer.rs",
    "subgraphs/lighting/tests/api/main.rs",
];
/// What a domain promises.
const CONTRACT: (&str, &str) = example!["kit/contracts/src/lighting.rs"][0];
/// What every entity has.
const ENTITY: [(&str, &str); 6] = example![
    "migrations/lighting/20260101000001_lamp/up.sql",
    "migrations/lighting/20260101000001_lamp/down.sql",
    "subgraphs/lighting/src/db/lamp.rs",
    "subgraphs/lighting/src/app/lamp.rs",
    "subgraphs/lighting/src/graphql/lamp.rs",
    "subgraphs/lighting/tests/api/lamp.rs",
];

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaffold {
    /// The domain.
    pub domain: String,
    /// New files, relative to the repository.
    pub written: Vec<PathBuf>,
    /// Files that were changed.
    pub changed: Vec<PathBuf>,
}

impl fmt::Display for Scaffold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.written {
            writeln!(f, "wrote {}", file.display())?;
        }
        for file in &self.changed {
            writeln!(f, "changed {}", file.display())?;
        }
        let domain = &self.domain;
        write!(
            f,
            "\nThen: cargo fmt --all && cargo nextest run -p atelier-{domain} --all-features && make generate"
        )
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// A name cannot be used.
    #[error(transparent)]
    Name(#[from] UnusableName),
    /// There is such an entity.
    #[error("{0} exists")]
    Exists(String),
    /// A file that must be changed is not as it was expected.
    #[error("{file}: {problem}")]
    Unexpected {
        /// The file, relative to the repository.
        file: String,
        /// What is missing in it.
        problem: &'static str,
    },
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    Io(String, #[source] io::Error),
}

/// Writes the entity `entity` (`SpaceMember`) of the domain `domain` (`gallery`) into the repository at
/// `root`; the domain too, if there is none of that name. `now` stamps the migration: `20261128093000`.
///
/// # Errors
/// See [`ScaffoldError`]; nothing is written then.
pub fn scaffold(
    root: &Path,
    domain: &str,
    entity: &str,
    now: &str,
) -> Result<Scaffold, ScaffoldError> {
    let names = Names::new(domain, entity, now)?;
    let exists = root.join("subgraphs").join(domain).exists();
    let mut tree = Tree::new(root);
    if exists {
        wire::into_domain(&mut tree, &names)?;
    } else {
        for (path, text) in DOMAIN.into_iter().chain([CONTRACT]) {
            tree.add(&names.path(path), names.fill(path, text))?;
        }
        wire::into_repository(&mut tree, &names)?;
    }
    for (path, text) in ENTITY {
        tree.add(&names.path(path), names.fill(path, text))?;
    }
    wire::into_nodes(&mut tree, &names)?;
    tree.write()?;
    Ok(Scaffold {
        domain: domain.to_owned(),
        written: tree.added.into_iter().map(|(path, _)| path).collect(),
        changed: tree.changed.into_iter().map(|(path, _)| path).collect(),
    })
}

/// What is to be written into a repository.
struct Tree<'a> {
    root: &'a Path,
    added: Vec<(PathBuf, String)>,
    changed: Vec<(PathBuf, String)>,
}

impl<'a> Tree<'a> {
    const fn new(root: &'a Path) -> Self {
        Self {
            root,
            added: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// Adds a file; an existing one is never touched.
    fn add(&mut self, path: &str, text: String) -> Result<(), ScaffoldError> {
        if self.root.join(path).exists() {
            return Err(ScaffoldError::Exists(path.to_owned()));
        }
        self.added.push((PathBuf::from(path), text));
        Ok(())
    }

    /// Changes a file. `change` gives `None` if it finds no place for its text.
    fn change(
        &mut self,
        path: &str,
        problem: &'static str,
        change: impl FnOnce(&str) -> Option<String>,
    ) -> Result<(), ScaffoldError> {
        let known = self
            .changed
            .iter_mut()
            .find(|(changed, _)| changed == Path::new(path));
        let unexpected = || ScaffoldError::Unexpected {
            file: path.to_owned(),
            problem,
        };
        match known {
            Some((_, text)) => *text = change(text).ok_or_else(unexpected)?,
            None => {
                let text = fs::read_to_string(self.root.join(path))
                    .map_err(|cause| ScaffoldError::Io(path.to_owned(), cause))?;
                let text = change(&text).ok_or_else(unexpected)?;
                self.changed.push((PathBuf::from(path), text));
            }
        }
        Ok(())
    }

    fn write(&self) -> Result<(), ScaffoldError> {
        for (path, text) in self.added.iter().chain(&self.changed) {
            let whole = self.root.join(path);
            let fail = |cause| ScaffoldError::Io(path.display().to_string(), cause);
            if let Some(folder) = whole.parent() {
                fs::create_dir_all(folder).map_err(fail)?;
            }
            fs::write(&whole, text).map_err(fail)?;
        }
        Ok(())
    }
}
