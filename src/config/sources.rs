//! Where values come from: variables go before the file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use atelier_kit::config::Key;
use atelier_router::RouterConfig;
use toml::{Table, Value};

use super::{Setting, refused};

/// The table of the router, which knows its keys itself.
pub const ROUTER: &str = "router";

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The file.
    File(PathBuf),
    /// A variable of this name.
    Variable(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// The variable that sets a key: `ATELIER_MEDIA_IMAGES_MAX_BYTES` is `max_bytes` of `[media.images]`.
pub fn variable(table: &str, key: &str) -> String {
    format!("ATELIER_{}_{}", table.replace('.', "_"), key).to_uppercase()
}

/// What was given and not yet taken.
pub struct Sources {
    path: PathBuf,
    file: Table,
    variables: BTreeMap<String, String>,
}

impl Sources {
    /// The file at `path`, if one is given, and `variables`, of which empty ones count as not set.
    ///
    /// # Errors
    /// If the file cannot be read or is no TOML.
    pub fn new(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let file = match path {
            None => Table::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the configuration {}", path.display()))?;
                let parsed: Result<Table, _> = toml::from_str(&text);
                parsed
                    .with_context(|| format!("the configuration {} is no TOML", path.display()))?
            }
        };
        let variables = variables.into_iter();
        Ok(Self {
            path: path.map(Path::to_owned).unwrap_or_default(),
            file,
            variables: variables.filter(|(_, value)| !value.is_empty()).collect(),
        })
    }

    /// The text of a key, and where it is from; `None` if nobody set it.
    ///
    /// # Errors
    /// If the file has something else there than a value.
    pub fn take(&mut self, table: &str, key: &Key) -> anyhow::Result<Option<(String, Source)>> {
        let in_file = self.table(table).and_then(|table| table.remove(key.name));
        let variable = variable(table, key.name);
        if let Some(text) = self.variables.remove(&variable) {
            return Ok(Some((text, Source::Variable(variable))));
        }
        let Some(value) = in_file else {
            return Ok(None);
        };
        let source = Source::File(self.path.clone());
        match text(&value) {
            Some(text) => Ok(Some((text, source))),
            None => Err(refused(
                table,
                key.name,
                &value.to_string(),
                &source,
                key.accepts,
            )),
        }
    }

    /// The router's table.
    ///
    /// # Errors
    /// What the router says of it.
    pub fn router(&mut self) -> anyhow::Result<RouterConfig> {
        let Some(table) = self.file.remove(ROUTER) else {
            return Ok(RouterConfig::default());
        };
        let text = toml::to_string(&table)?;
        RouterConfig::from_toml(&text)
            .with_context(|| format!("[{ROUTER}] of {}", self.path.display()))
    }

    /// Everything that was given must have been taken.
    ///
    /// # Errors
    /// Names what nobody knows, and what would have been known.
    pub fn refuse_unknown(&self, known: &[Setting]) -> anyhow::Result<()> {
        let mut left = Vec::new();
        leaves("", &Value::Table(self.file.clone()), &mut left);
        if let Some(unknown) = left.first() {
            let path = self.path.display();
            let table = unknown.rsplit_once('.').map_or("", |(table, _)| table);
            let keys: Vec<_> = known
                .iter()
                .filter(|setting| setting.table == table)
                .map(|setting| setting.key.name)
                .collect();
            if keys.is_empty() {
                let mut tables: BTreeSet<_> = known.iter().map(|setting| setting.table).collect();
                tables.insert(ROUTER);
                let tables: Vec<_> = tables.into_iter().collect();
                bail!(
                    "{path}: nobody knows {unknown}; the tables are: {}. (A file for the router alone is given by --router-config.)",
                    tables.join(", ")
                );
            }
            bail!(
                "{path}: nobody knows {unknown}; the keys of [{table}] are: {}",
                keys.join(", ")
            );
        }
        let unknown = self.variables.keys().find(|name| is_ours(name, known));
        match unknown {
            None => Ok(()),
            Some(name) => bail!(
                "nobody knows the variable {name}. What can be set is shown by: atelier config"
            ),
        }
    }

    fn table(&mut self, name: &str) -> Option<&mut Table> {
        let mut table = &mut self.file;
        for part in name.split('.') {
            table = table.get_mut(part)?.as_table_mut()?;
        }
        Some(table)
    }
}

/// Whether a variable's name begins like those of a section, and it is none of the others that each
/// domain has.
fn is_ours(name: &str, known: &[Setting]) -> bool {
    let domains = known
        .iter()
        .map(|setting| setting.table.split('.').next().unwrap_or_default());
    let (mut begins, mut elsewhere) = (false, false);
    for domain in domains {
        begins |= name.starts_with(&variable(domain, ""));
        elsewhere |= ["DATABASE_URL", "SECRET"].into_iter().any(|key| {
            let variable = variable(domain, key);
            name == variable || name.strip_suffix("_FILE") == Some(&variable)
        });
    }
    begins && !elsewhere
}

/// A value as it would stand in a variable; `None` for tables and what holds them.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(text).collect();
            Some(items?.join(","))
        }
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// The names of all that is not a table, and of tables that hold nothing nobody took.
fn leaves(name: &str, value: &Value, found: &mut Vec<String>) {
    let Value::Table(table) = value else {
        found.push(name.to_owned());
        return;
    };
    for (key, value) in table {
        let inner = if name.is_empty() {
            key.clone()
        } else {
            format!("{name}.{key}")
        };
        leaves(&inner, value, found);
    }
}
