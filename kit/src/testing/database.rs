//! A database per test, cloned from a template that is migrated once per set of migrations.

use std::hash::{DefaultHasher, Hash, Hasher};

use atelier_local::TestServers;
use diesel::migration::MigrationSource;
use diesel_async::{AsyncConnection, RunQueryDsl};
use diesel_migrations::EmbeddedMigrations;

use crate::db::Connection;

/// A database that one test has for itself.
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// Clones the template of `domain`'s migrations, which is made first if need be.
    pub async fn create(
        servers: &TestServers,
        domain: &str,
        migrations: &'static EmbeddedMigrations,
    ) -> Self {
        Self::create_many(servers, &[(domain, migrations)]).await
    }

    /// Clones a template that holds several domains.
    pub async fn create_many(
        servers: &TestServers,
        domains: &[(&str, &'static EmbeddedMigrations)],
    ) -> Self {
        let template = format!("template_{:016x}", fingerprint(domains));
        let mut admin = Connection::establish(&servers.database_url)
            .await
            .expect("the test PostgreSQL answers");
        ensure_template(servers, &mut admin, &template, domains).await;
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        run(
            &mut admin,
            &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"),
        )
        .await;
        Self {
            url: on_database(&servers.database_url, &name),
            name,
        }
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL to connect to it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn ensure_template(
    servers: &TestServers,
    admin: &mut Connection,
    template: &str,
    domains: &[(&str, &'static EmbeddedMigrations)],
) {
    #[derive(diesel::QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        found: i64,
    }
    // Tests run in many processes: the lock lets one of them make the template.
    let lock = format!("hashtext('{template}')");
    run(admin, &format!("SELECT pg_advisory_lock({lock})")).await;
    let found: Found = diesel::sql_query(format!(
        "SELECT count(*) AS found FROM pg_database WHERE datname = '{template}' AND datistemplate"
    ))
    .get_result(admin)
    .await
    .expect("the catalogue can be read");
    if found.found == 0 {
        run(admin, &format!("DROP DATABASE IF EXISTS {template}")).await;
        run(admin, &format!("CREATE DATABASE {template}")).await;
        let url = on_database(&servers.database_url, template);
        for (domain, migrations) in domains {
            let (domain, migrations) = ((*domain).to_owned(), *migrations);
            let url = url.clone();
            // Migrations block their thread, which a test's current-thread runtime has only one of.
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build();
                runtime
                    .expect("a runtime for migrations")
                    .block_on(crate::subgraph::migrate(&url, &domain, migrations))
                    .expect("the migrations apply")
            })
            .join()
            .expect("migrating does not panic");
        }
        run(
            admin,
            &format!("ALTER DATABASE {template} IS_TEMPLATE true"),
        )
        .await;
    }
    run(admin, &format!("SELECT pg_advisory_unlock({lock})")).await;
}

async fn run(connection: &mut Connection, statement: &str) {
    diesel::sql_query(statement)
        .execute(connection)
        .await
        .unwrap_or_else(|cause| panic!("{statement}: {cause}"));
}

fn on_database(url: &str, database: &str) -> String {
    let (server, _) = url
        .rsplit_once('/')
        .expect("a database URL ends in a database name");
    format!("{server}/{database}")
}

fn fingerprint(domains: &[(&str, &'static EmbeddedMigrations)]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (domain, migrations) in domains {
        domain.hash(&mut hasher);
        for migration in
            MigrationSource::<diesel::pg::Pg>::migrations(*migrations).expect("embedded migrations")
        {
            migration.name().to_string().hash(&mut hasher);
        }
    }
    hasher.finish()
}
