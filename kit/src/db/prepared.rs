//! SQL statements that are prepared once per connection.

use std::{borrow::Cow, marker::PhantomData};

use diesel::{
    QueryResult,
    backend::Backend,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{HasSqlType, Untyped},
};

/// Returns a statement for SQL that is run often. It is used like [`diesel::sql_query`], which has
/// the server parse and plan the statement each time and takes two round trips for it; this one is
/// prepared on first use and takes one from then on.
///
/// After a few runs, the server may keep a plan that fits the size that tables had then. So this is
/// for statements with only one good plan, such as inserts. A connection keeps each different text
/// for its lifetime, so there must be few of them: what varies is bound, never written into the text.
pub fn prepared(sql: impl Into<Cow<'static, str>>) -> Prepared {
    Prepared { sql: sql.into() }
}

/// A statement that is prepared once per connection; see [`prepared`].
#[derive(Debug, Clone)]
pub struct Prepared {
    sql: Cow<'static, str>,
}

/// A statement with a bound value.
#[derive(Debug, Clone)]
pub struct Bound<Q, V, ST> {
    statement: Q,
    value: V,
    sql_type: PhantomData<ST>,
}

impl Prepared {
    /// Binds the value of `$1`.
    pub fn bind<ST, V>(self, value: V) -> Bound<Self, V, ST> {
        Bound::new(self, value)
    }
}

impl<Q, V, ST> Bound<Q, V, ST> {
    fn new(statement: Q, value: V) -> Self {
        Self {
            statement,
            value,
            sql_type: PhantomData,
        }
    }

    /// Binds the value of the next parameter.
    pub fn bind<NextST, NextV>(self, value: NextV) -> Bound<Self, NextV, NextST> {
        Bound::new(self, value)
    }
}

impl<DB: Backend> QueryFragment<DB> for Prepared {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        pass.push_sql(&self.sql);
        Ok(())
    }
}

impl<Q, V, ST, DB> QueryFragment<DB> for Bound<Q, V, ST>
where
    DB: Backend + HasSqlType<ST>,
    Q: QueryFragment<DB>,
    V: ToSql<ST, DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.statement.walk_ast(pass.reborrow())?;
        pass.push_bind_param_value_only(&self.value)
    }
}

// Told apart by their text and the types of their values.
impl QueryId for Prepared {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, V, ST> QueryId for Bound<Q, V, ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Prepared {
    type SqlType = Untyped;
}

impl<Q: Query, V, ST> Query for Bound<Q, V, ST> {
    type SqlType = Q::SqlType;
}
