//! The shop used by most tests: accounts, products, inventory, reviews.

// Found by who includes this file from elsewhere too.
#[path = "graph/inventory.rs"]
mod inventory;
#[path = "graph/reviews.rs"]
mod reviews;

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, Enum, ID, InputObject, Interface, Object, Schema,
    SchemaBuilder, SimpleObject, Subscription, Union,
};
use atelier_router::CatchPanics;
use futures::Stream;
use tokio::sync::broadcast;

pub use inventory::{InventoryQuery, inventory};
pub use reviews::{ReviewsQuery, reviews_schema};

pub type Accounts = Schema<AccountsQuery, EmptyMutation, EmptySubscription>;
pub type Products = Schema<ProductsQuery, ProductsMutation, ProductsSubscription>;
pub type Inventory = Schema<InventoryQuery, EmptyMutation, EmptySubscription>;
pub type Reviews = Schema<ReviewsQuery, EmptyMutation, EmptySubscription>;

fn built<Q, M, S>(builder: SchemaBuilder<Q, M, S>) -> Schema<Q, M, S>
where
    Q: async_graphql::ObjectType + 'static,
    M: async_graphql::ObjectType + 'static,
    S: async_graphql::SubscriptionType + 'static,
{
    builder
        .enable_federation()
        .enable_subscription_in_federation()
        .extension(CatchPanics)
        .finish()
}

// Accounts

#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct User {
    id: ID,
    name: String,
    username: Option<String>,
}

#[async_graphql::ComplexObject]
impl User {
    /// Who asked, as the router told.
    async fn asked_by(&self, ctx: &Context<'_>) -> Option<String> {
        ctx.data_opt::<Actor>().map(|actor| actor.0.clone())
    }

    async fn broken(&self) -> Option<String> {
        // Out of bounds for every name.
        self.name
            .get(self.name.len() + 1..)
            .map(str::to_owned)
            .or_else(|| {
                let empty: Vec<String> = Vec::new();
                Some(empty[self.name.len()].clone())
            })
    }
}

/// The identity given to in-process subgraphs.
#[derive(Clone)]
pub struct Actor(pub String);

fn user(id: &str) -> Option<User> {
    let (name, username) = match id {
        "1" => ("Ada", Some("ada")),
        "2" => ("Bo", None),
        _ => return None,
    };
    Some(User {
        id: id.into(),
        name: name.into(),
        username: username.map(str::to_owned),
    })
}

pub struct AccountsQuery;

#[Object(name = "Query")]
impl AccountsQuery {
    async fn me(&self) -> Option<User> {
        user("1")
    }

    async fn users(&self) -> Vec<User> {
        ["1", "2"].into_iter().filter_map(user).collect()
    }

    /// Fails for user 3, gives nothing for others it does not know.
    #[graphql(entity)]
    async fn find_user(&self, id: ID) -> Option<User> {
        user(&id)
    }
}

pub fn accounts() -> Accounts {
    built(Schema::build(
        AccountsQuery,
        EmptyMutation,
        EmptySubscription,
    ))
}

// Products

#[derive(SimpleObject, Clone)]
pub struct Product {
    upc: ID,
    name: String,
    price: i32,
    weight: Option<i32>,
    tags: Vec<String>,
    kind: ProductKind,
    dimensions: Dimensions,
}

#[derive(Enum, Copy, Clone, Eq, PartialEq)]
pub enum ProductKind {
    Furniture,
    Toy,
}

#[derive(SimpleObject, Clone)]
#[graphql(shareable)]
pub struct Dimensions {
    width: i32,
    height: i32,
}

#[derive(SimpleObject, Clone)]
pub struct Category {
    slug: ID,
    name: String,
}

#[derive(Union, Clone)]
pub enum SearchHit {
    Product(Product),
    Category(Category),
}

#[derive(Interface, Clone)]
#[graphql(field(name = "name", ty = "&String"))]
pub enum Named {
    Product(Product),
    Category(Category),
}

