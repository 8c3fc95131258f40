//! Relay connections with keyset cursors, once for all domains.
//!
//! A cursor is the sort key of a row, signed: a client can neither read meaning into it nor forge
//! one. See the GraphQL Cursor Connections Specification.

use std::borrow::Cow;

use async_graphql::{
    Context, InputValueError, InputValueResult, OutputType, Scalar, ScalarType, SimpleObject,
    TypeName, Value,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::error::{Error, ErrorCode};

/// The most items that one page holds.
pub const MAX_PAGE: i32 = 100;
/// Items of a page when the client does not say.
pub const DEFAULT_PAGE: i32 = 20;

/// An opaque position in a list or an event stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor(pub String);

/// An opaque position in a list or an event stream. Only what the server gave is accepted.
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

/// Bytes of the signature in a cursor: 64 bits, enough against online guessing.
const TAG: usize = 8;

impl CursorSealer {
    /// A sealer with a secret that all processes share.
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

    /// The cursor of the row with sort key `key` in the list called `list`.
    pub fn seal<K: Serialize>(&self, list: &str, key: &K) -> Cursor {
        let key = serde_json::to_vec(key).unwrap_or_default();
        let mut bytes = self.mac(list, &key).finalize().into_bytes()[..TAG].to_vec();
        bytes.extend_from_slice(&key);
        Cursor(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The sort key in a cursor.
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

/// The paging arguments of a connection field, as they came.
#[derive(Debug, Clone, Default)]
pub struct PageArgs {
    /// Items from the front.
    pub first: Option<i32>,
    /// Only what comes after this.
    pub after: Option<Cursor>,
    /// Items from the back.
    pub last: Option<i32>,
    /// Only what comes before this.
    pub before: Option<Cursor>,
}

/// Which page of a list is wanted: `limit + 1` rows are to be fetched in the direction told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// The most rows to return.
    pub limit: i64,
    /// Rows strictly after this key, in list order.
    pub after: Option<K>,
    /// Rows strictly before this key, in list order.
    pub before: Option<K>,
    /// Whether to take rows from the end; fetch in reverse order then.
    pub backward: bool,
}

impl<K> PageRequest<K> {
    /// Rows to fetch: one more than the page holds tells whether there is another page.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }
}

impl PageArgs {
    /// Checks the arguments and opens the cursors of the list called `list`.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for a size that is negative or above [`MAX_PAGE`], for `first` together with
    /// `last`, and for a cursor that is not of this list.
    pub fn open<K: DeserializeOwned>(
        &self,
        list: &str,
        sealer: &CursorSealer,
    ) -> Result<PageRequest<K>, Error> {
        let refused = |detail: String| Err(Error::with_detail(ErrorCode::BadUserInput, detail));
        let size = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return refused("Give either \"first\" or \"last\", not both.".to_owned());
            }
            (Some(size), None) | (None, Some(size)) => size,
            (None, None) => DEFAULT_PAGE,
        };
        if !(0..=MAX_PAGE).contains(&size) {
            return refused(format!("A page holds between 0 and {MAX_PAGE} items."));
        }
        let key = |cursor: &Option<Cursor>| {
            cursor
                .as_ref()
                .map(|cursor| sealer.open(list, cursor))
                .transpose()
        };
        Ok(PageRequest {
            limit: size.into(),
            after: key(&self.after)?,
            before: key(&self.before)?,
            backward: self.last.is_some(),
        })
    }
}

/// Where a page stands in its list.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(shareable)]
pub struct PageInfo {
    /// Whether more items come after this page.
    pub has_next_page: bool,
    /// Whether items come before this page.
    pub has_previous_page: bool,
    /// Cursor of the first item.
    pub start_cursor: Option<Cursor>,
    /// Cursor of the last item.
    pub end_cursor: Option<Cursor>,
}

/// An item of a page.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name_type)]
pub struct Edge<N: OutputType> {
    /// The item.
    pub node: N,
    /// Where it stands; give it as `after` or `before`.
    pub cursor: Cursor,
}

/// A page of a list.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name_type)]
pub struct Connection<N: OutputType> {
    /// The items with their cursors.
    pub edges: Vec<Edge<N>>,
    /// The items.
    pub nodes: Vec<N>,
    /// Where the page stands.
    pub page_info: PageInfo,
    /// How many items the whole list has; counted only when asked for.
    pub total_count: Option<i64>,
}

impl<N: OutputType> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", N::type_name()).into()
    }
}

impl<N: OutputType> TypeName for Connection<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", N::type_name()).into()
    }
}

impl<N: OutputType + Clone> Connection<N> {
    /// Builds a page from the rows fetched for `request`, in the order they were fetched.
    pub fn build<K, S: Serialize>(
        request: &PageRequest<K>,
        mut rows: Vec<N>,
        sealer: &CursorSealer,
        list: &str,
        key: impl Fn(&N) -> S,
    ) -> Self {
        let more = rows.len() > usize::try_from(request.limit).unwrap_or(usize::MAX);
        rows.truncate(usize::try_from(request.limit).unwrap_or(0));
        if request.backward {
            rows.reverse();
        }
        let edges: Vec<_> = rows
            .iter()
            .map(|node| Edge {
                cursor: sealer.seal(list, &key(node)),
                node: node.clone(),
            })
            .collect();
        let page_info = PageInfo {
            has_next_page: if request.backward {
                request.before.is_some()
            } else {
                more
            },
            has_previous_page: if request.backward {
                more
            } else {
                request.after.is_some()
            },
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        };
        Self {
            edges,
            nodes: rows,
            page_info,
            total_count: None,
        }
    }

    /// Sets the total.
    #[must_use]
    pub fn with_total(mut self, total: Option<i64>) -> Self {
        self.total_count = total;
        self
    }
}

/// Whether the client asks for `totalCount`: counting is work that only those pay who want it.
pub fn wants_total(ctx: &Context<'_>) -> bool {
    ctx.look_ahead().field("totalCount").exists()
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

    #[test]
    fn page_sizes_are_bounded() {
        let open = |first, last| {
            PageArgs {
                first,
                last,
                ..PageArgs::default()
            }
            .open::<i32>("l", &sealer())
        };
        assert_eq!(open(None, None).unwrap().limit, 20);
        assert_eq!(open(Some(100), None).unwrap().fetch(), 101);
        assert!(open(None, Some(5)).unwrap().backward);
        for (first, last) in [
            (Some(101), None),
            (Some(-1), None),
            (None, Some(101)),
            (Some(1), Some(1)),
        ] {
            assert_eq!(
                open(first, last).unwrap_err().code(),
                ErrorCode::BadUserInput
            );
        }
    }

    #[test]
    fn pages_tell_whether_there_is_more() {
        let request: PageRequest<i32> = PageRequest {
            limit: 2,
            after: None,
            before: None,
            backward: false,
        };
        let page = Connection::build(&request, vec![1, 2, 3], &sealer(), "l", |n| *n);
        assert_eq!(page.nodes, [1, 2]);
        assert!(page.page_info.has_next_page && !page.page_info.has_previous_page);
        let request: PageRequest<i32> = PageRequest {
            limit: 2,
            after: None,
            before: Some(4),
            backward: true,
        };
        let page = Connection::build(&request, vec![3, 2], &sealer(), "l", |n| *n);
        assert_eq!(page.nodes, [2, 3]);
        assert!(page.page_info.has_next_page && !page.page_info.has_previous_page);
    }
}
