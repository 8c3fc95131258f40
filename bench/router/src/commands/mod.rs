//! The commands, and what several of them need.

pub mod cold;
pub mod compare;
pub mod contestants;
pub mod parts;
pub mod record;
pub mod serve;
pub mod tables;

use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::Context;
use atelier_router_bench::load::{Oracle, Target};
use atelier_router_bench::queries::{self, Query};
use atelier_router_bench::shop;

/// A query and what its right answer is.
pub struct Measured {
    pub query: Query,
    pub oracle: Rc<Oracle>,
}

impl Measured {
    pub async fn named(name: &str) -> anyhow::Result<Self> {
        let query = queries::named(name).with_context(|| format!("no query is called {name}"))?;
        Self::new(query).await
    }

    pub async fn new(query: Query) -> anyhow::Result<Self> {
        let expected = shop::expected(&query.text, &query.variables).await?;
        Ok(Self {
            query,
            oracle: Rc::new(Oracle::new(expected)),
        })
    }

    pub fn target(&self, address: SocketAddr, connections: usize) -> Target {
        Target::new(address, &self.query.body(), connections)
    }
}
