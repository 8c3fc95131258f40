//! What can be set, as `atelier config` shows it.

use std::fmt::Write;

use atelier_kit::config::Key;
use toml::Value;

use super::{Setting, Source};

/// How `atelier config` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ConfigFormat {
    /// What is in force, where it is from and what it means.
    Text,
    /// A file that can be used as it is.
    Toml,
    /// The table of the documentation.
    Markdown,
}

/// Every setting, as it is to be shown.
pub(super) fn show(settings: &[Setting], format: ConfigFormat) -> String {
    match format {
        ConfigFormat::Text => text(settings),
        ConfigFormat::Toml => toml(settings),
        ConfigFormat::Markdown => markdown(settings),
    }
}

fn text(settings: &[Setting]) -> String {
    let mut shown = String::new();
    each(settings, &mut shown, |shown, setting| {
        let Setting { key, source, .. } = setting;
        let (value, variable, meaning) =
            (setting.value.as_str(), setting.variable(), key.meaning());
        let _ = writeln!(shown, "{} = {value}  ({source})", key.name);
        let _ = writeln!(shown, "    {meaning}");
        let _ = writeln!(
            shown,
            "    {variable}: {}. Default: {}",
            key.accepts, key.default
        );
    });
    shown
        + "[router]\n    Its keys are told in docs/ROUTER.md; `atelier router --check-config` checks them.\n"
}

fn toml(settings: &[Setting]) -> String {
    let mut shown = String::from(
        "# The configuration of Atelier: --config FILE, or ATELIER_CONFIG. Variables go before it.\n\
         # What has no value of its own here keeps its default.\n\n",
    );
    each(settings, &mut shown, |shown, setting| {
        let Setting { key, source, .. } = setting;
        for line in key.meaning {
            let _ = writeln!(shown, "# {}", line.trim());
        }
        let _ = writeln!(
            shown,
            "# Accepted: {}. Variable: {}",
            key.accepts,
            setting.variable()
        );
        let unset = if *source == Source::Default { "#" } else { "" };
        let _ = writeln!(
            shown,
            "{unset}{} = {}",
            key.name,
            quoted(key, &setting.value)
        );
    });
    shown + "# Keys of the router: docs/ROUTER.md.\n#[router.limits]\n"
}

/// The table in `docs/DEPLOY.md`.
fn markdown(settings: &[Setting]) -> String {
    let mut shown = String::from("| Key | Default | Meaning |\n|---|---|---|\n");
    for Setting { table, key, .. } in settings {
        let (name, default, meaning) = (key.name, key.default, key.meaning());
        let _ = writeln!(shown, "| `{table}.{name}` | `{default}` | {meaning} |");
    }
    shown
}

/// Writes the settings, a table behind the other.
fn each(settings: &[Setting], shown: &mut String, write: impl Fn(&mut String, &Setting)) {
    let mut table = "";
    for setting in settings {
        if setting.table != table {
            table = setting.table;
            let _ = writeln!(shown, "[{table}]");
        }
        write(shown, setting);
        shown.push('\n');
    }
}

fn quoted(key: &Key, value: &str) -> String {
    if key.quoted {
        Value::String(value.to_owned()).to_string()
    } else {
        value.to_owned()
    }
}
