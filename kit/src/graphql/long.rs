//! Integers beyond 32 bits.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use serde::{Deserialize, Serialize};

/// An integer between -2^53 and 2^53, written as a JSON number. Used for byte sizes and sequence
/// numbers.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Long(pub i64);

/// The bound up to which JavaScript numbers are exact.
const MAX: i64 = 1 << 53;

/// An integer between -2^53 and 2^53, written as a JSON number.
#[Scalar(
    name = "Long",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259#section-6"
)]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::Number(number) => match number.as_i64() {
                Some(number) if (-MAX..=MAX).contains(&number) => Ok(Self(number)),
                _ => Err(InputValueError::custom("not an integer within ±2^53")),
            },
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

impl From<i64> for Long {
    fn from(value: i64) -> Self {
        Self(value)
    }
}
