//! The domain by its GraphQL schema, with a real database, Redis and object store.

mod assets;
mod bounds;
mod deleted_user;
mod derive;
mod entities;
mod events;
mod instant;
mod migrations;
mod multipart;
mod pictures;
mod quota;
mod single_put;
mod sweep;
mod world;
