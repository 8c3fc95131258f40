//! What people think of it.

use async_graphql::{EmptyMutation, EmptySubscription, ID, Object, Schema, SimpleObject};

use super::{Reviews, built};

pub struct ReviewsQuery;

#[derive(SimpleObject, Clone)]
pub struct Review {
    id: ID,
    body: String,
    author: Author,
    product: Reviewed,
}

#[derive(Clone)]
pub struct Author {
    id: ID,
}

#[Object(name = "User")]
impl Author {
    async fn id(&self) -> &ID {
        &self.id
    }

    async fn reviews(&self) -> Vec<Review> {
        reviews()
            .into_iter()
            .filter(|review| review.author.id == self.id)
            .collect()
    }
}

#[derive(Clone)]
pub struct Reviewed {
    upc: ID,
}

#[Object(name = "Product")]
impl Reviewed {
    async fn upc(&self) -> &ID {
        &self.upc
    }

    async fn reviews(&self) -> Vec<Review> {
        reviews()
            .into_iter()
            .filter(|review| review.product.upc == self.upc)
            .collect()
    }
}

fn reviews() -> Vec<Review> {
    let review = |id: &str, author: &str, product: &str, body: &str| Review {
        id: id.into(),
        body: body.into(),
        author: Author { id: author.into() },
        product: Reviewed {
            upc: product.into(),
        },
    };
    vec![
        review("r1", "1", "1", "Love it!"),
        review("r2", "1", "2", "Too expensive."),
        review("r3", "2", "1", "Prefer something else."),
        review("r4", "9", "3", "By a ghost."),
    ]
}

#[Object(name = "Query")]
impl ReviewsQuery {
    async fn latest_reviews(&self) -> Vec<Review> {
        reviews()
    }

    #[graphql(entity)]
    async fn find_user(&self, id: ID) -> Option<Author> {
        Some(Author { id })
    }

    #[graphql(entity)]
    async fn find_product(&self, upc: ID) -> Option<Reviewed> {
        Some(Reviewed { upc })
    }

    #[graphql(entity)]
    async fn find_review(&self, id: ID) -> Option<Review> {
        reviews().into_iter().find(|review| review.id == id)
    }
}

pub fn reviews_schema() -> Reviews {
    built(Schema::build(
        ReviewsQuery,
        EmptyMutation,
        EmptySubscription,
    ))
}
