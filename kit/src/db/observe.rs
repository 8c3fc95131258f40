//! What is seen of statements: their number, their trace, and errors that say something about the
//! server.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tracing::Span;

use super::server::Server;

/// Counts statements, traces them where traces are collected, and raises doubts.
pub(super) struct StatementObserver {
    server: Weak<Server>,
    statements: Arc<AtomicU64>,
    /// Of the statement under way.
    span: Option<Span>,
}

impl StatementObserver {
    pub(super) fn new(server: &Arc<Server>, statements: Arc<AtomicU64>) -> Self {
        Self {
            server: Arc::downgrade(server),
            statements,
            span: None,
        }
    }
}

impl Instrumentation for StatementObserver {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                self.statements.fetch_add(1, Ordering::Relaxed);
                let span = tracing::debug_span!(target: "sql", "sql", db.system = "postgresql", db.statement = tracing::field::Empty);
                if !span.is_disabled() {
                    // Behind the statement come its values, which are nobody's business.
                    let text = query.to_string();
                    let statement = text.split(" -- binds").next().unwrap_or_default();
                    span.record("db.statement", statement.trim());
                    self.span = Some(span);
                }
            }
            InstrumentationEvent::FinishQuery { error, .. } => {
                self.span = None;
                if error.is_some_and(tells_of_a_failover)
                    && let Some(server) = self.server.upgrade()
                {
                    server.doubt();
                }
            }
            _ => {}
        }
    }
}

/// Whether a statement failed because the server takes no writes any more (SQLSTATE 25006), or is
/// gone (57P01 to 57P03: the connection is closed then, as it is when the server dies).
fn tells_of_a_failover(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(
            DatabaseErrorKind::ReadOnlyTransaction
                | DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand,
            _
        )
    )
}
