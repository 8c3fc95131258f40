//! Who may do what: every operation takes the caller and checks them first.

/// Declares a loader: rows by key, loaded in one statement.
macro_rules! loader {
    ($(#[$doc:meta])* $name:ident: $key:ty => $value:ty, |$connection:ident, $keys:ident| $load:expr, |$rows:ident| $collect:expr) => {
        $(#[$doc])*
        pub struct $name(pub crate::engine::Engine);

        impl atelier_kit::loader::Batch for $name {
            type Key = $key;
            type Value = $value;

            async fn load(
                &self,
                $keys: Vec<$key>,
            ) -> Result<std::collections::HashMap<$key, $value>, atelier_kit::error::Error> {
                let $connection = &mut *self.0.deps().read().await?;
                let $rows = $load.await?;
                Ok($collect)
            }
        }
    };
}

mod check;
pub mod estimate;
pub mod forget_user;
pub mod grant;
pub mod intake;
pub mod lease;
pub mod log;
pub mod queue;
pub mod result_shape;
pub mod schedule;
pub mod step;
pub mod task;
pub mod task_type;
pub mod worker;

use std::{collections::HashMap, hash::Hash};

/// The scope that lets its holder see and steer everybody's tasks.
pub const ADMIN: &str = "admin:tasks";
/// The scope of external workers.
pub const WORKER: &str = "worker";

/// Rows by what they belong to, in their order.
fn grouped<K: Hash + Eq, V>(rows: Vec<V>, key: impl Fn(&V) -> K) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
}
