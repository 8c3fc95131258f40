//! What is in stock.

use async_graphql::{EmptyMutation, EmptySubscription, ID, Object, Schema};

use super::{Inventory, built};

pub struct InventoryQuery;

pub struct Stock {
    upc: ID,
    price: Option<i32>,
    weight: Option<i32>,
}

#[Object(name = "Product", extends)]
impl Stock {
    #[graphql(external)]
    async fn upc(&self) -> &ID {
        &self.upc
    }

    #[graphql(external)]
    async fn price(&self) -> i32 {
        self.price.unwrap_or_default()
    }

    #[graphql(external)]
    async fn weight(&self) -> Option<i32> {
        self.weight
    }

    async fn in_stock(&self) -> Option<bool> {
        (*self.upc != *"2").then_some(true)
    }

    #[graphql(requires = "price weight")]
    async fn shipping_estimate(&self) -> Option<i32> {
        match (self.price, self.weight) {
            (Some(price), Some(weight)) if price <= 1000 => Some(weight / 2),
            _ => Some(0),
        }
    }

    /// Never null in the schema, always an error for product 2.
    async fn shelf(&self) -> async_graphql::Result<String> {
        if *self.upc == *"2" {
            return Err("No shelf.".into());
        }
        Ok(format!("shelf-{}", *self.upc))
    }

    async fn label(&self) -> async_graphql::Result<Option<String>> {
        if *self.upc == *"2" {
            return Err("No label.".into());
        }
        Ok(Some(format!("label-{}", *self.upc)))
    }
}

#[Object(name = "Query")]
impl InventoryQuery {
    #[graphql(entity)]
    async fn find_product(&self, upc: ID) -> Option<Stock> {
        Some(Stock {
            upc,
            price: None,
            weight: None,
        })
    }

    #[graphql(entity)]
    async fn find_product_requires(
        &self,
        #[graphql(key)] upc: ID,
        price: Option<i32>,
        weight: Option<i32>,
    ) -> Option<Stock> {
        Some(Stock { upc, price, weight })
    }
}

pub fn inventory() -> Inventory {
    built(Schema::build(
        InventoryQuery,
        EmptyMutation,
        EmptySubscription,
    ))
}
