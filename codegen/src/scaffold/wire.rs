//! Making what was written part of a domain, and a domain part of the binary.

use super::{CONTRACT, DOMAIN, Names, ScaffoldError, Tree};
use crate::tables;

/// Makes a new domain part of the workspace, of what domains promise, and of the binary.
pub(super) fn into_repository(tree: &mut Tree<'_>, names: &Names) -> Result<(), ScaffoldError> {
    let Names {
        domain,
        domain_type,
        ..
    } = names;
    tree.change(
        "Cargo.toml",
        "the lists of Atelier's own crates are not found",
        |text| {
            let path = format!("atelier-{domain} = {{ path = \"subgraphs/{domain}\" }}");
            let text = sorted(text, "[workspace.dependencies]\n", "atelier-", &path)?;
            let dependency = format!("atelier-{domain}.workspace = true");
            sorted(&text, "\n[dependencies]\n", "atelier-", &dependency)
        },
    )?;
    tree.change(
        "kit/contracts/src/lib.rs",
        "the list of modules is not found",
        |text| {
            sorted(
                text,
                "\npub mod ",
                "pub mod ",
                &format!("pub mod {domain};"),
            )
        },
    )?;
    let entry = format!(
        "    Domain {{
        name: atelier_{domain}::NAME,
        migrations: &atelier_{domain}::MIGRATIONS,
        queues: &[],
        codes: || {{
            atelier_{domain}::{domain_type}ErrorCode::ALL
                .iter()
                .map(|code| code.spec())
                .collect()
        }},
        build: |deps, _| Ok(atelier_{domain}::subgraph(deps)),
        handlers: |_, _| Vec::new(),
    }},
"
    );
    tree.change("src/domains.rs", "the list DOMAINS is not found", |text| {
        before_end(text, "pub static DOMAINS", "];", &entry)
    })
}

/// Lets `Query.node` find the entity.
pub(super) fn into_nodes(tree: &mut Tree<'_>, names: &Names) -> Result<(), ScaffoldError> {
    let Names {
        domain,
        entity,
        snake,
        ..
    } = names;
    let words = snake.replace('_', " ");
    let article = if words.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "An"
    } else {
        "A"
    };
    let line = format!(
        "    /// {article} {words}.\n    {entity}: atelier_contracts::{domain}::{entity},\n"
    );
    tree.change("src/nodes.rs", "the list `nodes!` is not found", |text| {
        before_end(text, "\nnodes! {", "}", &line)
    })
}

/// Makes a new entity part of a domain that exists.
pub(super) fn into_domain(tree: &mut Tree<'_>, names: &Names) -> Result<(), ScaffoldError> {
    let Names { domain, snake, .. } = names;
    let (entities, entity) = (names.entities(), &names.entity);
    let source = format!("subgraphs/{domain}/src");
    let modules = "the list of modules is not found";
    tree.change(&format!("{source}/db/mod.rs"), modules, |text| {
        sorted(text, "\npub mod ", "pub mod ", &format!("pub mod {snake};"))
    })?;
    tree.change(&format!("{source}/app/mod.rs"), modules, |text| {
        let text = sorted(text, "\npub mod ", "pub mod ", &format!("pub mod {snake};"))?;
        let call = format!("        {snake}::forget(tx, &users).await?;\n");
        before_end(&text, "for ForgetUser", "        Ok(())", &call)
    })?;
    tree.change(&format!("{source}/graphql/mod.rs"), modules, |text| {
        let text = sorted(text, "\nmod ", "mod ", &format!("mod {snake};"))?;
        let members = ["Query", "Mutation", "Subscription"];
        members.iter().try_fold(text, |text, root| {
            let member = format!(", {snake}::{entity}{root}");
            before_end(&text, &format!("pub struct {root}("), ");", &member)
        })
    })?;
    tree.change(
        &format!("{source}/graphql/viewer.rs"),
        "`viewer!` is not found",
        |text| {
            let member = format!(", {entities}OfViewer");
            let text = before_end(text, "atelier_kit::viewer!(", ");", &member)?;
            let import = format!("use super::{snake}::{entities}OfViewer;\n");
            text.find("use super::")
                .map(|at| inserted(&text, at, &import))
        },
    )?;
    tree.change(
        &format!("subgraphs/{domain}/tests/api/main.rs"),
        modules,
        |text| sorted(text, "\nmod ", "mod ", &format!("mod {snake};")),
    )?;
    let table = tail(names, DOMAIN[3], tables::TABLE);
    tree.change(
        &format!("{source}/tables.rs"),
        "the list of tables is not found",
        |text| tables::with_table(text, &table),
    )?;
    let contract = tail(names, CONTRACT, "entity!(");
    tree.change(&format!("kit/contracts/src/{domain}.rs"), "", |text| {
        Some(format!("{text}\n{contract}"))
    })
}

/// The part of a file of the example that begins with `start`.
fn tail(names: &Names, (path, text): (&str, &str), start: &str) -> String {
    let at = text.find(start).unwrap_or_default();
    names.fill(path, &text[at..])
}

fn inserted(text: &str, at: usize, new: &str) -> String {
    format!("{}{new}{}", &text[..at], &text[at..])
}

/// Puts `line` among the lines behind `start` that begin with `mark`, in the order of the alphabet.
fn sorted(text: &str, start: &str, mark: &str, line: &str) -> Option<String> {
    let begin = text.find(start)?;
    let mut at = begin + text[begin..].find(mark)?;
    let mut next = at;
    for known in text[at..].split_inclusive('\n') {
        next += known.len();
        // Attributes and comments belong to the line behind them.
        match known.starts_with(mark) {
            true if known < line => at = next,
            false if known.starts_with(['#', '/']) => {}
            _ => break,
        }
    }
    Some(inserted(text, at, &format!("{line}\n")))
}

/// Puts `new` before the first `end` behind `start`.
fn before_end(text: &str, start: &str, end: &str, new: &str) -> Option<String> {
    let begin = text.find(start)? + start.len();
    let at = begin + text[begin..].find(end)?;
    Some(inserted(text, at, new))
}
