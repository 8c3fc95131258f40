//! Leaves whose text has to be looked into: lists with items that must not be
//! null, and enums with values clients must not see.

use super::project::NotNullable;
use crate::json::scan::Scanner;
use crate::plan::{Shape, TypeSet};

/// A quick look that never misses a null.
pub(super) fn may_hold_null(text: &[u8]) -> bool {
    text.windows(4).any(|window| window == b"null")
}

/// The leaf's text with forbidden values nulled where that is allowed.
pub(super) fn leaf(
    shape: &Shape,
    text: &[u8],
    values: Option<&TypeSet>,
) -> Result<Vec<u8>, NotNullable> {
    let mut out = Vec::with_capacity(text.len());
    let mut scanner = Scanner::new(text);
    value(shape, &mut scanner, text, values, &mut out)?;
    Ok(out)
}

fn value(
    shape: &Shape,
    scanner: &mut Scanner<'_>,
    text: &[u8],
    values: Option<&TypeSet>,
    out: &mut Vec<u8>,
) -> Result<(), NotNullable> {
    let start = out.len();
    let written = match (&shape.item, scanner.peek()) {
        (Some(item), Ok(b'[')) => list(item, scanner, text, values, out),
        (_, Ok(b'n')) => skip(scanner).and(Err(NotNullable)),
        _ => {
            let from = scanner.value().map_err(|_| NotNullable)?;
            let word = &text[from];
            match values {
                Some(values) if !values.contains(word) => Err(NotNullable),
                _ => {
                    out.extend_from_slice(word);
                    Ok(())
                }
            }
        }
    };
    match written {
        Err(NotNullable) if !shape.non_null => {
            out.truncate(start);
            out.extend_from_slice(b"null");
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
    out: &mut Vec<u8>,
) -> Result<(), NotNullable> {
    let whole = scanner.clone().value().map_err(|_| NotNullable)?;
    let mut inner = Scanner::new(&text[..whole.end]);
    inner.skip_to(whole.start);
    inner.expect(b'[').map_err(|_| NotNullable)?;
    skip(scanner)?;
    out.push(b'[');
    if !inner.take_if(b']').map_err(|_| NotNullable)? {
        let mut first = true;
        loop {
            if !first {
                out.push(b',');
            }
            first = false;
            value(item, &mut inner, text, values, out)?;
            if inner.take_if(b']').map_err(|_| NotNullable)? {
                break;
            }
            inner.expect(b',').map_err(|_| NotNullable)?;
        }
    }
    out.push(b']');
    Ok(())
}
