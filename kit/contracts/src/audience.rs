//! Audiences: who besides its owner may see a file.
//!
//! A domain that shows a file (a message, a product, a profile) attaches it to an audience with
//! [`AudienceAttachInput`]. Who belongs to a group is told by the domain of the group, with
//! [`GroupFact`]s; media keeps what it needs of them and decides by it.

use std::{borrow::Cow, fmt, str::FromStr};

use async_graphql::{
    InputObject, InputType, InputValueError, InputValueResult, Value, registry::Registry,
};
use atelier_kit::{
    command::Command,
    event::Fact,
    id::{Entity, Id, User},
    text_enum,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::media::{Asset, AssetKind};

/// The most files that one command attaches or detaches.
pub const MAX_ATTACHED: usize = 100;
/// The longest prefix of a wire id, in bytes.
const MAX_PREFIX: usize = 16;
/// The digits after the prefix of a wire id.
const DIGITS: usize = 26;

/// The wire id of an entity of any type and any domain, such as `spc_…`: at most 43 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WireId(String);

/// Why a text is not a wire id, or does not name an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseAudienceError {
    /// The text is not the wire id of any entity.
    #[error("expected an id such as \"spc_\" and 26 digits of base 32")]
    WireId,
    /// The text is neither `public` nor the wire id of a group.
    #[error("expected \"public\" or the id of a group")]
    Audience,
}

impl WireId {
    /// Returns the wire form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<E: Entity> From<Id<E>> for WireId {
    fn from(id: Id<E>) -> Self {
        Self(id.to_string())
    }
}

impl FromStr for WireId {
    type Err = ParseAudienceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (prefix, digits) = text.split_once('_').ok_or(ParseAudienceError::WireId)?;
        let prefix_fits = (1..=MAX_PREFIX).contains(&prefix.len())
            && prefix.bytes().all(|byte| byte.is_ascii_lowercase());
        // 26 digits hold 130 bits: a first digit above 7 would overflow.
        let digits_fit =
            digits.len() == DIGITS && digits.as_bytes()[0] <= b'7' && digits.bytes().all(is_digit);
        (prefix_fits && digits_fit)
            .then(|| Self(text.to_owned()))
            .ok_or(ParseAudienceError::WireId)
    }
}

/// Whether a byte is a digit of Crockford's base 32 in lower case.
const fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z') && !matches!(byte, b'i' | b'l' | b'o' | b'u')
}

impl fmt::Display for WireId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who besides its owner may see a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// Everybody, with or without an account.
    Public,
    /// The members of a group, named by the wire id of what they are members of: a space, a
    /// conversation, a project.
    Group(WireId),
}

impl Audience {
    /// The name of [`Audience::Public`], which no wire id can be.
    pub const PUBLIC: &'static str = "public";

    /// Returns the name: `public`, or the wire id of the group.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Public => Self::PUBLIC,
            Self::Group(group) => group.as_str(),
        }
    }
}

impl FromStr for Audience {
    type Err = ParseAudienceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == Self::PUBLIC {
            return Ok(Self::Public);
        }
        let group = text.parse().map_err(|_| ParseAudienceError::Audience)?;
        Ok(Self::Group(group))
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Types that are strings in the schema and in facts.
macro_rules! as_string {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }

        impl InputType for $name {
            type RawValueType = Self;

            fn type_name() -> Cow<'static, str> {
                <String as InputType>::type_name()
            }

            fn create_type_info(registry: &mut Registry) -> String {
                <String as InputType>::create_type_info(registry)
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
    )+};
}

as_string!(WireId, Audience);

/// The membership of one user in one group, after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The wire id of what the user is a member of.
    pub group: WireId,
    /// The user.
    pub user: Id<User>,
    /// A number that is higher for every later change of this user's membership in this group. The
    /// domain of the group counts in the transaction that makes the change: one counter per group
    /// is enough, and changes of several users in one transaction may have the same number. A fact
    /// that arrives late, or again, is recognised by it, and of two facts with the same number the
    /// removal counts.
    pub revision: i64,
}

