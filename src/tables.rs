//! `atelier schema tables`: each domain's tables as diesel knows them, from its migrations.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use atelier_codegen::tables::{self, Table};
use atelier_kit::KIT_MIGRATIONS;
use atelier_local::{PostgresOptions, PrivatePostgres};
use tokio_postgres::{Client, NoTls};

use crate::say::print;

/// Where there are `subgraphs/*/src/tables.rs` and `migrations/*`: the product, and the domain that
/// others are copied from.
const ROOTS: [&str; 2] = ["", "codegen/example"];

/// Writes what differs, or refuses to pass it with `check`. The migrations run on a server of its own.
///
/// # Errors
/// Names the migration that fails, the table that cannot be declared, or the files that differ.
pub async fn run(check: bool) -> anyhow::Result<()> {
    let mut folder = tempfile::Builder::new();
    // Open to the account that the server runs as.
    let folder = folder
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()?;
    let options = PostgresOptions {
        durable: false,
        ..PostgresOptions::default()
    };
    let server = PrivatePostgres::start(&folder.path().join("postgres"), options).await?;
    let generated = generated(Path::new(""), &server.url()).await;
    server.stop().await;
    let mut outdated = Vec::new();
    for (file, text) in generated? {
        if fs::read_to_string(&file).is_ok_and(|known| known == text) {
            continue;
        }
        if !check {
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            print(format_args!("wrote {}\n", file.display()))?;
        }
        outdated.push(file.display().to_string());
    }
    if check && !outdated.is_empty() {
        bail!(
            "{} differ(s) from the migrations; write anew with: atelier schema tables",
            outdated.join(", ")
        );
    }
    Ok(())
}

/// Every `tables.rs` of the repository at `repository` and what should be in it. The migrations are run on
/// the database at `url`, which is empty before and after.
async fn generated(repository: &Path, url: &str) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .context("cannot reach PostgreSQL")?;
    let connection = tokio::spawn(connection);
    let mut all = Vec::new();
    for root in ROOTS.map(|root| repository.join(root)) {
        for subgraph in folders(&root.join("subgraphs"))? {
            // A domain that writes all its SQL itself has no such file.
            let file = root.join("subgraphs").join(&subgraph).join("src/tables.rs");
            if file.is_file() {
                let migrations = root.join("migrations").join(&subgraph);
                let tables = tables_of(&client, url, &subgraph, &migrations).await?;
                all.push((file, tables::tables_rs(&subgraph, &tables)?));
            }
        }
    }
    drop(client);
    connection.await??;
    Ok(all)
}

/// A domain's own tables, after its migrations in the folder `migrations`.
async fn tables_of(
    client: &Client,
    url: &str,
    domain: &str,
    migrations: &Path,
) -> anyhow::Result<Vec<Table>> {
    atelier_kit::db::migrate(url, domain, &[&KIT_MIGRATIONS])
        .await
        .map_err(|error| anyhow::anyhow!("{}", error.cause_chain().unwrap_or_default()))?;
    let of_kit: HashSet<String> = read(client, domain)
        .await?
        .into_iter()
        .map(|table| table.name)
        .collect();
    client
        .batch_execute(&format!("SET search_path TO \"{domain}\""))
        .await?;
    // Files instead of what is compiled in: a new migration counts before the domain compiles with it.
    for migration in folders(migrations)? {
        let file = migrations.join(migration).join("up.sql");
        let statements =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let applied = client.batch_execute(&statements).await;
        applied.with_context(|| format!("{} fails", file.display()))?;
    }
    let mut tables = read(client, domain).await?;
    tables.retain(|table| !of_kit.contains(&table.name));
    client
        .batch_execute(&format!("DROP SCHEMA \"{domain}\" CASCADE"))
        .await?;
    Ok(tables)
}

async fn read(client: &Client, schema: &str) -> anyhow::Result<Vec<Table>> {
    let query = format!("SELECT {}", tables::catalogue(schema));
    let row = client.query_one(&query, &[]).await?;
    Ok(serde_json::from_str(row.get(0))?)
}

/// The names of the folders in `folder`, in the order of the alphabet, which is that of migrations.
fn folders(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use atelier_testing::{TestDatabase, test_servers};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_diesel_knows_is_what_the_migrations_make() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let database = TestDatabase::empty(test_servers().await).await;
        let generated = generated(repository, database.url()).await.unwrap();
        assert!(generated.len() > 2, "{generated:?}");
        for (file, text) in generated {
            let known = fs::read_to_string(&file).unwrap();
            assert_eq!(known, text, "{}: run `make generate`", file.display());
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_new_domain_starts_with_the_tables_that_its_migrations_make() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("codegen/example/subgraphs")).unwrap();
        for file in [
            "Cargo.toml",
            "kit/contracts/src/lib.rs",
            "src/domains.rs",
            "src/nodes.rs",
        ] {
            let to = root.path().join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), to).unwrap();
        }
        let entities = ["SpaceMember", "Album", "Space", "Zine"];
        for (second, entity) in (0..).zip(entities) {
            let now = format!("2026112809300{second}");
            atelier_codegen::scaffold(root.path(), "gallery", entity, &now).unwrap();
            let database = TestDatabase::empty(test_servers().await).await;
            let generated = generated(root.path(), database.url()).await.unwrap();
            let [(file, text)] = &generated[..] else {
                panic!("one domain: {generated:?}")
            };
            assert_eq!(fs::read_to_string(file).unwrap(), *text, "{entity}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_migration_that_fails_is_named() {
        let repository = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let file = repository.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("codegen/example/subgraphs/gallery/Cargo.toml", "");
        write("subgraphs/gallery/src/tables.rs", "");
        write(
            "migrations/gallery/1_one/up.sql",
            "CREATE TABLE one (id uuid PRIMARY KEY)",
        );
        write(
            "migrations/gallery/2_two/up.sql",
            "ALTER TABLE two ADD x text",
        );
        let database = TestDatabase::empty(test_servers().await).await;
        let error = generated(repository.path(), database.url())
            .await
            .unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("migrations/gallery/2_two/up.sql"), "{text}");
        assert!(text.contains("\"two\" does not exist"), "{text}");
    }
}
