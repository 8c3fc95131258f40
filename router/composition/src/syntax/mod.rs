//! The schema definition language: lexer, parser, tree and printer.
//!
//! The tree borrows from the source text; positions are byte offsets turned
//! into line and column only when a message needs them. Parsing is bounded by
//! [`MAX_SOURCE_BYTES`] and [`MAX_DEPTH`], so hostile text costs bounded time,
//! memory and stack.

pub(crate) mod ast;
pub(crate) mod lexer;
pub(crate) mod parse;
mod parse_type_system;
pub(crate) mod print;
pub(crate) mod selection;

pub use ast::*;
pub use parse::{SyntaxError, parse_document};
pub use print::{print_document, print_value};

/// The longest SDL text that is read, in bytes, per subgraph.
pub(crate) const MAX_SOURCE_BYTES: usize = 32 * 1024 * 1024;

/// How deep lists, objects and selections may nest.
pub(crate) const MAX_DEPTH: usize = 64;

/// How many arguments one directive, and fields one object value may have.
pub(crate) const MAX_BREADTH: usize = 1000;

/// How many directives one place may have: a type of a supergraph has at least
/// one for each of its subgraphs.
pub(crate) const MAX_DIRECTIVES: usize = 50_000;

/// Line and column (both from 1, the column in characters) of a byte offset.
pub fn line_column(source: &str, offset: u32) -> (u32, u32) {
    let mut end = (offset as usize).min(source.len());
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    let before = &source[..end];
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[start..].chars().count() + 1;
    (clamp(line), clamp(column))
}

fn clamp(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
