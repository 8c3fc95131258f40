//! The measured requests.

use serde_json::{Value, json};

/// A request that clients send.
#[derive(Debug, Clone)]
pub struct Query {
    /// What it is called on the command line and in tables.
    pub name: &'static str,
    /// The GraphQL document.
    pub text: String,
    /// Its variables.
    pub variables: Value,
}

impl Query {
    /// The body of the HTTP request.
    pub fn body(&self) -> Vec<u8> {
        json!({"query": self.text, "variables": self.variables})
            .to_string()
            .into_bytes()
    }

    /// The same with an alias on its first root field, for which no router can
    /// have a plan yet.
    pub fn fresh(&self, number: usize) -> Self {
        let root = if self.text.contains("  me {") {
            "me {"
        } else {
            "users {"
        };
        let aliased = format!("fresh{number}: {root}");
        Self {
            text: self.text.replacen(root, &aliased, 1),
            ..self.clone()
        }
    }
}

/// One subgraph, a few hundred bytes.
const LIGHT: &str = "{ users { id name username } }";

/// All four subgraphs, twice over, some kilobytes.
const MEDIUM: &str = "query Front($first: Int!) {
  me {
    username
    name
    reviews { id product { upc name price inStock shippingEstimate } }
  }
  topProducts(first: $first) {
    upc
    name
    price
    inStock
    shippingEstimate
    reviews { id body author { id name username } }
  }
}";

/// Reviews, products and authors nested in each other: 88 kB.
const HEAVY: &str = "fragment Person on User { id username name }
fragment Opinion on Review { id body }
fragment Ware on Product { inStock name price shippingEstimate upc weight }
query Everything {
  users {
    ...Person
    reviews {
      ...Opinion
      product {
        ...Ware
        reviews {
          ...Opinion
          author {
            ...Person
            reviews { ...Opinion product { ...Ware } }
          }
        }
      }
    }
  }
  topProducts {
    ...Ware
    reviews {
      ...Opinion
      author {
        ...Person
        reviews { ...Opinion product { ...Ware } }
      }
    }
  }
}";

/// Light, medium and heavy.
pub fn all() -> [Query; 3] {
    [
        Query {
            name: "light",
            text: LIGHT.to_owned(),
            variables: json!({}),
        },
        Query {
            name: "medium",
            text: MEDIUM.to_owned(),
            variables: json!({"first": 3}),
        },
        Query {
            name: "heavy",
            text: HEAVY.to_owned(),
            variables: json!({}),
        },
    ]
}

/// The query of this name.
pub fn named(name: &str) -> Option<Query> {
    all().into_iter().find(|query| query.name == name)
}
