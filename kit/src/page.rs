//! Relay connections with keyset cursors, once for all domains.
//!
//! A cursor is the signed sort key of a row, so clients cannot forge one. See the GraphQL Cursor
//! Connections Specification.

use std::borrow::Cow;

use async_graphql::{Context, OutputType, SimpleObject, TypeName};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Deps,
    error::{Error, ErrorCode},
    transaction::ReadConnection,
};

pub use crate::cursor::{Cursor, CursorSealer};

/// The most items of a page.
pub const MAX_PAGE: i32 = 100;
/// The number of items of a page unless the client asks for another.
pub const DEFAULT_PAGE: i32 = 20;

/// The paging arguments of a connection field, unchecked.
#[derive(Debug, Clone, Default)]
pub struct PageArgs {
    /// The number of items to return from the start of the list.
    pub first: Option<i32>,
    /// Only items after this cursor.
    pub after: Option<Cursor>,
    /// The number of items to return from the end of the list.
    pub last: Option<i32>,
    /// Only items before this cursor.
    pub before: Option<Cursor>,
    /// Whether the client asks for `totalCount`.
    pub total: bool,
}

/// A row of a list. A list with several sort orders has one implementation for each; the marker
/// type `Order` tells them apart, and `()` stands for the only order of a list.
pub trait Listed<Order = ()> {
    /// The list's name in cursors, such as `accounts.accessTokens`.
    const LIST: &'static str;
    /// The sort key. It must be unique, so it usually ends with the id.
    type Key: Serialize + DeserializeOwned;

    /// Returns the row's sort key.
    fn key(&self) -> Self::Key;
}

/// A page of rows and their cursors.
#[derive(Debug, Clone)]
pub struct Page<R> {
    /// The rows, in list order.
    pub rows: Vec<R>,
    cursors: Vec<Cursor>,
    info: PageInfo,
    total: Option<i64>,
}

impl<R> Page<R> {
    /// Converts the page to a connection of the schema; `node` converts a row to a node.
    pub fn connection<N: OutputType + Clone>(self, node: impl Fn(R) -> N) -> Connection<N> {
        let nodes: Vec<N> = self.rows.into_iter().map(node).collect();
        let edges = nodes.iter().zip(self.cursors).map(|(node, cursor)| Edge {
            node: node.clone(),
            cursor,
        });
        Connection {
            edges: edges.collect(),
            nodes,
            page_info: self.info,
            total_count: self.total,
        }
    }
}

/// A checked request for a page of a list. Fetch [`PageRequest::fetch`] rows in the given
/// direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// The most rows of the page.
    pub limit: i64,
    /// Rows strictly after this key, in list order.
    pub after: Option<K>,
    /// Rows strictly before this key, in list order.
    pub before: Option<K>,
    /// Whether to take rows from the end of the list, by fetching them in reverse order.
    pub backward: bool,
}

impl<K> PageRequest<K> {
    /// The number of rows to fetch: one more than the page holds, which tells whether there is
    /// another page.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }
}

impl PageArgs {
    /// Checks the arguments and opens the cursors, which must be of the list `list`.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for a size that is negative or above [`MAX_PAGE`], for `first` together
    /// with `last`, and for a cursor that is not of this list.
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

impl PageArgs {
    /// Fetches a page of a list with `rows`, and its total with `count` if the client asks for it.
    ///
    /// # Errors
    /// Those of [`PageArgs::open`]; `UNAVAILABLE` if the database does not answer.
    pub async fn fetch<R: Listed>(
        &self,
        deps: &Deps,
        rows: impl AsyncFnOnce(&mut ReadConnection, &PageRequest<R::Key>) -> Result<Vec<R>, Error>,
        count: impl AsyncFnOnce(&mut ReadConnection) -> Result<i64, Error>,
    ) -> Result<Page<R>, Error> {
        self.fetch_in::<(), R>(deps, rows, count).await
    }

