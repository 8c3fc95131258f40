//! Migrations, applied in the PostgreSQL schema of each domain.

use diesel::migration::{Migration, MigrationSource};
use diesel_async::{AsyncMigrationHarness, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use super::{Connection, server};
use crate::error::{Error, ErrorCode};

/// Applies a domain's pending migrations in the domain's own PostgreSQL schema.
///
/// Several processes may call this at once: an advisory lock makes sure that only one does the
/// work. It blocks its thread, so it needs the multi-thread runtime, and a task of its own if
/// several run at once.
///
/// # Errors
/// `UNAVAILABLE` if the database cannot be reached, `INTERNAL` if a migration fails.
pub async fn migrate(
    url: &str,
    domain: &str,
    sets: &[&'static EmbeddedMigrations],
) -> Result<Vec<String>, Error> {
    let connection = connect_for_migrations(url, domain).await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let mut applied = Vec::new();
    for set in sets {
        let versions = tokio::task::block_in_place(|| {
            let versions = harness.run_pending_migrations(Embedded(set))?;
            diesel::migration::Result::Ok(
                versions.iter().map(ToString::to_string).collect::<Vec<_>>(),
            )
        });
        applied.extend(versions.map_err(Error::internal)?);
    }
    Ok(applied)
}

/// Returns the names of a domain's pending migrations.
///
/// # Errors
/// `UNAVAILABLE` if the database cannot be reached.
pub async fn pending(
    url: &str,
    domain: &str,
    sets: &[&'static EmbeddedMigrations],
) -> Result<Vec<String>, Error> {
    let connection = connect_for_migrations(url, domain).await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let mut pending = Vec::new();
    for set in sets {
        let found = tokio::task::block_in_place(|| {
            let found = harness.pending_migrations(Embedded(set))?;
            diesel::migration::Result::Ok(
                found
                    .iter()
                    .map(|migration| migration.name().to_string())
                    .collect::<Vec<_>>(),
            )
        });
        pending.extend(found.map_err(Error::internal)?);
    }
    Ok(pending)
}

/// A connection whose search path is the domain's schema, so that diesel's own table of applied
/// migrations lives in it too. It holds the migration lock until it is closed.
async fn connect_for_migrations(url: &str, domain: &str) -> Result<Connection, Error> {
    let mut connection = server::connect(&server::address(url)?)
        .await
        .map_err(|cause| Error::caused(ErrorCode::Unavailable, cause))?;
    let schema = domain.replace('"', "");
    for statement in [
        format!("SELECT pg_advisory_lock(hashtext('atelier:migrate:{schema}'))"),
        format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""),
        format!("SET search_path TO \"{schema}\""),
    ] {
        diesel::sql_query(statement)
            .execute(&mut connection)
            .await?;
    }
    Ok(connection)
}

/// Lends static migrations to diesel, which requires an owned source.
struct Embedded(&'static EmbeddedMigrations);

impl MigrationSource<diesel::pg::Pg> for Embedded {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<diesel::pg::Pg>>>> {
        self.0.migrations()
    }
}
