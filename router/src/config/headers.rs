//! Headers of requests to subgraphs that nobody else may write.

use http::header::{self, HeaderName};

/// What frames a message, or names its type, is written by the router alone.
const OWN: [HeaderName; 12] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("x-request-id"),
];

/// True for headers that only the router writes.
pub(crate) fn is_own_header(name: &HeaderName) -> bool {
    OWN.contains(name)
}

/// Refuses what is not the name of a header, or one that the router writes itself.
pub(crate) fn check_header(name: &str) -> Result<(), &'static str> {
    match name.parse::<HeaderName>() {
        Err(_) => Err("is not the name of a header"),
        Ok(name) if is_own_header(&name) => Err("is written by the router itself"),
        Ok(_) => Ok(()),
    }
}
