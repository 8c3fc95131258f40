//! `atelier schema`: export, compose, check and compare the graph's schema.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context, bail};
use atelier_codegen::{CodeSpec, CodeSpecs};
use atelier_composition::{
    SubgraphSdl,
    check::{self, Change, Severity},
    compose,
};
use atelier_kit::{
    clock::{Clock, SystemClock},
    error::ErrorCode,
    peers::LocalPeers,
};

use crate::{
    cli::SchemaCommand,
    domains::{DOMAINS, Shared},
    nodes,
    say::{complain, print},
    settings::Servers,
    tables,
};

/// Runs a subcommand.
///
/// # Errors
/// What is wrong with the schema, or with the files.
pub async fn run(command: &SchemaCommand) -> anyhow::Result<()> {
    match command {
        SchemaCommand::Generate {
            dir,
            allow_breaking,
        } => generate(dir, *allow_breaking),
        SchemaCommand::Compose { subgraphs } => {
            let subgraphs = subgraphs
                .iter()
                .map(|argument| read_subgraph(argument))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let composed = compose(&subgraphs)?;
            for hint in &composed.hints {
                complain(hint);
            }
            print(&composed.supergraph_sdl)
        }
        SchemaCommand::Check { old, new } => {
            let changes = compare(old, new)?;
            let breaking: Vec<_> = changes
                .iter()
                .filter(|change| change.severity == Severity::Breaking)
                .collect();
            for change in &breaking {
                print(format_args!("{change}\n"))?;
            }
            if !breaking.is_empty() {
                bail!("{} change(s) break clients", breaking.len());
            }
            Ok(())
        }
        SchemaCommand::Diff { old, new } => {
            for change in compare(old, new)? {
                print(format_args!("{change}\n"))?;
            }
            Ok(())
        }
        SchemaCommand::Tables { check } => tables::run(*check).await,
        SchemaCommand::Scaffold { domain, entity } => {
            let now = SystemClock.now().format("%Y%m%d%H%M%S").to_string();
            let made = atelier_codegen::scaffold(Path::new("."), domain, entity, &now)?;
            print(format_args!("{made}\n"))
        }
    }
}

/// The subgraphs of this binary, as their code declares them.
fn exported() -> anyhow::Result<Vec<(String, String)>> {
    // Nothing is connected to: a schema needs its domain's surroundings only to be built.
    let shared = Shared::new(&Servers::nowhere()?, Arc::new(LocalPeers::default()))?;
    DOMAINS
        .iter()
        .map(|domain| {
            let subgraph = (domain.build)(shared.deps(domain.name)?, &shared)?;
            Ok((domain.name.to_owned(), subgraph.service.sdl()))
        })
        .chain([Ok((nodes::NAME.to_owned(), nodes::service().sdl()))])
        .collect()
}

fn generate(dir: &Path, allow_breaking: bool) -> anyhow::Result<()> {
    let changed = atelier_codegen::generate(dir, &exported()?, allow_breaking)?;
    print(changed)?;
    let codes: CodeSpecs = ErrorCode::ALL
        .iter()
        .map(|code| ("every subgraph", code.spec()))
        .chain(
            DOMAINS
                .iter()
                .flat_map(|domain| (domain.codes)().into_iter().map(|spec| (domain.name, spec))),
        )
        .map(|(domain, spec)| CodeSpec {
            domain,
            name: spec.name,
            numeric: spec.numeric,
            http_status: spec.http_status,
            en: spec.en,
            zh_cn: spec.zh_cn,
        })
        .collect();
    fs::write("docs/ERRORS.md", atelier_codegen::error_reference(&codes))?;
    Ok(())
}

/// `name=url=path`, or `path`, of which the file's name is the subgraph's.
fn read_subgraph(argument: &str) -> anyhow::Result<SubgraphSdl> {
    let parts: Vec<&str> = argument.splitn(2, '=').collect();
    let (name, url, path) = match parts.as_slice() {
        [name, rest] => {
            let (url, path) = rest
                .rsplit_once('=')
                .with_context(|| format!("{argument:?} is not name=url=path"))?;
            ((*name).to_owned(), url, Path::new(path))
        }
        _ => {
            let path = Path::new(argument);
            let name = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .with_context(|| format!("{argument:?} has no name"))?;
            (name.to_owned(), "", path)
        }
    };
    let sdl =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(SubgraphSdl::new(name, url, sdl))
}

fn compare(old: &Path, new: &Path) -> anyhow::Result<Vec<Change>> {
    let read = |path: &Path| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(check::breaking_changes(&read(old)?, &read(new)?))
}
