//! Leaves whose text has to be looked into: lists with items that must not be
//! null, and enums with values clients must not see.

use super::project::NotNullable;
use crate::json::scan::Scanner;
use crate::plan::{Shape, TypeSet};

/// A quick look that never misses a null.
pub(super) fn may_hold_null(text: &[u8]) -> bool {
    text.windows(4).any(|window| window == b"null")
}

/// A leaf that was looked into.
pub(super) struct Checked {
    pub(super) text: Vec<u8>,
    /// A value was replaced by null that was not null itself.
    pub(super) nulled: bool,
}

/// The leaf's text with forbidden values nulled where that is allowed.
pub(super) fn leaf(
    shape: &Shape,
    text: &[u8],
    values: Option<&TypeSet>,
) -> Result<Checked, NotNullable> {
    let mut checked = Checked {
        text: Vec::with_capacity(text.len()),
        nulled: false,
    };
    let mut scanner = Scanner::new(text);
    value(shape, &mut scanner, text, values, &mut checked)?;
    Ok(checked)
}

fn value(
    shape: &Shape,
    scanner: &mut Scanner<'_>,
    text: &[u8],
    values: Option<&TypeSet>,
    out: &mut Checked,
) -> Result<(), NotNullable> {
    let start = out.text.len();
    let is_null = scanner.peek() == Ok(b'n');
    let written = match (&shape.item, scanner.peek()) {
        (Some(item), Ok(b'[')) => list(item, scanner, text, values, out),
        (_, Ok(b'n')) => skip(scanner).and(Err(NotNullable)),
        _ => {
            let from = scanner.value().map_err(|_| NotNullable)?;
            let word = &text[from];
            match values {
                Some(values) if !values.contains(word) && shape.non_null => Err(NotNullable),
                // A value clients do not know is nothing to them, and no failure.
                Some(values) if !values.contains(word) => {
                    out.text.extend_from_slice(b"null");
                    Ok(())
                }
                _ => {
                    out.text.extend_from_slice(word);
                    Ok(())
                }
            }
        }
    };
    match written {
        Err(NotNullable) if !shape.non_null => {
            out.nulled |= !is_null;
            out.text.truncate(start);
            out.text.extend_from_slice(b"null");
            Ok(())
        }
        other => other,
    }
}

fn skip(scanner: &mut Scanner<'_>) -> Result<(), NotNullable> {
    scanner.value().map(drop).map_err(|_| NotNullable)
}

fn list(
    item: &Shape,
    scanner: &mut Scanner<'_>,
    text: &[u8],
    values: Option<&TypeSet>,
    out: &mut Checked,
) -> Result<(), NotNullable> {
    let whole = scanner.clone().value().map_err(|_| NotNullable)?;
    let mut inner = Scanner::new(&text[..whole.end]);
    inner.skip_to(whole.start);
    inner.expect(b'[').map_err(|_| NotNullable)?;
    skip(scanner)?;
    out.text.push(b'[');
    if !inner.take_if(b']').map_err(|_| NotNullable)? {
        let mut first = true;
        loop {
            if !first {
                out.text.push(b',');
            }
            first = false;
            value(item, &mut inner, text, values, out)?;
            if inner.take_if(b']').map_err(|_| NotNullable)? {
                break;
            }
            inner.expect(b',').map_err(|_| NotNullable)?;
        }
    }
    out.text.push(b']');
    Ok(())
}