fn product(upc: &str) -> Option<Product> {
    let (name, price, weight, kind) = match upc {
        "1" => ("Table", 899, Some(100), ProductKind::Furniture),
        "2" => ("Couch", 1299, Some(1000), ProductKind::Furniture),
        "3" => ("Kite", 54, None, ProductKind::Toy),
        _ => return None,
    };
    Some(Product {
        upc: upc.into(),
        name: name.into(),
        price,
        weight,
        tags: vec![format!("tag-{upc}"), "all \"quoted\"".into()],
        kind,
        dimensions: Dimensions {
            width: price,
            height: 2,
        },
    })
}

fn category() -> Category {
    Category {
        slug: "home".into(),
        name: "Home".into(),
    }
}

#[derive(InputObject)]
pub struct ProductFilter {
    kind: Option<ProductKind>,
    max_price: i32,
}

pub struct ProductsQuery;

#[Object(name = "Query")]
impl ProductsQuery {
    async fn top_products(&self, #[graphql(default = 3)] first: i32) -> Vec<Product> {
        let all = ["1", "2", "3"].into_iter().filter_map(product);
        all.take(usize::try_from(first).unwrap_or(0)).collect()
    }

    async fn product(&self, upc: ID) -> Option<Product> {
        product(&upc)
    }

    async fn products_where(&self, filter: ProductFilter) -> Vec<Product> {
        let all = ["1", "2", "3"].into_iter().filter_map(product);
        all.filter(|p| p.price <= filter.max_price && filter.kind.is_none_or(|k| k == p.kind))
            .collect()
    }

    async fn search(&self) -> Vec<SearchHit> {
        let product = product("1").map(SearchHit::Product);
        product
            .into_iter()
            .chain([SearchHit::Category(category())])
            .collect()
    }

    async fn named(&self) -> Vec<Named> {
        let product = product("2").map(Named::Product);
        [Named::Category(category())]
            .into_iter()
            .chain(product)
            .collect()
    }

    async fn fails(&self) -> async_graphql::Result<Option<String>> {
        use async_graphql::ErrorExtensions;
        Err(async_graphql::Error::new("It failed.").extend_with(|_, e| {
            e.set("code", "TEAPOT");
            e.set("detail", 418);
        }))
    }

    #[graphql(entity)]
    async fn find_product(&self, upc: ID) -> Option<Product> {
        product(&upc)
    }
}

pub struct ProductsMutation;

#[Object(name = "Mutation")]
impl ProductsMutation {
    /// Appends to a log kept in the schema's data and gives its length.
    async fn append(&self, ctx: &Context<'_>, text: String) -> usize {
        let log = ctx.data_unchecked::<parking_lot::Mutex<Vec<String>>>();
        let mut log = log.lock();
        log.push(text);
        log.len()
    }

    async fn product_rename(&self, upc: ID, name: String) -> Option<Product> {
        product(&upc).map(|product| Product { name, ..product })
    }
}

pub struct ProductsSubscription;

#[Subscription(name = "Subscription")]
impl ProductsSubscription {
    /// Each text published to the bus names a product by its upc.
    async fn product_changed(
        &self,
        ctx: &Context<'_>,
    ) -> impl Stream<Item = Option<Product>> + use<> {
        let receiver = ctx
            .data_unchecked::<broadcast::Sender<String>>()
            .subscribe();
        futures::stream::unfold(receiver, |mut receiver| async move {
            let upc = receiver.recv().await.ok()?;
            (upc != "end").then(|| (product(&upc), receiver))
        })
    }

    async fn count_to(&self, n: i32) -> impl Stream<Item = i32> + use<> {
        futures::stream::iter(1..=n)
    }
}

pub fn products(bus: broadcast::Sender<String>) -> Products {
    built(
        Schema::build(ProductsQuery, ProductsMutation, ProductsSubscription)
            .data(parking_lot::Mutex::new(Vec::<String>::new()))
            .data(bus)
            .register_output_type::<Named>(),
    )
}