/// A change of who belongs to a group. The domain of the group tells it, whichever that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupFact {
    /// A user has become a member.
    MemberAdded(Membership),
    /// A user is no longer a member.
    MemberRemoved(Membership),
    /// The group was deleted for good: it has no members from now on, and its id is never used
    /// again.
    GroupDeleted {
        /// The wire id of what was deleted.
        group: WireId,
    },
}

/// The details of [`GroupFact::GroupDeleted`].
#[derive(Serialize, Deserialize)]
struct Deleted<G> {
    group: G,
}

impl GroupFact {
    const ADDED: &'static str = "group.member_added";
    const REMOVED: &'static str = "group.member_removed";
    const DELETED: &'static str = "group.deleted";

    /// Returns the wire id of the group.
    pub const fn group(&self) -> &WireId {
        match self {
            Self::MemberAdded(membership) | Self::MemberRemoved(membership) => &membership.group,
            Self::GroupDeleted { group } => group,
        }
    }
}

impl Fact for GroupFact {
    const DOMAIN: Option<&'static str> = None;
    const TOPICS: &'static [&'static str] = &[Self::ADDED, Self::REMOVED, Self::DELETED];

    fn topic(&self) -> &'static str {
        match self {
            Self::MemberAdded(_) => Self::ADDED,
            Self::MemberRemoved(_) => Self::REMOVED,
            Self::GroupDeleted { .. } => Self::DELETED,
        }
    }

    fn key(&self) -> String {
        self.group().to_string()
    }

    fn concerns(&self) -> Vec<String> {
        match self {
            Self::MemberAdded(membership) | Self::MemberRemoved(membership) => {
                vec![membership.user.to_string()]
            }
            Self::GroupDeleted { .. } => Vec::new(),
        }
    }

    fn payload(&self) -> serde_json::Result<serde_json::Value> {
        match self {
            Self::MemberAdded(membership) | Self::MemberRemoved(membership) => {
                serde_json::to_value(membership)
            }
            Self::GroupDeleted { group } => serde_json::to_value(Deleted { group }),
        }
    }

    fn read(topic: &str, payload: &serde_json::Value) -> serde_json::Result<Self> {
        match topic {
            Self::ADDED => Membership::deserialize(payload).map(Self::MemberAdded),
            Self::REMOVED => Membership::deserialize(payload).map(Self::MemberRemoved),
            Self::DELETED => {
                Deleted::deserialize(payload).map(|Deleted { group }| Self::GroupDeleted { group })
            }
            other => Err(serde_json::Error::custom(format_args!(
                "no topic of groups: {other}"
            ))),
        }
    }
}

text_enum! {
    /// Why a file was not attached to an audience.
    pub enum AttachmentRefusalReason {
        /// The file does not exist, does not belong to the user, or is in the trash or quarantined.
        NotFound = "NOT_FOUND",
        /// The file is of another kind than was required.
        WrongKind = "WRONG_KIND",
    }
}

/// The input of `audienceAttach`, which lets an audience see files of a user.
#[derive(Debug, Clone, InputObject, Serialize)]
#[graphql(inaccessible)]
#[serde(rename_all = "camelCase")]
pub struct AudienceAttachInput {
    /// The audience: `public`, or the id of a group.
    pub audience: Audience,
    /// The id of what shows the files: a message, a product, a user. Files stay visible as long as
    /// anything shows them to the audience.
    pub subject: WireId,
    /// The id of the user on whose behalf the files are attached, and who must own them.
    pub user_id: Id<User>,
    /// The ids of the files, at most 100.
    pub asset_ids: Vec<Id<Asset>>,
    /// The kind that all files must be of; any kind if omitted.
    pub kind: Option<AssetKind>,
}

