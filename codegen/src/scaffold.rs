//! Starts a new subgraph: a crate in the layout of the house that compiles, with one entity, one
//! mutation and their tests, to be renamed into what the domain is about.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The files of a subgraph: where they go, and what they hold.
const FILES: [(&str, &str); 14] = [
    (
        "subgraphs/{{name}}/Cargo.toml",
        include_str!("../templates/subgraph/Cargo.toml.tmpl"),
    ),
    (
        "subgraphs/{{name}}/src/lib.rs",
        include_str!("../templates/subgraph/src/lib.rs.tmpl"),
    ),
    (
        "subgraphs/{{name}}/src/error.rs",
        include_str!("../templates/subgraph/src/error.rs.tmpl"),
    ),
    (
        "subgraphs/{{name}}/src/tables.rs",
        include_str!("../templates/subgraph/src/tables.rs.tmpl"),
    ),
    (
        "subgraphs/{{name}}/src/db/mod.rs",
        include_str!("../templates/subgraph/src/db/mod.rs.tmpl"),
    ),
    (
        "subgraphs/{{name}}/src/db/item.rs",
        include_str!("../templates/subgraph/src/db/item.rs.tmpl"),
    ),
    (
        "subgraphs/{{name}}/src/app/mod.rs",
        include_str!("../templates/subgraph/src/app/mod.rs.tmpl"),
    ),
    (
        "subgraphs/{{name}}/src/app/item.rs",
        include_str!("../templates/subgraph/src/app/item.rs.tmpl"),
    ),
    (
        "subgraphs/{{name}}/src/graphql/mod.rs",
        include_str!("../templates/subgraph/src/graphql/mod.rs.tmpl"),
    ),
    (
        "subgraphs/{{name}}/src/graphql/item.rs",
        include_str!("../templates/subgraph/src/graphql/item.rs.tmpl"),
    ),
    (
        "subgraphs/{{name}}/tests/api/main.rs",
        include_str!("../templates/subgraph/tests/api/main.rs.tmpl"),
    ),
    (
        "subgraphs/{{name}}/tests/api/item.rs",
        include_str!("../templates/subgraph/tests/api/item.rs.tmpl"),
    ),
    (
        "migrations/{{name}}/{{migration}}/up.sql",
        include_str!("../templates/subgraph/migrations/up.sql.tmpl"),
    ),
    (
        "migrations/{{name}}/{{migration}}/down.sql",
        include_str!("../templates/subgraph/migrations/down.sql.tmpl"),
    ),
];

/// The first migration; later ones bear the time at which they are written.
const MIGRATION: &str = "20260101000001_item";

/// Names that would clash with parts of the house.
const TAKEN: [&str; 8] = [
    "api",
    "codegen",
    "composition",
    "kit",
    "local",
    "router",
    "supergraph",
    "public",
];

/// A subgraph that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaffold {
    /// Its name.
    pub name: String,
    /// What was written, relative to the repository.
    pub files: Vec<PathBuf>,
}

impl fmt::Display for Scaffold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        for file in &self.files {
            writeln!(f, "wrote {}", file.display())?;
        }
        write!(
            f,
            "
Make it part of the binary:

Cargo.toml, [workspace.dependencies]
    atelier-{name} = {{ path = \"subgraphs/{name}\" }}
Cargo.toml, [dependencies]
    atelier-{name}.workspace = true
src/domains.rs, DOMAINS
    Domain {{
        name: atelier_{name}::NAME,
        migrations: &atelier_{name}::MIGRATIONS,
        queues: &[],
        codes: || atelier_{name}::{}ErrorCode::ALL.iter().map(|code| code.spec()).collect(),
        build: |deps, _| atelier_{name}::subgraph(deps),
        handlers: |_, _| Vec::new(),
    }},

Then: cargo fmt -p atelier-{name} && cargo nextest run -p atelier-{name} && make generate",
            pascal_case(name)
        )
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// The name cannot be that of a crate, a PostgreSQL schema and a Rust module at once.
    #[error("{0:?} cannot be a subgraph's name: 3 to 30 small letters, and none that is taken ({taken})", taken = TAKEN.join(", "))]
    Name(String),
    /// There is such a subgraph.
    #[error("there is {0} already")]
    Exists(String),
    /// A file cannot be written.
    #[error("cannot write {0}: {1}")]
    Io(String, #[source] io::Error),
}

/// Writes a new subgraph called `name` into the repository at `root`.
///
/// # Errors
/// See [`ScaffoldError`]; an existing file is never touched.
pub fn scaffold(root: &Path, name: &str) -> Result<Scaffold, ScaffoldError> {
    let fits = (3..=30).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase());
    if !fits || TAKEN.contains(&name) {
        return Err(ScaffoldError::Name(name.to_owned()));
    }
    for folder in ["subgraphs", "migrations"] {
        let path = root.join(folder).join(name);
        if path.exists() {
            return Err(ScaffoldError::Exists(path.display().to_string()));
        }
    }
    let mut files = Vec::new();
    for (path, text) in FILES {
        let path = PathBuf::from(fill(path, name));
        let whole = root.join(&path);
        let fail = |error| ScaffoldError::Io(whole.display().to_string(), error);
        if let Some(folder) = whole.parent() {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        fs::write(&whole, fill(text, name)).map_err(fail)?;
        files.push(path);
    }
    Ok(Scaffold {
        name: name.to_owned(),
        files,
    })
}

fn fill(template: &str, name: &str) -> String {
    template
        .replace("{{name}}", name)
        .replace("{{Name}}", &pascal_case(name))
        .replace("{{prefix}}", &name[..3])
        .replace("{{migration}}", MIGRATION)
}

fn pascal_case(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}
