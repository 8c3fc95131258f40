//! Typed, prefixed ids: UUIDv7 internally, `usr_01j9…` on the wire.
//!
//! The wire form follows the TypeID specification: a lowercase prefix, an underscore, and the 128
//! bits as 26 characters of Crockford base 32. Ids sort by creation time, show in logs what they
//! identify, and cannot be confused with ids of other types.

use std::{cmp::Ordering, fmt, hash, marker::PhantomData, str::FromStr};

use async_graphql::{
    ID, InputType, InputValueError, InputValueResult, OutputType, Value, registry::Registry,
};
use diesel::{
    deserialize::{self, FromSql},
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{self, Output, ToSql},
    sql_types,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::clock::{Clock, Random};

/// A marker type that says which entity an [`Id`] identifies.
pub trait Entity: Send + Sync + 'static {
    /// The lowercase prefix on the wire, such as `usr`.
    const PREFIX: &'static str;
    /// The name of the GraphQL type, such as `User`.
    const TYPE: &'static str;
}

/// Declares an [`Entity`] marker type.
#[macro_export]
macro_rules! entity {
    ($(#[$doc:meta])* $vis:vis $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        $vis enum $name {}
        impl $crate::id::Entity for $name {
            const PREFIX: &'static str = $prefix;
            const TYPE: &'static str = stringify!($name);
        }
    };
}

entity!(
    /// A person or bot with an account.
    pub User, "usr"
);
entity!(
    /// A sign-in on one device.
    pub Session, "ses"
);
entity!(
    /// A personal access token or API key.
    pub AccessToken, "pat"
);
entity!(
    /// A unit of background work.
    pub Task, "tsk"
);

/// The id of an entity of type `E`.
#[derive(diesel::deserialize::FromSqlRow)]
pub struct Id<E: Entity> {
    uuid: Uuid,
    entity: PhantomData<fn() -> E>,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl<E: Entity> Id<E> {
    /// Generates an id that carries the clock's time (UUIDv7, RFC 9562 §5.7).
    pub fn generate(clock: &dyn Clock, random: &dyn Random) -> Self {
        let mut bytes = [0; 10];
        random.fill(&mut bytes);
        let millis = u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    /// Wraps a raw UUID, as stored in PostgreSQL.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self {
            uuid,
            entity: PhantomData,
        }
    }

    /// Returns the raw UUID, as stored in PostgreSQL.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

/// Why a string is not an id of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// The id is that of another type.
    #[error("expected an id that starts with \"{expected}_\"")]
    WrongPrefix {
        /// The prefix of the expected type.
        expected: &'static str,
    },
    /// The part after the prefix is not 26 characters of base 32.
    #[error("the id is malformed")]
    Malformed,
}

fn encode(uuid: Uuid, out: &mut impl fmt::Write) -> fmt::Result {
    let bits = uuid.as_u128();
    (0..26).rev().try_for_each(|digit| {
        let value = (bits >> (5 * digit)) & 31;
        out.write_char(char::from(ALPHABET[value as usize]))
    })
}

fn decode(text: &str) -> Option<Uuid> {
    let bytes = text.as_bytes();
    // 26 digits hold 130 bits: a first digit above 7 would overflow.
    if bytes.len() != 26 || bytes[0] > b'7' {
        return None;
    }
    let bits = bytes.iter().try_fold(0u128, |bits, byte| {
        let value = ALPHABET.iter().position(|letter| letter == byte)?;
        Some((bits << 5) | value as u128)
    })?;
    Some(Uuid::from_u128(bits))
}

impl<E: Entity> FromStr for Id<E> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let rest = text
            .strip_prefix(E::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(ParseIdError::WrongPrefix {
                expected: E::PREFIX,
            })?;
        decode(rest)
            .map(Self::from_uuid)
            .ok_or(ParseIdError::Malformed)
    }
}

impl<E: Entity> fmt::Display for Id<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_", E::PREFIX)?;
        encode(self.uuid, f)
    }
}

impl<E: Entity> fmt::Debug for Id<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: Entity> Clone for Id<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E: Entity> Copy for Id<E> {}
impl<E: Entity> PartialEq for Id<E> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<E: Entity> Eq for Id<E> {}
impl<E: Entity> PartialOrd for Id<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E: Entity> Ord for Id<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<E: Entity> hash::Hash for Id<E> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<E: Entity> Serialize for Id<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, E: Entity> Deserialize<'de> for Id<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl<E: Entity> InputType for Id<E> {
    type RawValueType = Self;

    fn type_name() -> std::borrow::Cow<'static, str> {
        <ID as InputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <ID as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        match value {
            Some(Value::String(text)) => text.parse().map_err(InputValueError::custom),
            other => Err(InputValueError::expected_type(other.unwrap_or_default())),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

impl<E: Entity> OutputType for Id<E> {
    fn type_name() -> std::borrow::Cow<'static, str> {
        <ID as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <ID as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _: &async_graphql::context::ContextSelectionSet<'_>,
        _: &async_graphql::Positioned<async_graphql::parser::types::Field>,
    ) -> async_graphql::ServerResult<Value> {
        Ok(Value::String(self.to_string()))
    }
}

impl<E: Entity> FromSql<sql_types::Uuid, Pg> for Id<E> {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        Uuid::from_sql(bytes).map(Self::from_uuid)
    }
}

impl<E: Entity> ToSql<sql_types::Uuid, Pg> for Id<E> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Uuid as ToSql<sql_types::Uuid, Pg>>::to_sql(&self.uuid, out)
    }
}

macro_rules! as_uuid_expression {
    ($($ty:ty),*) => {$(
        impl<E: Entity> AsExpression<sql_types::Uuid> for $ty {
            type Expression = diesel::internal::derives::as_expression::Bound<sql_types::Uuid, Self>;
            fn as_expression(self) -> Self::Expression {
                diesel::internal::derives::as_expression::Bound::new(self)
            }
        }
        impl<E: Entity> AsExpression<sql_types::Nullable<sql_types::Uuid>> for $ty {
            type Expression =
                diesel::internal::derives::as_expression::Bound<sql_types::Nullable<sql_types::Uuid>, Self>;
            fn as_expression(self) -> Self::Expression {
                diesel::internal::derives::as_expression::Bound::new(self)
            }
        }
    )*};
}
as_uuid_expression!(Id<E>, &Id<E>);

impl<E: Entity> ToSql<sql_types::Nullable<sql_types::Uuid>, Pg> for Id<E> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Self as ToSql<sql_types::Uuid, Pg>>::to_sql(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_form_matches_the_typeid_specification() {
        // The example of the TypeID specification.
        let uuid = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let id = Id::<User>::from_uuid(uuid);
        assert_eq!(id.to_string(), "usr_01h455vb4pex5vsknk084sn02q");
        assert_eq!("usr_01h455vb4pex5vsknk084sn02q".parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_type_is_refused() {
        let refused = "ast_01h455vb4pex5vsknk084sn02q".parse::<Id<User>>();
        assert_eq!(refused, Err(ParseIdError::WrongPrefix { expected: "usr" }));
    }

    #[test]
    fn malformed_ids_are_refused() {
        for text in [
            "usr_",
            "usr_01h455vb4pex5vsknk084sn02",
            "usr_81h455vb4pex5vsknk084sn02q",
            "usr_01h455vb4pex5vsknk084sn0lu",
            "usr_01H455VB4PEX5VSKNK084SN02Q",
            "usr_é1h455vb4pex5vsknk084sn02",
        ] {
            assert_eq!(
                text.parse::<Id<User>>(),
                Err(ParseIdError::Malformed),
                "{text}"
            );
        }
    }
}
