//! The servers that everybody is measured on.

use atelier_kit::db::Connection;
use atelier_local::{PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions, TestServers};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Double, Text},
};
use diesel_async::{AsyncConnection, RunQueryDsl};

/// Of the text of a statement, so much is printed.
const SHOWN: usize = 110;

/// A durable PostgreSQL (`fsync` and `synchronous_commit` on) and a Redis, gone with this value.
pub struct Server {
    dir: tempfile::TempDir,
    postgres: PrivatePostgres,
    redis: PrivateRedis,
    statements: bool,
}

#[derive(QueryableByName)]
struct Statement {
    #[diesel(sql_type = Double)]
    total: f64,
    #[diesel(sql_type = Double)]
    planned: f64,
    #[diesel(sql_type = BigInt)]
    calls: i64,
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(sql_type = BigInt)]
    wal: i64,
    #[diesel(sql_type = Text)]
    query: String,
}

impl Server {
    pub async fn start(statements: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder for the servers");
        let mut options = PostgresOptions {
            durable: true,
            ..PostgresOptions::default()
        };
        if statements {
            options.settings = [
                "shared_preload_libraries=pg_stat_statements",
                "pg_stat_statements.track_planning=on",
                "pg_stat_statements.track=all",
            ]
            .map(str::to_owned)
            .to_vec();
        }
        let postgres = PrivatePostgres::start(&dir.path().join("postgres"), options).await;
        let redis = PrivateRedis::start(&dir.path().join("redis"), RedisOptions::default()).await;
        let server = Self {
            postgres: postgres.expect("PostgreSQL starts"),
            redis: redis.expect("Redis starts"),
            dir,
            statements,
        };
        if statements {
            server.run("CREATE EXTENSION pg_stat_statements").await;
        }
        server
    }

    /// The servers as tests know them; nothing here stores files.
    pub fn servers(&self) -> TestServers {
        TestServers {
            database_url: self.postgres.url(),
            redis_url: self.redis.url(),
            s3_endpoint: String::new(),
            s3_access_key: String::new(),
            s3_secret_key: String::new(),
            s3_region: String::new(),
        }
    }

    /// Writes everything to disk, so that nobody pays for what others left behind.
    pub async fn settle(&self) {
        self.run("CHECKPOINT").await;
    }

    async fn run(&self, statement: &str) {
        let mut connection = self.connection().await;
        diesel::sql_query(statement)
            .execute(&mut connection)
            .await
            .expect("the server does as it is told");
    }

    async fn connection(&self) -> Connection {
        let connected = Connection::establish(&self.postgres.url()).await;
        connected.expect("PostgreSQL answers")
    }

    /// Forgets which statements were run.
    pub async fn forget_statements(&self) {
        if self.statements {
            self.run("SELECT pg_stat_statements_reset()").await;
        }
    }

    /// Prints on which statements PostgreSQL spent the most time, if that is wanted.
    pub async fn print_statements(&self) {
        if !self.statements {
            return;
        }
        let mut connection = self.connection().await;
        let found: Vec<Statement> = diesel::sql_query(
            "SELECT total_exec_time AS total, total_plan_time AS planned, calls, rows, wal_bytes::bigint AS wal, query \
             FROM pg_stat_statements ORDER BY total_exec_time + total_plan_time DESC LIMIT 14",
        )
        .load(&mut connection)
        .await
        .expect("the statements are listed");
        println!(
            "{:>9} {:>9} {:>7} {:>8} {:>9}  statement",
            "ms", "planning", "calls", "rows", "WAL KB"
        );
        for statement in found {
            let text: Vec<&str> = statement.query.split_whitespace().collect();
            println!(
                "{:>9.0} {:>9.0} {:>7} {:>8} {:>9}  {:.SHOWN$}",
                statement.total,
                statement.planned,
                statement.calls,
                statement.rows,
                statement.wal / 1024,
                text.join(" ")
            );
        }
    }

    pub async fn stop(self) {
        tokio::join!(self.postgres.stop(), self.redis.stop());
        drop(self.dir);
    }
}
