//! Users.

use async_graphql::{ID, Object, SimpleObject};

use super::data::{self, USERS};

/// The root of the accounts subgraph.
pub struct Query;

#[derive(SimpleObject)]
pub struct User {
    id: ID,
    name: Option<&'static str>,
    username: Option<&'static str>,
    birthday: Option<i32>,
}

impl From<&data::User> for User {
    fn from(user: &data::User) -> Self {
        Self {
            id: user.id.into(),
            name: Some(user.name),
            username: Some(user.username),
            birthday: Some(user.birthday),
        }
    }
}

fn by_id(id: &ID) -> Option<User> {
    USERS.iter().find(|user| **id == user.id).map(User::from)
}

#[Object]
impl Query {
    async fn me(&self) -> Option<User> {
        USERS.first().map(User::from)
    }

    async fn user(&self, id: ID) -> Option<User> {
        by_id(&id)
    }

    async fn users(&self) -> Option<Vec<Option<User>>> {
        Some(USERS.iter().map(|user| Some(user.into())).collect())
    }

    #[graphql(entity)]
    async fn find_user(&self, id: ID) -> Option<User> {
        by_id(&id)
    }
}
