//! The domain's statements: the only place with SQL.

pub mod access_token;
pub mod account;
pub mod audit;
pub mod credential;
pub mod identity;
pub mod plan;
pub mod quota;
pub mod reservation;
pub mod retention;
pub mod role;
pub mod session;
pub mod signing_key;

/// The page of a list sorted by a time and an id.
pub type TimePage = atelier_kit::page::PageRequest<(chrono::DateTime<chrono::Utc>, uuid::Uuid)>;

/// Narrows a boxed query to a [`TimePage`], newest first.
macro_rules! newest_first {
    ($query:expr, $page:expr, $time:expr, $id:expr) => {{
        let (mut query, page) = ($query, $page);
        // In list order (newest first) "after" means older.
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
pub(crate) use newest_first;
