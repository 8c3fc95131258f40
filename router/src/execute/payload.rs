//! The messages of an answer in pieces, in both formats clients know.

use bytes::Bytes;

use super::write_errors;
use crate::error::{GraphqlError, PathSegment};
use crate::json::write;
/// Which deferred fragment, and of which object.
#[derive(Debug, Clone, Copy)]
pub(super) struct PieceAt<'a> {
    /// A JSON string.
    pub(super) label: Option<&'a [u8]>,
    pub(super) path: &'a [PathSegment],
}

/// One message while it is written.
pub(super) struct Payload<'a> {
    request_id: &'a str,
    /// Entries of `incremental`, `pending` and `completed`, with commas.
    incremental: Vec<u8>,
    pending: Vec<u8>,
    completed: Vec<u8>,
}

impl<'a> Payload<'a> {
    pub(super) fn new(request_id: &'a str) -> Self {
        Self {
            request_id,
            incremental: Vec::new(),
            pending: Vec::new(),
            completed: Vec::new(),
        }
    }

    /// Adds a piece that names its place; `data` is its JSON.
    pub(super) fn piece(&mut self, piece: PieceAt<'_>, data: &[u8], errors: &[GraphqlError]) {
        let out = &mut self.incremental;
        open(out);
        out.extend_from_slice(b"\"data\":");
        out.extend_from_slice(data);
        place(out, piece);
        write_errors(out, errors, self.request_id);
        out.push(b'}');
    }

    /// Says that a piece will come, under this id.
    pub(super) fn announce(&mut self, at: usize, piece: PieceAt<'_>) {
        let out = &mut self.pending;
        open(out);
        id(out, at);
        place(out, piece);
        out.push(b'}');
    }

    /// Adds data of an announced piece, for the object at `below` its own.
    pub(super) fn data(
        &mut self,
        at: usize,
        below: &[PathSegment],
        data: &[u8],
        errors: &[GraphqlError],
    ) {
        let out = &mut self.incremental;
        open(out);
        id(out, at);
        if !below.is_empty() {
            out.extend_from_slice(b",\"subPath\":");
            path(out, below);
        }
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data);
        write_errors(out, errors, self.request_id);
        out.push(b'}');
    }

    /// Says that all of an announced piece has come, or that it failed.
    pub(super) fn complete(&mut self, at: usize, errors: &[GraphqlError]) {
        let out = &mut self.completed;
        open(out);
        id(out, at);
        write_errors(out, errors, self.request_id);
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

fn place(out: &mut Vec<u8>, piece: PieceAt<'_>) {
    out.extend_from_slice(b",\"path\":");
    path(out, piece.path);
    if let Some(label) = piece.label {
        out.extend_from_slice(b",\"label\":");
        out.extend_from_slice(label);
    }
}

fn path(out: &mut Vec<u8>, path: &[PathSegment]) {
    out.push(b'[');
    for (at, segment) in path.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match segment {
            PathSegment::Key(key) => write::string(out, key),
            PathSegment::Index(at) => out.extend_from_slice(at.to_string().as_bytes()),
        }
    }
    out.push(b']');
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
