//! Text that people write.
//!
//! PostgreSQL keeps no NUL, and nobody sees control characters: text goes through [`clean`] before it
//! is kept, unless a stricter rule refuses it.

/// A text without space around it and without control characters, which nobody sees and PostgreSQL
/// does not keep (NUL). Line breaks and tabs stay.
pub fn clean(text: &str) -> String {
    text.trim()
        .chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn control_characters_go_and_line_breaks_stay() {
        assert_eq!(clean(" a\u{0}b\nc\u{7f}\u{1b}[0m "), "ab\nc[0m");
    }
}
