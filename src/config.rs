//! What an operator can set: one file with a table for each domain and for the router, and variables
//! that go before it.

mod listing;
mod sources;

use std::path::Path;

use anyhow::bail;
use atelier_accounts::AccountsConfig;
use atelier_kit::config::{Check, Key, Section};
use atelier_media::MediaConfig;
use atelier_router::RouterConfig;
use atelier_tasks::{TasksConfig, WorkerConfig};

pub use listing::ConfigFormat;
use sources::{Source, Sources};

/// Everything that can be set.
#[derive(Clone)]
pub struct Config {
    /// Accounts; its key comes from the secrets, not from here.
    pub accounts: AccountsConfig,
    /// Media.
    pub media: MediaConfig,
    /// Tasks.
    pub tasks: TasksConfig,
    /// Workers of this binary.
    pub worker: WorkerConfig,
    /// The router.
    pub router: RouterConfig,
}

/// `atelier config`.
///
/// # Errors
/// As [`Config::load`], and if it cannot be written.
pub fn run(file: Option<&Path>, format: ConfigFormat) -> anyhow::Result<()> {
    let (_, all) = Config::load(file)?;
    crate::say::print(listing::show(&all, format))
}

/// A key as it is in force.
pub struct Setting {
    /// Of which table.
    pub table: &'static str,
    /// Which.
    pub key: &'static Key,
    /// As it would be written.
    pub value: String,
    /// Where it is from.
    pub source: Source,
}

impl Setting {
    /// The variable that sets it.
    pub fn variable(&self) -> String {
        sources::variable(self.table, self.key.name)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            accounts: AccountsConfig::new([0; 32]),
            media: MediaConfig::default(),
            tasks: TasksConfig::default(),
            worker: WorkerConfig::default(),
            router: RouterConfig::default(),
        }
    }
}

impl Config {
    /// Reads the file at `path`, if one is given, and the variables of this process.
    ///
    /// # Errors
    /// Names the key, its value, where it is from and what would be accepted.
    pub fn load(path: Option<&Path>) -> anyhow::Result<(Self, Vec<Setting>)> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::read(Sources::new(path, variables)?)
    }

    fn read(mut sources: Sources) -> anyhow::Result<(Self, Vec<Setting>)> {
        let mut config = Self::default();
        let mut settings = Vec::new();
        let (from, all) = (&mut sources, &mut settings);
        fill(&mut config.accounts, from, all)?;
        fill(&mut config.accounts.hash_cost, from, all)?;
        fill(&mut config.media, from, all)?;
        fill(&mut config.media.images, from, all)?;
        fill(&mut config.tasks.engine, from, all)?;
        fill(&mut config.tasks.background, from, all)?;
        fill(&mut config.worker, from, all)?;
        config.router = sources.router()?;
        sources.refuse_unknown(&settings)?;
        Ok((config, settings))
    }

    /// The router's configuration: from `[router]`, or from the file of its own at `path`.
    ///
    /// # Errors
    /// Names the file and the key that is wrong; and if both are given.
    pub fn router(&self, path: Option<&Path>) -> anyhow::Result<RouterConfig> {
        match path {
            None => Ok(self.router.clone()),
            Some(_) if self.router != RouterConfig::default() => bail!(
                "the router is configured twice: by [router] of the configuration, and by --router-config (ATELIER_ROUTER_CONFIG). Keep one of them"
            ),
            Some(path) => crate::graph::config(path),
        }
    }
}

/// Sets every key of a section that is given, checks the whole, and adds what is in force to `all`.
fn fill<S: Section + Check>(
    section: &mut S,
    sources: &mut Sources,
    all: &mut Vec<Setting>,
) -> anyhow::Result<()> {
    let first = all.len();
    for key in S::KEYS {
        let (value, source) = match sources.take(S::TABLE, key)? {
            None => (key.default.to_owned(), Source::Default),
            Some((text, source)) => {
                section
                    .set(key.name, &text)
                    .map_err(|accepts| refused(S::TABLE, key.name, &text, &source, &accepts))?;
                (section.show(key.name).unwrap_or_default(), source)
            }
        };
        all.push(Setting {
            table: S::TABLE,
            key,
            value,
            source,
        });
    }
    section.check().map_err(|problem| {
        let about = all[first..].iter().find(|set| set.key.name == problem.key);
        let (value, source) = about.map_or(("", &Source::Default), |about| {
            (about.value.as_str(), &about.source)
        });
        refused(S::TABLE, problem.key, value, source, &problem.must_be)
    })
}

fn refused(table: &str, key: &str, value: &str, source: &Source, must_be: &str) -> anyhow::Error {
    anyhow::anyhow!("{table}.{key} is {value:?} ({source}), but must be {must_be}")
}

#[cfg(test)]
mod tests;
