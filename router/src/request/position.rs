//! Where a subscription is.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

/// How far a subscriber has come. Its stream moves it with each answer it gives.
#[derive(Debug, Clone)]
pub struct Position(Arc<Mutex<Place>>);

#[derive(Debug)]
struct Place {
    argument: Option<String>,
    cursor: Option<Arc<Value>>,
    too_slow: bool,
}

impl Position {
    pub(crate) fn new(argument: Option<String>, cursor: Option<Arc<Value>>) -> Self {
        Self(Arc::new(Mutex::new(Place {
            argument,
            cursor,
            too_slow: false,
        })))
    }

    /// Cursor of the last answer, if the subscription can be continued.
    pub(crate) fn cursor(&self) -> Option<Arc<Value>> {
        self.0.lock().cursor.clone()
    }

    /// An answer was given that has this cursor, if any.
    pub(crate) fn advance(&self, cursor: Option<Arc<Value>>) {
        if cursor.is_some() {
            self.0.lock().cursor = cursor;
        }
    }

    /// The stream ends because it was read too slowly.
    pub(crate) fn fell_behind(&self) {
        self.0.lock().too_slow = true;
    }

    /// True when the stream ended because it was read too slowly.
    pub(crate) fn is_too_slow(&self) -> bool {
        self.0.lock().too_slow
    }

    /// What tells a client how to continue behind `cursor`.
    pub(crate) fn resume(&self, cursor: Option<&Value>) -> Option<Value> {
        let argument = self.0.lock().argument.clone()?;
        Some(serde_json::json!({"arg": argument, "cursor": cursor?}))
    }
}
