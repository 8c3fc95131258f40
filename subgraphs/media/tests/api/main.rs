//! The domain by its GraphQL schema, with a real database, Redis and object store.

mod assets;
mod audiences;
mod bounds;
mod deleted_user;
mod derive;
mod entities;
mod events;
mod groups;
mod instant;
mod migrations;
mod multipart;
mod pictures;
mod public_files;
mod quota;
mod single_put;
mod sweep;
mod world;
