//! Bounds of what clients send.

use atelier_kit::error::{Fail, Refusal};
use serde_json::Value;

use crate::{
    engine::{JsonFault, json_fault},
    error::{Outcome, TaskErrorCode},
};

/// The refusal of an input, with a reason for people.
pub fn invalid(path: &str, reason: &str) -> Fail<TaskErrorCode> {
    Refusal::new(TaskErrorCode::InvalidInput, path)
        .with("reason", reason)
        .into()
}

/// Checks the name of a queue, a type, a schedule or an error.
pub fn name(text: &str, path: &str) -> Outcome<()> {
    let good = !text.is_empty()
        && text.len() <= 100
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if good {
        Ok(())
    } else {
        Err(invalid(
            path,
            "A name has 1 to 100 letters, digits, dots, dashes and underscores.",
        ))
    }
}

/// Checks the names in a list.
pub fn names(texts: &[String], path: &str) -> Outcome<()> {
    let mut texts = texts.iter().enumerate();
    texts.try_for_each(|(at, text)| name(text, &format!("{path}.{at}")))
}

/// Checks a JSON value that is to be stored in at most `most` bytes.
pub fn json(value: &Value, path: &str, most: usize) -> Outcome<()> {
    match json_fault(value, most) {
        None => Ok(()),
        Some(JsonFault::TooLarge(actual)) => {
            let refusal = Refusal::new(TaskErrorCode::PayloadTooLarge, path);
            Err(refusal.with("max", most).with("actual", actual).into())
        }
        Some(JsonFault::Nul) => Err(invalid(path, "The value holds a NUL character.")),
        Some(JsonFault::TooDeep) => Err(invalid(
            path,
            "The value is nested more than 64 levels deep.",
        )),
    }
}
