//! Cursors: signed positions in lists and event streams, which clients cannot forge.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::error::{Error, ErrorCode};

/// An opaque position in a list or an event stream. Only values that the server has returned are
/// accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor(pub String);

/// An opaque position in a list or an event stream. Only values that the server has returned are
/// accepted.
#[Scalar(
    name = "Cursor",
    specified_by_url = "https://relay.dev/graphql/connections.htm#sec-Cursor"
)]
impl ScalarType for Cursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) if text.len() <= 512 => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Seals sort keys into cursors and opens them again.
#[derive(Clone)]
pub struct CursorSealer {
    mac: Hmac<Sha256>,
}

/// Bytes of the signature in a cursor: 64 bits, enough to prevent online guessing.
const TAG: usize = 8;

impl CursorSealer {
    /// Creates a sealer with a secret that all processes share.
    pub fn new(secret: &[u8]) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(b"cursor");
        Self { mac }
    }

    fn mac(&self, list: &str, key: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(&(list.len() as u64).to_le_bytes());
        mac.update(list.as_bytes());
        mac.update(key);
        mac
    }

    /// Returns the cursor of the row with the sort key `key` in the list `list`.
    pub fn seal<K: Serialize>(&self, list: &str, key: &K) -> Cursor {
        let key = serde_json::to_vec(key).unwrap_or_default();
        let mut bytes = self.mac(list, &key).finalize().into_bytes()[..TAG].to_vec();
        bytes.extend_from_slice(&key);
        Cursor(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns the sort key in a cursor.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for a cursor that was tampered with or belongs to another list.
    pub fn open<K: DeserializeOwned>(&self, list: &str, cursor: &Cursor) -> Result<K, Error> {
        let refused = || {
            Error::with_detail(
                ErrorCode::BadUserInput,
                "The cursor is not valid for this list.",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(&cursor.0).map_err(|_| refused())?;
        let (tag, key) = bytes.split_at_checked(TAG).ok_or_else(refused)?;
        let mac = self.mac(list, key);
        mac.verify_truncated_left(tag).map_err(|_| refused())?;
        serde_json::from_slice(key).map_err(|_| refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> CursorSealer {
        CursorSealer::new(b"secret")
    }

    #[test]
    fn a_cursor_opens_only_for_its_list_and_untouched() {
        let cursor = sealer().seal("assets", &("a", 7));
        assert_eq!(
            sealer().open::<(String, i32)>("assets", &cursor).unwrap(),
            ("a".to_owned(), 7)
        );
        let mut tampered = cursor.0.clone().into_bytes();
        tampered[12] ^= 1;
        let tampered = Cursor(String::from_utf8(tampered).unwrap());
        for (list, cursor) in [
            ("tasks", &cursor),
            ("assets", &tampered),
            ("assets", &Cursor("x".into())),
            ("assets", &Cursor("é".into())),
        ] {
            let refused = sealer().open::<(String, i32)>(list, cursor).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::BadUserInput);
        }
    }
}
