//! Writes `schema/`: one SDL per subgraph, the supergraph, the API schema.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use atelier_composition::{
    CompositionErrors, Hint, SubgraphSdl,
    check::{Change, Severity, breaking_changes},
    compose,
    syntax::SyntaxError,
};

use crate::{
    lint::{Finding, Settings, SettingsError, lint},
    prepare::{PrepareError, prepare_subgraph},
};

/// File of the composed schema in the schema folder.
pub const SUPERGRAPH_FILE: &str = "supergraph.graphql";
/// File of the schema that clients see.
pub const API_FILE: &str = "api.graphql";
/// File of the rules' settings.
pub const SETTINGS_FILE: &str = "lint.toml";

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Files that changed, relative to the schema folder.
    pub written: Vec<PathBuf>,
    /// Files of subgraphs that are gone.
    pub removed: Vec<PathBuf>,
    /// What changed for clients, the worst first.
    pub changes: Vec<Change>,
    /// What the composer remarks.
    pub hints: Vec<Hint>,
}

impl Report {
    /// Whether the committed schema is what the code gives.
    pub fn is_clean(&self) -> bool {
        self.written.is_empty() && self.removed.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        for file in &self.written {
            writeln!(f, "changed {}", file.display())?;
        }
        for file in &self.removed {
            writeln!(f, "removed {}", file.display())?;
        }
        if self.is_clean() {
            writeln!(f, "the schema is as committed")?;
        }
        Ok(())
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A subgraph's SDL cannot be taken.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The subgraphs do not fit together.
    #[error("the subgraphs do not compose:\n{0}")]
    Compose(#[from] CompositionErrors),
    /// The schema breaks rules.
    #[error("the schema breaks {} of its rules:\n{}", .0.len(), lines(.0))]
    Lint(Vec<Finding>),
    /// Clients of the committed schema would break.
    #[error(
        "these changes break clients:\n{}\nkeep the old next to the new and deprecate it, or say `--allow-breaking` if nobody \
         depends on it",
        lines(.0)
    )]
    Breaking(Vec<Change>),
    /// `lint.toml` cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A generated schema does not parse; a fault of the composer or of this crate.
    #[error("the supergraph does not parse: {}", .0.message)]
    Syntax(SyntaxError),
    /// A subgraph's name would not be a file name, or is that of another file.
    #[error(
        "a subgraph cannot be called {0:?}: use small letters, digits and `-`, and neither `supergraph` nor `api`"
    )]
    Name(String),
    /// A file cannot be read or written.
    #[error("cannot {0} {1}: {2}")]
    Io(&'static str, String, #[source] io::Error),
}

fn lines<T: ToString>(items: &[T]) -> String {
    items
        .iter()
        .map(|item| format!("  {}", item.to_string()))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Prepares, composes and checks the subgraphs (name, and SDL as async-graphql exports it), and
/// writes what changed into the folder `schema`. Nothing is written if anything is refused.
///
/// In the supergraph each subgraph has the address `http://<name>/graphql`; a router's
/// configuration says where it really is.
///
/// # Errors
/// See [`GenerateError`].
pub fn generate(
    schema: &Path,
    subgraphs: &[(String, String)],
    allow_breaking: bool,
) -> Result<Report, GenerateError> {
    let plan = plan(schema, subgraphs)?;
    let breaking: Vec<Change> = plan
        .report
        .changes
        .iter()
        .filter(|change| change.severity == Severity::Breaking)
        .cloned()
        .collect();
    if !breaking.is_empty() && !allow_breaking {
        return Err(GenerateError::Breaking(breaking));
    }
    let fail =
        |action, path: &Path, error| GenerateError::Io(action, path.display().to_string(), error);
    fs::create_dir_all(schema).map_err(|error| fail("create", schema, error))?;
    for name in &plan.report.written {
        let path = schema.join(name);
        fs::write(&path, &plan.files[name]).map_err(|error| fail("write", &path, error))?;
    }
    for name in &plan.report.removed {
        let path = schema.join(name);
        fs::remove_file(&path).map_err(|error| fail("remove", &path, error))?;
    }
    Ok(plan.report)
}

/// What [`generate`] would do; writes nothing and refuses no breaking change.
///
/// # Errors
/// See [`GenerateError`].
pub fn outdated(schema: &Path, subgraphs: &[(String, String)]) -> Result<Report, GenerateError> {
    Ok(plan(schema, subgraphs)?.report)
}

/// The files as they should be, and how that differs from what is there.
struct Plan {
    files: BTreeMap<PathBuf, String>,
    report: Report,
}

fn plan(schema: &Path, subgraphs: &[(String, String)]) -> Result<Plan, GenerateError> {
    let prepared = subgraphs
        .iter()
        .map(prepare)
        .collect::<Result<Vec<_>, _>>()?;
    let composed = compose(&prepared)?;
    let settings = Settings::read(&schema.join(SETTINGS_FILE))?;
    let findings =
        lint(&composed.supergraph_sdl, &prepared, &settings).map_err(GenerateError::Syntax)?;
    if !findings.is_empty() {
        return Err(GenerateError::Lint(findings));
    }
    let changes = match read(&schema.join(API_FILE))? {
        Some(committed) => breaking_changes(&committed, &composed.api_sdl),
        None => Vec::new(),
    };
    let mut files: BTreeMap<PathBuf, String> = prepared
        .into_iter()
        .map(|subgraph| (file_of(&subgraph.name), subgraph.sdl))
        .collect();
    files.insert(SUPERGRAPH_FILE.into(), composed.supergraph_sdl);
    files.insert(API_FILE.into(), composed.api_sdl);
    let mut written = Vec::new();
    for (name, text) in &files {
        if read(&schema.join(name))?.as_ref() != Some(text) {
            written.push(name.clone());
        }
    }
    let removed = others(schema, &files)?;
    Ok(Plan {
        files,
        report: Report {
            written,
            removed,
            changes,
            hints: composed.hints,
        },
    })
}

fn prepare((name, sdl): &(String, String)) -> Result<SubgraphSdl, GenerateError> {
    let is_file_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !is_file_name || name == "supergraph" || name == "api" {
        return Err(GenerateError::Name(name.clone()));
    }
    Ok(SubgraphSdl::new(
        name,
        format!("http://{name}/graphql"),
        prepare_subgraph(name, sdl)?,
    ))
}

fn file_of(subgraph: &str) -> PathBuf {
    format!("{subgraph}.graphql").into()
}

/// Schemas in the folder that are of no subgraph (any more).
fn others(schema: &Path, files: &BTreeMap<PathBuf, String>) -> Result<Vec<PathBuf>, GenerateError> {
    let fail = |error| GenerateError::Io("list", schema.display().to_string(), error);
    let entries = match fs::read_dir(schema) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut others = Vec::new();
    for entry in entries {
        let name = PathBuf::from(entry.map_err(fail)?.file_name());
        if name
            .extension()
            .is_some_and(|extension| extension == "graphql")
            && !files.contains_key(&name)
        {
            others.push(name);
        }
    }
    others.sort();
    Ok(others)
}

fn read(path: &Path) -> Result<Option<String>, GenerateError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(GenerateError::Io("read", path.display().to_string(), error)),
    }
}
