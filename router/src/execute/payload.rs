//! The messages of an answer in pieces, in both formats clients know.

use bytes::Bytes;

use super::write_errors;
use crate::error::{GraphqlError, PathSegment};
use crate::json::write;
use crate::request::IncrementalFormat as Format;

/// A piece that is announced but not delivered yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Announced<'a> {
    pub(super) id: usize,
    /// A JSON string.
    pub(super) label: Option<&'a [u8]>,
    pub(super) path: &'a [PathSegment],
}

/// One message while it is written.
pub(super) struct Payload<'a> {
    format: Format,
    request_id: &'a str,
    /// Entries of `incremental`, `pending` and `completed`, with commas.
    incremental: Vec<u8>,
    pending: Vec<u8>,
    completed: Vec<u8>,
}

impl<'a> Payload<'a> {
    pub(super) fn new(format: Format, request_id: &'a str) -> Self {
        Self {
            format,
            request_id,
            incremental: Vec::new(),
            pending: Vec::new(),
            completed: Vec::new(),
        }
    }

    pub(super) fn announce(&mut self, piece: Announced<'_>) {
        if self.format == Format::ByPath {
            return;
        }
        let out = &mut self.pending;
        open(out);
        id(out, piece.id);
        place(out, piece);
        out.push(b'}');
    }

    /// Adds a piece; `data` is its JSON.
    pub(super) fn deliver(&mut self, piece: Announced<'_>, data: &[u8], errors: &[GraphqlError]) {
        if self.format == Format::ByPath {
            let out = &mut self.incremental;
            open(out);
            out.extend_from_slice(b"\"data\":");
            out.extend_from_slice(data);
            place(out, piece);
            write_errors(out, errors, self.request_id);
            out.push(b'}');
            return;
        }
        let is_null = data == b"null";
        if !is_null {
            let out = &mut self.incremental;
            open(out);
            id(out, piece.id);
            out.extend_from_slice(b",\"data\":");
            out.extend_from_slice(data);
            write_errors(out, errors, self.request_id);
            out.push(b'}');
        }
        let out = &mut self.completed;
        open(out);
        id(out, piece.id);
        if is_null {
            // A fragment without data has failed, and says why here.
            write_errors(out, errors, self.request_id);
        }
        out.push(b'}');
    }

    /// The only message: nothing is deferred after all.
    pub(super) fn whole(self, data: &[u8], errors: &[GraphqlError]) -> Bytes {
        let mut out = Vec::with_capacity(data.len() + 16);
        out.extend_from_slice(b"{\"data\":");
        out.extend_from_slice(data);
        write_errors(&mut out, errors, self.request_id);
        out.push(b'}');
        out.into()
    }

    /// The first message.
    pub(super) fn first(self, data: &[u8], errors: &[GraphqlError]) -> Bytes {
        let mut out = Vec::with_capacity(data.len() + self.pending.len() + 64);
        out.extend_from_slice(b"{\"data\":");
        out.extend_from_slice(data);
        write_errors(&mut out, errors, self.request_id);
        list(&mut out, "pending", &self.pending);
        out.extend_from_slice(b",\"hasNext\":true}");
        out.into()
    }

    /// A later message.
    pub(super) fn next(self, has_next: bool) -> Bytes {
        let mut out = Vec::with_capacity(self.incremental.len() + self.pending.len() + 64);
        out.extend_from_slice(b"{\"hasNext\":");
        out.extend_from_slice(if has_next { b"true" } else { b"false" });
        list(&mut out, "pending", &self.pending);
        list(&mut out, "incremental", &self.incremental);
        list(&mut out, "completed", &self.completed);
        out.push(b'}');
        out.into()
    }
}

/// The last message when nothing more can be said of the pieces.
pub(super) fn broken(error: &GraphqlError, request_id: &str) -> Bytes {
    let mut out = b"{\"hasNext\":false".to_vec();
    write_errors(&mut out, std::slice::from_ref(error), request_id);
    out.push(b'}');
    out.into()
}

fn open(out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(b',');
    }
    out.push(b'{');
}

/// Ids are strings of digits.
fn id(out: &mut Vec<u8>, id: usize) {
    out.extend_from_slice(b"\"id\":\"");
    out.extend_from_slice(id.to_string().as_bytes());
    out.push(b'"');
}

fn place(out: &mut Vec<u8>, piece: Announced<'_>) {
    out.extend_from_slice(b",\"path\":[");
    for (at, segment) in piece.path.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match segment {
            PathSegment::Key(key) => write::string(out, key),
            PathSegment::Index(at) => out.extend_from_slice(at.to_string().as_bytes()),
        }
    }
    out.push(b']');
    if let Some(label) = piece.label {
        out.extend_from_slice(b",\"label\":");
        out.extend_from_slice(label);
    }
}

fn list(out: &mut Vec<u8>, key: &str, entries: &[u8]) {
    if entries.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":[");
    out.extend_from_slice(entries);
    out.push(b']');
}