    /// Like [`PageArgs::fetch`], for a list with several sort orders.
    ///
    /// # Errors
    /// Those of [`PageArgs::fetch`].
    pub async fn fetch_in<Order, R: Listed<Order>>(
        &self,
        deps: &Deps,
        rows: impl AsyncFnOnce(&mut ReadConnection, &PageRequest<R::Key>) -> Result<Vec<R>, Error>,
        count: impl AsyncFnOnce(&mut ReadConnection) -> Result<i64, Error>,
    ) -> Result<Page<R>, Error> {
        let request = self.open(R::LIST, &deps.cursors)?;
        let mut connection = deps.read().await?;
        let rows = rows(&mut connection, &request).await?;
        let total = if self.total {
            Some(count(&mut connection).await?)
        } else {
            None
        };
        Ok(request.page::<Order, R>(rows, &deps.cursors, total))
    }
}

impl<K> PageRequest<K> {
    /// Builds the page from rows in the order in which they were fetched.
    fn page<Order, R: Listed<Order>>(
        &self,
        mut rows: Vec<R>,
        sealer: &CursorSealer,
        total: Option<i64>,
    ) -> Page<R> {
        let limit = usize::try_from(self.limit).unwrap_or(0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        if self.backward {
            rows.reverse();
        }
        let cursors: Vec<Cursor> = rows
            .iter()
            .map(|row| sealer.seal(R::LIST, &row.key()))
            .collect();
        let info = PageInfo {
            has_next_page: if self.backward {
                self.before.is_some()
            } else {
                more
            },
            has_previous_page: if self.backward {
                more
            } else {
                self.after.is_some()
            },
            start_cursor: cursors.first().cloned(),
            end_cursor: cursors.last().cloned(),
        };
        Page {
            rows,
            cursors,
            info,
            total,
        }
    }
}

/// Limits a boxed diesel query to the page that a [`PageRequest`] over `(time, id)` asks for,
/// newest rows first.
///
/// `newest_first!(query, request, table::created_at, table::id)`
#[macro_export]
macro_rules! newest_first {
    ($query:expr, $page:expr, $time:expr, $id:expr) => {{
        let (mut query, page) = ($query, $page);
        // In list order (newest first), "after" means older.
        if let Some((time, id)) = page.after {
            query = query.filter($time.lt(time).or($time.eq(time).and($id.lt(id))));
        }
        if let Some((time, id)) = page.before {
            query = query.filter($time.gt(time).or($time.eq(time).and($id.gt(id))));
        }
        if page.backward {
            query = query.order(($time.asc(), $id.asc()));
        } else {
            query = query.order(($time.desc(), $id.desc()));
        }
        query.limit(page.fetch())
    }};
}

/// A request for a page of a list that is sorted by time and id.
pub type TimePage = PageRequest<(chrono::DateTime<chrono::Utc>, uuid::Uuid)>;

/// The position of a page in its list.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(shareable)]
pub struct PageInfo {
    /// Whether the list has items after this page.
    pub has_next_page: bool,
    /// Whether the list has items before this page.
    pub has_previous_page: bool,
    /// The cursor of the page's first item; null if the page is empty.
    pub start_cursor: Option<Cursor>,
    /// The cursor of the page's last item; null if the page is empty.
    pub end_cursor: Option<Cursor>,
}

/// An item of a page, with its cursor.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name_type)]
pub struct Edge<N: OutputType> {
    /// The item.
    pub node: N,
    /// The item's position in the list. Pass it as `after` or `before`.
    pub cursor: Cursor,
}

/// A page of a list.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name_type)]
pub struct Connection<N: OutputType> {
    /// The items of the page, with their cursors.
    pub edges: Vec<Edge<N>>,
    /// The items of the page.
    pub nodes: Vec<N>,
    /// The position of the page in the list.
    pub page_info: PageInfo,
    /// The number of items in the whole list. It is counted only if this field is requested.
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
    /// Builds a page from the rows fetched for `request`, in the order in which they were fetched.
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

    /// Sets `totalCount`.
    #[must_use]
    pub fn with_total(mut self, total: Option<i64>) -> Self {
        self.total_count = total;
        self
    }
}

/// Whether the client asks for `totalCount`, which is counted only then.
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
