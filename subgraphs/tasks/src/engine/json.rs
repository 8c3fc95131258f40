//! What JSON is taken up: payloads, results, capabilities.

use serde_json::Value;

/// The most bytes of a payload or a result as JSON. Larger things go to storage.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// How deep arrays and objects may lie in each other. Parsers give up at 128 levels, and events wrap
/// values in some more: what nobody can read again must not be written.
pub const MAX_DEPTH: usize = 64;

/// Why a value is not taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonFault {
    /// It is too large: so many bytes.
    TooLarge(usize),
    /// It is nested too deeply.
    TooDeep,
    /// PostgreSQL's JSON cannot hold the character NUL.
    Nul,
}

/// What is wrong with a value of which at most `most` bytes are wanted, if anything is.
pub fn fault(value: &Value, most: usize) -> Option<JsonFault> {
    walk(value, 0).err().or_else(|| {
        let bytes = value.to_string().len();
        (bytes > most).then_some(JsonFault::TooLarge(bytes))
    })
}

fn walk(value: &Value, depth: usize) -> Result<(), JsonFault> {
    let text = |text: &str| match text.contains('\0') {
        true => Err(JsonFault::Nul),
        false => Ok(()),
    };
    match value {
        Value::String(found) => text(found),
        Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => Err(JsonFault::TooDeep),
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, depth + 1)),
        Value::Object(entries) => entries.iter().try_for_each(|(name, entry)| {
            text(name)?;
            walk(entry, depth + 1)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(depth: usize) -> Value {
        (0..depth).fold(Value::Null, |inner, _| json!([inner]))
    }

    #[test]
    fn what_cannot_be_kept_or_read_again_is_told() {
        assert_eq!(fault(&json!({"a": [null, 1.5, "x"]}), 100), None);
        assert_eq!(
            fault(&json!("\\u0000"), 100),
            None,
            "six harmless characters"
        );
        assert_eq!(fault(&json!({"a": ["\0"]}), 100), Some(JsonFault::Nul));
        assert_eq!(fault(&json!({"\0": 1}), 100), Some(JsonFault::Nul));
        assert_eq!(fault(&nested(MAX_DEPTH), 1000), None);
        assert_eq!(
            fault(&nested(MAX_DEPTH + 1), 1000),
            Some(JsonFault::TooDeep)
        );
        assert_eq!(
            fault(&json!("x".repeat(99)), 100),
            Some(JsonFault::TooLarge(101))
        );
    }
}
