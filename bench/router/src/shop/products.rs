//! Names, prices and weights.

use async_graphql::{ID, Object, SimpleObject};

use super::data::{self, PRODUCTS};

/// The root of the products subgraph.
pub struct Query;

#[derive(SimpleObject)]
pub struct Product {
    upc: ID,
    name: Option<&'static str>,
    price: Option<i32>,
    weight: Option<i32>,
}

impl From<&data::Product> for Product {
    fn from(product: &data::Product) -> Self {
        Self {
            upc: product.upc.into(),
            name: Some(product.name),
            price: Some(product.price),
            weight: Some(product.weight),
        }
    }
}

#[Object]
impl Query {
    async fn top_products(
        &self,
        #[graphql(default = 5)] first: i32,
    ) -> Option<Vec<Option<Product>>> {
        let first = usize::try_from(first).unwrap_or(0);
        let top = PRODUCTS.iter().take(first);
        Some(top.map(|product| Some(product.into())).collect())
    }

    #[graphql(entity)]
    async fn find_product(&self, upc: ID) -> Option<Product> {
        let mut all = PRODUCTS.iter();
        all.find(|product| upc == product.upc).map(Product::from)
    }
}
