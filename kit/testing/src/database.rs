//! A database per test, cloned from a template that is migrated once per set of migrations.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    pin::pin,
    task::Poll,
    time::Duration,
};

use atelier_kit::db::Connection;
use atelier_local::TestServers;
use diesel::migration::MigrationSource;
use diesel_async::{AsyncConnection, RunQueryDsl};
use diesel_migrations::EmbeddedMigrations;
use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::NoTls;

/// The longest that a test waits until the server is told to drop its database.
const ASKED_WITHIN: Duration = Duration::from_secs(10);

/// A database that one test has for itself. It is dropped with this value, whoever is still
/// connected to it.
pub struct TestDatabase {
    name: String,
    url: String,
    /// Of the database from which others are made and dropped.
    admin: String,
    /// For looking into it.
    pub(crate) connection: OnceCell<Mutex<Connection>>,
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
        Self::made(
            servers,
            &mut admin,
            &format!("TEMPLATE {template} STRATEGY FILE_COPY"),
        )
        .await
    }

    /// An empty database.
    pub async fn empty(servers: &TestServers) -> Self {
        let mut admin = Connection::establish(&servers.database_url)
            .await
            .expect("the test PostgreSQL answers");
        Self::made(servers, &mut admin, "").await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "no test decides what its database is called"
    )]
    async fn made(servers: &TestServers, admin: &mut Connection, like: &str) -> Self {
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        run(admin, &format!("CREATE DATABASE {name} {like}")).await;
        Self {
            url: on_database(&servers.database_url, &name),
            admin: servers.database_url.clone(),
            name,
            connection: OnceCell::new(),
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

impl Drop for TestDatabase {
    /// On a thread with a runtime of its own: the test's runtime may have only the thread that waits
    /// here, and may be on its way out.
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        let (done, asked) = std::sync::mpsc::channel::<()>();
        let asking = std::thread::Builder::new().spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime {
                runtime.block_on(ask_for_drop(&admin, &name));
            }
            drop(done);
        });
        if asking.is_ok() {
            // Comes back as soon as the thread is done, one way or the other.
            let _ = asked.recv_timeout(ASKED_WITHIN);
        }
    }
}

/// Sends the statements and does not wait for their end: dropping takes a checkpoint, and the server
/// goes on with it when the test's process is gone. One database is dropped at a time, so that tests
/// that still run get most of the server. A server that does not answer any more has no databases to
/// be dropped.
async fn ask_for_drop(admin: &str, name: &str) {
    let Ok((client, connection)) = tokio_postgres::connect(admin, NoTls).await else {
        return;
    };
    let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    let mut turn = pin!(client.batch_execute("SELECT pg_advisory_lock(hashtext('drop'))"));
    let mut dropped = pin!(client.batch_execute(&statement));
    let mut connection = pin!(connection);
    std::future::poll_fn(|context| {
        // Queues the statements, then writes what is queued.
        let _ = turn.as_mut().poll(context);
        let _ = dropped.as_mut().poll(context);
        let _ = connection.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
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
                    .block_on(atelier_kit::migrate(&url, &domain, migrations))
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
