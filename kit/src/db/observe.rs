//! Observing statements: their number, their traces, and errors that tell something about the
//! server.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tracing::Span;

use super::server::Server;

/// Counts statements, traces them if traces are collected, and reports signs of a failover.
pub(super) struct StatementObserver {
    server: Weak<Server>,
    statements: Arc<AtomicU64>,
    /// The span of the current statement.
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
                    // The statement is followed by its values, which must not be traced.
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

/// Whether a statement failed because the server no longer accepts writes (SQLSTATE 25006), or is
/// gone (57P01 to 57P03, where the connection is closed, as it is when the server dies).
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
