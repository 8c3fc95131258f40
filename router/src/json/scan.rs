//! A JSON scanner over a byte slice that hands out ranges instead of values.
//!
//! It checks the grammar of everything it steps over, so a range it gives out
//! can be copied into an answer as it is. The caller has checked UTF-8 before.

/// Nesting that is accepted inside one value; subgraph answers that are deeper are refused.
const MAX_DEPTH: usize = 512;

/// The text is not the JSON that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid JSON at byte {at}: {what}")]
pub(crate) struct ScanError {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// A cursor in a JSON text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Scan<T> = Result<T, ScanError>;

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn skip_to(&mut self, at: usize) {
        self.at = at;
    }

    pub(crate) fn error<T>(&self, what: &'static str) -> Scan<T> {
        Err(ScanError { at: self.at, what })
    }

    /// The next byte that is not white space, not consumed.
    pub(crate) fn peek(&mut self) -> Scan<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Ok(*byte),
            }
        }
        self.error("the text ends early")
    }

    pub(crate) fn expect(&mut self, byte: u8) -> Scan<()> {
        if self.peek()? == byte {
            self.at += 1;
            Ok(())
        } else {
            self.error("unexpected character")
        }
    }

    /// Only white space is left.
    pub(crate) fn end(&mut self) -> Scan<()> {
        match self.peek() {
            Err(_) => Ok(()),
            Ok(_) => self.error("text after the value"),
        }
    }

    /// Consumes `byte` when it comes next.
    pub(crate) fn take_if(&mut self, byte: u8) -> Scan<bool> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        Ok(found)
    }

    /// An object key with its colon; the bytes between the quotes, escapes unresolved.
    pub(crate) fn key(&mut self) -> Scan<&'a [u8]> {
        self.peek()?;
        let start = self.at + 1;
        self.string()?;
        let key = &self.bytes[start..self.at - 1];
        self.expect(b':')?;
        Ok(key)
    }

    /// Steps over a string, quotes included.
    pub(crate) fn string(&mut self) -> Scan<()> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return self.error("expected a string");
        }
        self.at += 1;
        loop {
            self.skip_plain();
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0x00..=0x1f) => return self.error("control character in a string"),
                Some(_) => self.at += 1,
                None => return self.error("unterminated string"),
            }
        }
    }

    /// Moves over bytes that mean nothing inside a string, eight at a time.
    fn skip_plain(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGH: u64 = 0x8080_8080_8080_8080;
        while let Some(chunk) = self.bytes.get(self.at..self.at + 8) {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            let word = u64::from_le_bytes(word);
            // Exact for the lowest set bit, which is the only one that is used:
            // borrows only spoil the bytes above the first hit.
            let quote = word ^ (ONES * 0x22);
            let slash = word ^ (ONES * 0x5c);
            let hits = (quote.wrapping_sub(ONES) & !quote)
                | (slash.wrapping_sub(ONES) & !slash)
                | (word.wrapping_sub(ONES * 0x20) & !word);
            let hits = hits & HIGH;
            if hits != 0 {
                self.at += (hits.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
    }

    fn escape(&mut self) -> Scan<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return self.error("bad unicode escape");
                }
                self.at += 6;
            }
            _ => return self.error("bad escape"),
        }
        Ok(())
    }

    /// Steps over a number, checking its grammar.
    fn number(&mut self) -> Scan<()> {
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.error("expected a value"),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Scan<()> {
        let start = self.at;
        self.digits();
        if start == self.at {
            self.error("expected a digit")
        } else {
            Ok(())
        }
    }

    /// Consumes a literal such as `null` when it comes next.
    pub(crate) fn literal(&mut self, word: &'static [u8]) -> Scan<()> {
        if self
            .bytes
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            self.at += word.len();
            Ok(())
        } else {
            self.error("expected a value")
        }
    }

    /// Steps over any value and gives its range in the text.
    pub(crate) fn value(&mut self) -> Scan<std::ops::Range<usize>> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => self.string()?,
            b'{' | b'[' => self.nested()?,
            _ => self.scalar(first)?,
        }
        Ok(start..self.at)
    }

    /// Steps over any value.
    pub(crate) fn skip(&mut self) -> Scan<()> {
        self.value().map(|_| ())
    }

    fn scalar(&mut self, first: u8) -> Scan<()> {
        match first {
            b'n' => self.literal(b"null"),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            _ => self.number(),
        }
    }

    /// An object or a list, without recursion: one bit of state per level.
    fn nested(&mut self) -> Scan<()> {
        let mut closers: Vec<u8> = Vec::with_capacity(8);
        loop {
            let first = self.peek()?;
            let opened = match first {
                b'{' | b'[' => {
                    self.at += 1;
                    if closers.len() == MAX_DEPTH {
                        return self.error("nested too deeply");
                    }
                    closers.push(if first == b'{' { b'}' } else { b']' });
                    true
                }
                b'"' => {
                    self.string()?;
                    false
                }
                _ => {
                    self.scalar(first)?;
                    false
                }
            };
            if !self.after_value(&mut closers, opened)? {
                return Ok(());
            }
        }
    }

    /// Closes what ends here and moves to the next value; false when the outermost closed.
    fn after_value(&mut self, closers: &mut Vec<u8>, mut opened: bool) -> Scan<bool> {
        while let Some(closer) = closers.last().copied() {
            let next = self.peek()?;
            if next == closer {
                self.at += 1;
                closers.pop();
                opened = false;
                continue;
            }
            if !opened {
                self.expect(b',')?;
            }
            if closer == b'}' {
                self.key()?;
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// The range of the value under `keys`, each inside of the one before.
pub(crate) fn find<'k>(
    mut scanner: Scanner<'_>,
    keys: impl Iterator<Item = &'k [u8]>,
) -> Option<std::ops::Range<usize>> {
    'levels: for wanted in keys {
        scanner.expect(b'{').ok()?;
        if scanner.take_if(b'}').ok()? {
            return None;
        }
        loop {
            if scanner.key().ok()? == wanted {
                continue 'levels;
            }
            scanner.skip().ok()?;
            if scanner.take_if(b'}').ok()? {
                return None;
            }
            scanner.expect(b',').ok()?;
        }
    }
    scanner.value().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<(), ScanError> {
        let mut scanner = Scanner::new(text.as_bytes());
        scanner.value()?;
        scanner.end()
    }

    #[test]
    fn accepts_what_serde_accepts_and_refuses_what_it_refuses() {
        let texts = [
            "1",
            "-1",
            "01",
            "1.",
            "1.5e+3",
            "1e",
            "-",
            "true",
            "nul",
            "null",
            "\"a\"",
            "\"a",
            "\"\\u12\"",
            "\"\\u1234\"",
            "\"\\x\"",
            "\"\u{1}\"",
            "[]",
            "[1,]",
            "[1,2]",
            "[,1]",
            "{}",
            "{\"a\":1}",
            "{\"a\"}",
            "{\"a\":1,}",
            "{a:1}",
            "[[[]]]",
            "[}",
            "{\"a\":[{}]}",
            "[1 2]",
            " [ 1 , 2 ] ",
            "[1]]",
            "",
            "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":\"é\\n\"}",
            "\"0123456789abcdef\"",
            "\"01234567\\\"89\"",
            "\"abcdefg\u{7}\"",
            "\"ü€ü€ü€ü€\"",
        ];
        for text in texts {
            let expected = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(whole(text).is_ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn refuses_depth_without_recursion() {
        let deep = "[".repeat(100_000);
        assert_eq!(whole(&deep).unwrap_err().what, "nested too deeply");
    }

    #[test]
    fn ranges_cover_the_value_only() {
        let text = br#"  {"a": [1, "x"] } "#;
        let mut scanner = Scanner::new(text);
        let range = scanner.value().unwrap();
        assert_eq!(&text[range], br#"{"a": [1, "x"] }"#);
    }

    #[test]
    fn values_are_found_by_their_keys() {
        let text = br#"{"errors":[],"data":{"other":{"a":1},"event":{"x":[{"a":2}],"a":"c-1"}}}"#;
        let found = |keys: &[&str]| {
            find(Scanner::new(text), keys.iter().map(|key| key.as_bytes()))
                .map(|range| std::str::from_utf8(&text[range]).unwrap())
        };
        assert_eq!(found(&["data", "event", "a"]), Some("\"c-1\""));
        assert_eq!(found(&["data", "event", "b"]), None);
        assert_eq!(found(&["data", "other", "a", "b"]), None);
        assert_eq!(found(&["errors"]), Some("[]"));
    }
}