/// The input of `audienceDetach`, which takes back what `audienceAttach` has done.
#[derive(Debug, Clone, InputObject, Serialize)]
#[graphql(inaccessible)]
#[serde(rename_all = "camelCase")]
pub struct AudienceDetachInput {
    /// The audience: `public`, or the id of a group.
    pub audience: Audience,
    /// The id of what has shown the files.
    pub subject: WireId,
    /// The ids of the files, at most 100.
    pub asset_ids: Vec<Id<Asset>>,
}

/// The answer to `audienceAttach`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AttachAnswer {
    /// The files that cannot be attached. If there is any, no file was attached.
    pub refused: Vec<RefusedAttachment>,
}

/// A file that cannot be attached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedAttachment {
    /// The file.
    pub asset_id: Id<Asset>,
    /// Why it cannot be attached.
    pub reason: AttachmentRefusalReason,
}

/// The answer to `audienceDetach`: the files are no longer attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct DetachAnswer {}

/// Why a command was refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AudienceRefusal {
    /// The list of files is empty or too long.
    ListInvalid,
}

impl Command for AudienceAttachInput {
    const DOMAIN: &'static str = "media";
    const FIELD: &'static str = "audienceAttach";
    const OPERATION: &'static str = "mutation AudienceAttach($input: AudienceAttachInput!) { audienceAttach(input: $input) { refused { assetId reason } userErrors { code } } }";
    type Answer = AttachAnswer;
    type Refusal = AudienceRefusal;
}

impl Command for AudienceDetachInput {
    const DOMAIN: &'static str = "media";
    const FIELD: &'static str = "audienceDetach";
    const OPERATION: &'static str = "mutation AudienceDetach($input: AudienceDetachInput!) { audienceDetach(input: $input) { userErrors { code } } }";
    type Answer = DetachAnswer;
    type Refusal = AudienceRefusal;
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: &str = "spc_01j9zk4t3gf8kvq2n5w7y0c6ab";

    #[test]
    fn an_audience_is_public_or_the_id_of_a_group() {
        assert_eq!("public".parse(), Ok(Audience::Public));
        let group: Audience = SPACE.parse().unwrap();
        assert_eq!(group, Audience::Group(SPACE.parse().unwrap()));
        assert_eq!(group.to_string(), SPACE);
        let user: Id<User> = Id::from_uuid(Default::default());
        assert_eq!(WireId::from(user).as_str().parse(), Ok(WireId::from(user)));
    }

    #[test]
    fn other_texts_name_no_audience() {
        let long = format!("{}_{}", "a".repeat(17), &SPACE[4..]);
        for text in [
            "",
            "Public",
            "spc",
            "spc_",
            "_01j9zk4t3gf8kvq2n5w7y0c6ab",
            "SPC_01j9zk4t3gf8kvq2n5w7y0c6ab",
            "spc_81j9zk4t3gf8kvq2n5w7y0c6ab",
            "spc_01j9zk4t3gf8kvq2n5w7y0c6al",
            "spc_01j9zk4t3gf8kvq2n5w7y0c6a",
            "spc_01j9zk4t3gf8kvq2n5w7y0c6ab ",
            "spc_\u{e9}1j9zk4t3gf8kvq2n5w7y0c6a",
            &long,
        ] {
            assert_eq!(
                text.parse::<Audience>(),
                Err(ParseAudienceError::Audience),
                "{text}"
            );
        }
    }

    #[test]
    fn facts_are_read_as_they_were_written() {
        let group: WireId = SPACE.parse().unwrap();
        let membership = Membership {
            group: group.clone(),
            user: Id::from_uuid(Default::default()),
            revision: 7,
        };
        for fact in [
            GroupFact::MemberAdded(membership.clone()),
            GroupFact::MemberRemoved(membership),
            GroupFact::GroupDeleted { group },
        ] {
            assert_eq!(fact.key(), SPACE);
            let read = GroupFact::read(fact.topic(), &fact.payload().unwrap());
            assert_eq!(read.unwrap(), fact);
        }
    }
}
