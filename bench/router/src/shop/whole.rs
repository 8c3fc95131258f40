//! The shop as one schema, without federation: its answers are the right ones.

use async_graphql::{ID, Object};

use super::data::{self, PRODUCTS, REVIEWS, USERS, shipping};

pub struct Query;

struct User(&'static data::User);
struct Product(&'static data::Product);
struct Review(&'static data::Review);

#[Object]
impl User {
    async fn id(&self) -> ID {
        self.0.id.into()
    }
    async fn name(&self) -> Option<&str> {
        Some(self.0.name)
    }
    async fn username(&self) -> Option<&str> {
        Some(self.0.username)
    }
    async fn birthday(&self) -> Option<i32> {
        Some(self.0.birthday)
    }
    async fn reviews(&self) -> Option<Vec<Option<Review>>> {
        Some(reviews(|review| review.author == self.0.id))
    }
}

#[Object]
impl Product {
    async fn upc(&self) -> ID {
        self.0.upc.into()
    }
    async fn name(&self) -> Option<&str> {
        Some(self.0.name)
    }
    async fn price(&self) -> Option<i32> {
        Some(self.0.price)
    }
    async fn weight(&self) -> Option<i32> {
        Some(self.0.weight)
    }
    async fn in_stock(&self) -> Option<bool> {
        Some(self.0.in_stock)
    }
    async fn shipping_estimate(&self) -> Option<i32> {
        Some(shipping(self.0.price, self.0.weight))
    }
    async fn reviews(&self) -> Option<Vec<Option<Review>>> {
        Some(reviews(|review| review.product == self.0.upc))
    }
}

#[Object]
impl Review {
    async fn id(&self) -> ID {
        self.0.id.into()
    }
    async fn body(&self) -> Option<&str> {
        Some(self.0.body)
    }
    async fn author(&self) -> Option<User> {
        USERS.iter().find(|user| user.id == self.0.author).map(User)
    }
    async fn product(&self) -> Option<Product> {
        let mut all = PRODUCTS.iter();
        all.find(|product| product.upc == self.0.product)
            .map(Product)
    }
}

fn reviews(wanted: impl Fn(&data::Review) -> bool) -> Vec<Option<Review>> {
    let reviews = REVIEWS.iter().filter(|review| wanted(review));
    reviews.map(|review| Some(Review(review))).collect()
}

#[Object]
impl Query {
    async fn me(&self) -> Option<User> {
        USERS.first().map(User)
    }
    async fn user(&self, id: ID) -> Option<User> {
        USERS.iter().find(|user| id == user.id).map(User)
    }
    async fn users(&self) -> Option<Vec<Option<User>>> {
        Some(USERS.iter().map(|user| Some(User(user))).collect())
    }
    async fn top_products(
        &self,
        #[graphql(default = 5)] first: i32,
    ) -> Option<Vec<Option<Product>>> {
        let first = usize::try_from(first).unwrap_or(0);
        let top = PRODUCTS.iter().take(first);
        Some(top.map(|product| Some(Product(product))).collect())
    }
}
