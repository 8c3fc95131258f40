// The types of a library, for the crate that is `async_graphql` where this file is included.

use async_graphql::{
    ComplexObject, Context, Directive, EmptyMutation, EmptySubscription, Interface, Object,
    ResolveFut, Schema, ServerResult, SimpleObject, Union, Value,
};

pub struct Query;

#[derive(SimpleObject, Clone)]
#[graphql(crate = "async_graphql", complex)]
pub struct Book {
    pub id: i32,
    pub title: String,
    #[graphql(skip)]
    pub author: i32,
}

#[ComplexObject(crate = "async_graphql")]
impl Book {
    async fn author(&self) -> Option<Author> {
        author(self.author)
    }

    /// Nobody has given it a price.
    async fn price(&self) -> async_graphql::Result<i32> {
        Err("no price".into())
    }

    async fn pages(&self) -> i32 {
        let pages = [12, 13];
        pages[usize::try_from(self.id).unwrap_or(0) + 1]
    }

    /// Comes when all who are asked for have come.
    async fn meets(&self, ctx: &Context<'_>, who: Option<i32>) -> i32 {
        ctx.data_unchecked::<crate::Meeting>().meet().await;
        who.unwrap_or(self.id)
    }
}

#[derive(Clone)]
pub struct Author {
    id: i32,
    name: &'static str,
}

#[Object(crate = "async_graphql")]
impl Author {
    async fn id(&self) -> &i32 {
        &self.id
    }

    async fn name(&self) -> &str {
        self.name
    }

    async fn books(&self) -> Vec<Book> {
        books().into_iter().filter(|book| book.author == self.id).collect()
    }
}

#[derive(Interface, Clone)]
#[graphql(crate = "async_graphql", field(name = "id", ty = "&i32"))]
pub enum Item {
    Book(Book),
    Author(Author),
}

#[derive(Union, Clone)]
#[graphql(crate = "async_graphql")]
pub enum Found {
    Book(Book),
    Author(Author),
}

fn books() -> Vec<Book> {
    let book = |id, title: &str, author| Book { id, title: title.to_owned(), author };
    vec![book(1, "Emma", 1), book(2, "Persuasion", 1), book(3, "Middlemarch", 2)]
}

fn author(id: i32) -> Option<Author> {
    let name = match id {
        1 => "Jane Austen",
        2 => "George Eliot",
        _ => return None,
    };
    Some(Author { id, name })
}

#[Object(crate = "async_graphql")]
impl Query {
    async fn books(&self) -> Vec<Book> {
        books()
    }

    async fn book(&self, id: i32) -> Option<Book> {
        books().into_iter().find(|book| book.id == id)
    }

    async fn items(&self) -> Vec<Item> {
        let mut items: Vec<Item> = books().into_iter().map(Item::Book).collect();
        items.extend(author(2).map(Item::Author));
        items
    }

    async fn found(&self) -> Vec<Found> {
        let mut found: Vec<Found> = author(1).map(Found::Author).into_iter().collect();
        found.extend(books().into_iter().map(Found::Book));
        found
    }

    #[graphql(entity)]
    async fn find_book(&self, id: i32) -> Option<Book> {
        books().into_iter().find(|book| book.id == id)
    }
}

struct Shout;

#[async_graphql::async_trait::async_trait]
impl async_graphql::CustomDirective for Shout {
    async fn resolve_field(
        &self,
        _: &Context<'_>,
        resolve: ResolveFut<'_>,
    ) -> ServerResult<Option<Value>> {
        Ok(resolve.await?.map(|value| match value {
            Value::String(text) => Value::String(text.to_uppercase()),
            other => other,
        }))
    }
}

#[Directive(crate = "async_graphql", location = "Field")]
fn shout() -> impl async_graphql::CustomDirective {
    Shout
}

pub fn schema(meeting: crate::Meeting) -> Schema<Query, EmptyMutation, EmptySubscription> {
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .register_output_type::<Item>()
        .directive(shout)
        .data(meeting)
        .enable_federation()
        .finish()
}
