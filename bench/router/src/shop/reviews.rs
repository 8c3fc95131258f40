//! Reviews by users of products.

use async_graphql::{ID, Object};

use super::data::{self, REVIEWS, USERS};

/// The root of the reviews subgraph.
pub struct Query;

pub struct Review(&'static data::Review);

pub struct User(ID);

pub struct Product(ID);

#[Object]
impl Review {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn body(&self) -> Option<&str> {
        Some(self.0.body)
    }

    #[graphql(provides = "username")]
    async fn author(&self) -> Option<User> {
        Some(User(self.0.author.into()))
    }

    async fn product(&self) -> Option<Product> {
        Some(Product(self.0.product.into()))
    }
}

#[Object]
impl User {
    async fn id(&self) -> &ID {
        &self.0
    }

    #[graphql(external)]
    async fn username(&self) -> Option<&str> {
        let mut users = USERS.iter();
        Some(users.find(|user| self.0 == user.id)?.username)
    }

    async fn reviews(&self) -> Option<Vec<Option<Review>>> {
        Some(all(|review| self.0 == review.author))
    }
}

#[Object]
impl Product {
    async fn upc(&self) -> &ID {
        &self.0
    }

    async fn reviews(&self) -> Option<Vec<Option<Review>>> {
        Some(all(|review| self.0 == review.product))
    }
}

fn all(wanted: impl Fn(&data::Review) -> bool) -> Vec<Option<Review>> {
    let reviews = REVIEWS.iter().filter(|review| wanted(review));
    reviews.map(|review| Some(Review(review))).collect()
}

#[Object]
impl Query {
    #[graphql(entity)]
    async fn find_review(&self, id: ID) -> Option<Review> {
        REVIEWS.iter().find(|review| id == review.id).map(Review)
    }

    #[graphql(entity)]
    async fn find_user(&self, id: ID) -> Option<User> {
        Some(User(id))
    }

    #[graphql(entity)]
    async fn find_product(&self, upc: ID) -> Option<Product> {
        Some(Product(upc))
    }
}
