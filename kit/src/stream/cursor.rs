//! Positions in a Redis stream.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The id of a stream entry: two numbers, ordered as the entries are and written
/// `1700000000000-0`. Unless the writer chose the id, the first is the server's time in
/// milliseconds since the epoch, and the second a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamCursor {
    major: u64,
    minor: u64,
}

impl StreamCursor {
    /// Before the first entry of any stream.
    pub const START: Self = Self { major: 0, minor: 0 };

    /// The cursor `major-minor`.
    pub const fn new(major: u64, minor: u64) -> Self {
        Self { major, minor }
    }
}

/// A text that is not a stream cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a stream cursor")]
pub struct InvalidCursor;

impl fmt::Display for StreamCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.major, self.minor)
    }
}

impl FromStr for StreamCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        // `u64::from_str` takes a leading `+`; a cursor has one spelling only.
        let number = |part: &str| match part.as_bytes() {
            [b'0'] => Ok(0),
            [b'1'..=b'9', ..] => part.parse().map_err(|_| InvalidCursor),
            _ => Err(InvalidCursor),
        };
        let (major, minor) = text.split_once('-').ok_or(InvalidCursor)?;
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

impl Serialize for StreamCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_the_first_number_then_the_second() {
        assert!(StreamCursor::new(2, 0) > StreamCursor::new(1, 9));
        assert!(StreamCursor::new(1, 10) > StreamCursor::new(1, 9));
    }

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let cursor = StreamCursor::new(1_700_000_000_000, 7);
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "+1-0",
            "01-0",
            "1-0-0",
            "$",
            "1-x",
            " 1-0",
            "18446744073709551616-0",
        ] {
            assert_eq!(bad.parse::<StreamCursor>(), Err(InvalidCursor), "{bad:?}");
        }
    }
}
