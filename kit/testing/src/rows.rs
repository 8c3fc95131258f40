//! What is in the database, past the domain. None of it counts among the domain's statements.

use atelier_kit::db::Connection;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncConnection, RunQueryDsl};
use tokio::sync::MutexGuard;

use crate::{DEADLINE, TestDatabase, wait::PAUSE};

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl TestDatabase {
    /// The number of rows of `from`: `media.asset WHERE filename = 'a.jpg'`.
    ///
    /// # Panics
    /// If PostgreSQL refuses the statement.
    pub async fn rows(&self, from: &str) -> i64 {
        let statement = format!("SELECT count(*) AS count FROM {from}");
        let mut connection = self.connection().await;
        let counted = diesel::sql_query(&statement).get_result(&mut *connection);
        let counted: Count = counted
            .await
            .unwrap_or_else(|cause| panic!("{statement}: {cause}"));
        counted.count
    }

    /// What `expression` comes to, as text: `(SELECT status FROM accounts.user LIMIT 1)`.
    ///
    /// # Panics
    /// If PostgreSQL refuses it, or it comes to null.
    pub async fn text(&self, expression: &str) -> String {
        let lines = self
            .texts(&format!("({expression})::text"), "(VALUES (1)) AS one")
            .await;
        lines.into_iter().next().expect("there is one row")
    }

    /// What `expression` comes to in each row of `from`, as text.
    ///
    /// # Panics
    /// If PostgreSQL refuses it, or it comes to null.
    pub async fn texts(&self, expression: &str, from: &str) -> Vec<String> {
        let statement = format!("SELECT ({expression})::text AS line FROM {from}");
        let mut connection = self.connection().await;
        let lines = diesel::sql_query(&statement).load(&mut *connection);
        let lines: Vec<Line> = lines
            .await
            .unwrap_or_else(|cause| panic!("{statement}: {cause}"));
        lines.into_iter().map(|row| row.line).collect()
    }

    /// Changes the database behind the domain's back; the number of rows that were touched.
    ///
    /// # Panics
    /// If PostgreSQL refuses the statement.
    pub async fn run(&self, statement: &str) -> usize {
        let mut connection = self.connection().await;
        let done = diesel::sql_query(statement).execute(&mut *connection);
        done.await
            .unwrap_or_else(|cause| panic!("{statement}: {cause}"))
    }

    /// Waits until the rows of `from` number `expected`.
    ///
    /// # Panics
    /// If they do not within [`DEADLINE`].
    pub async fn eventually(&self, from: &str, expected: i64) {
        let reached = async {
            while self.rows(from).await != expected {
                tokio::time::sleep(PAUSE).await;
            }
        };
        if tokio::time::timeout(DEADLINE, reached).await.is_err() {
            panic!("{from}: {}, not {expected}", self.rows(from).await);
        }
    }

    async fn connection(&self) -> MutexGuard<'_, Connection> {
        let made = self.connection.get_or_init(async || {
            let connection = Connection::establish(self.url()).await;
            tokio::sync::Mutex::new(connection.expect("the test database answers"))
        });
        made.await.lock().await
    }
}
