//! Stock, and shipping from what other subgraphs know.

use async_graphql::{ID, Object};

use super::data::{self, PRODUCTS};

/// The root of the inventory subgraph.
pub struct Query;

pub struct Stock {
    product: &'static data::Product,
    price: Option<i32>,
    weight: Option<i32>,
}

#[Object(name = "Product", extends)]
impl Stock {
    #[graphql(external)]
    async fn upc(&self) -> ID {
        self.product.upc.into()
    }

    #[graphql(external)]
    async fn price(&self) -> Option<i32> {
        self.price
    }

    #[graphql(external)]
    async fn weight(&self) -> Option<i32> {
        self.weight
    }

    async fn in_stock(&self) -> Option<bool> {
        Some(self.product.in_stock)
    }

    #[graphql(requires = "price weight")]
    async fn shipping_estimate(&self) -> Option<i32> {
        Some(data::shipping(self.price?, self.weight?))
    }
}

fn stock(upc: &ID, price: Option<i32>, weight: Option<i32>) -> Option<Stock> {
    let product = PRODUCTS.iter().find(|product| **upc == product.upc)?;
    Some(Stock {
        product,
        price,
        weight,
    })
}

#[Object]
impl Query {
    #[graphql(entity)]
    async fn find_product(&self, upc: ID) -> Option<Stock> {
        stock(&upc, None, None)
    }

    #[graphql(entity)]
    async fn find_product_to_ship(
        &self,
        #[graphql(key)] upc: ID,
        price: Option<i32>,
        weight: Option<i32>,
    ) -> Option<Stock> {
        stock(&upc, price, weight)
    }
}
