//! The argument of `@fromContext`.

/// Splits `$name selection` into both parts.
pub(crate) fn split(reference: &str) -> Option<(&str, &str)> {
    let rest = reference
        .trim_start_matches([' ', '\t', '\n', '\r', ',', '\u{feff}'])
        .strip_prefix('$')?
        .trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let name = &rest[..end];
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some((name, &rest[end..]))
}
