//! Text that people write.
//!
//! PostgreSQL cannot store NUL, and control characters are invisible. So text goes through
//! [`clean`] before it is stored, and text that is shown in one line, such as a name, through
//! [`line`], unless a stricter rule refuses it.

/// Removes surrounding space, control characters, and characters that change the direction of the
/// text shown after them. Line breaks and tabs stay, and so do the direction marks that people who
/// write from right to left type.
pub fn clean(text: &str) -> String {
    text.trim()
        .chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .filter(|letter| !turns_what_follows(*letter))
        .collect()
}

/// Cleans a text that is shown in one line, such as a name: removes line breaks and all invisible
/// characters, which could make one name look like another. Joiners of letters and pictures
/// (U+200C, U+200D) stay, and any kind of space becomes a plain one.
pub fn line(text: &str) -> String {
    let shown = text
        .chars()
        .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
        .filter(|letter| !letter.is_control() && !steers_direction(*letter) && !is_unseen(*letter));
    let mut line = String::with_capacity(text.len());
    for letter in shown {
        if letter != ' ' || !line.ends_with(' ') {
            line.push(letter);
        }
    }
    line.trim().to_owned()
}

/// Whether a character controls the direction in which the text around it is shown (Unicode's
/// `Bidi_Control`). With such a character, `gpj.exe` can be shown as `exe.jpg`.
pub fn steers_direction(letter: char) -> bool {
    turns_what_follows(letter) || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}')
}

/// Embeddings, overrides and isolates, which, if left open, change the direction of whatever is
/// shown next.
fn turns_what_follows(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that are invisible or blank without being a space.
fn is_unseen(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// The longest request id.
const REQUEST_ID: usize = 128;

/// Whether a text is a valid request id: 1 to 128 visible ASCII characters. Anything else that a
/// client sends is neither logged nor stored.
pub fn is_request_id(text: &str) -> bool {
    (1..=REQUEST_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go_and_line_breaks_stay() {
        assert_eq!(clean(" a\u{0}b\nc\u{7f}\u{1b}[0m "), "ab\nc[0m");
        assert_eq!(clean("a\u{202e}b\u{2066}c\u{200f}"), "abc\u{200f}");
    }

    #[test]
    fn a_name_is_what_is_seen_of_it() {
        assert_eq!(line(" Ada\n\u{202e} Lovelace\u{200e} "), "Ada Lovelace");
        assert_eq!(line("a\u{200b}d\u{feff}m\u{ad}in"), "admin");
        assert_eq!(line("\u{3164}\u{2800}\u{a0}"), "");
        // A family of three, and a Persian word with a joiner.
        assert_eq!(line("👩\u{200d}👧"), "👩\u{200d}👧");
        assert_eq!(line("می\u{200c}خواهم"), "می\u{200c}خواهم");
    }

    #[test]
    fn ids_of_requests_are_short_and_visible() {
        assert!(is_request_id("01J-abc.7"));
        for id in [
            "",
            "a b",
            "a\nb",
            "ü",
            &"x".repeat(129),
            &"x".repeat(90_000),
        ] {
            assert!(!is_request_id(id));
        }
    }
}
