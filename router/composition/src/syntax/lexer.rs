//! Splits SDL into tokens, borrowing from the source.

use std::borrow::Cow;

use super::Pos;
use super::parse::SyntaxError;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Name(&'a str),
    Int(&'a str),
    Float(&'a str),
    String(Cow<'a, str>),
    Punctuator(u8),
    Spread,
    End,
}

pub(crate) struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self { source, at: 0 }
    }

    /// The next token and where it starts.
    pub(crate) fn next(&mut self) -> Result<(Token<'a>, Pos), SyntaxError> {
        self.skip_ignored();
        let start = self.at;
        let bytes = self.source.as_bytes();
        let Some(&first) = bytes.get(start) else {
            return Ok((Token::End, pos(start)));
        };
        let token = match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.take_while(|b| b.is_ascii_alphanumeric() || b == b'_');
                Token::Name(&self.source[start..self.at])
            }
            b'"' => self.string()?,
            b'0'..=b'9' | b'-' => self.number()?,
            b'.' if bytes[start..].starts_with(b"...") => {
                self.at += 3;
                Token::Spread
            }
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|'
            | b'}' => {
                self.at += 1;
                Token::Punctuator(first)
            }
            _ => return Err(self.unexpected(start)),
        };
        Ok((token, pos(start)))
    }

    fn skip_ignored(&mut self) {
        let bytes = self.source.as_bytes();
        while let Some(&b) = bytes.get(self.at) {
            match b {
                b' ' | b'\t' | b'\n' | b'\r' | b',' => self.at += 1,
                b'#' => self.take_while(|b| b != b'\n' && b != b'\r'),
                0xEF if bytes[self.at..].starts_with(&[0xEF, 0xBB, 0xBF]) => self.at += 3,
                _ => break,
            }
        }
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) {
        let bytes = self.source.as_bytes();
        while bytes.get(self.at).is_some_and(|b| keep(*b)) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<Token<'a>, SyntaxError> {
        let start = self.at;
        let bytes = self.source.as_bytes();
        if bytes[self.at] == b'-' {
            self.at += 1;
        }
        let digits = self.at;
        self.take_while(|b| b.is_ascii_digit());
        let length = self.at - digits;
        if length == 0 || (length > 1 && bytes[digits] == b'0') {
            return Err(SyntaxError::new(pos(start), "Invalid number."));
        }
        let mut float = false;
        if bytes.get(self.at) == Some(&b'.') {
            float = true;
            self.at += 1;
            self.digits(start)?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            float = true;
            self.at += 1;
            if matches!(bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits(start)?;
        }
        if bytes
            .get(self.at)
            .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'.')
        {
            return Err(SyntaxError::new(pos(start), "Invalid number."));
        }
        let text = &self.source[start..self.at];
        Ok(if float {
            Token::Float(text)
        } else {
            Token::Int(text)
        })
    }

    fn digits(&mut self, start: usize) -> Result<(), SyntaxError> {
        let before = self.at;
        self.take_while(|b| b.is_ascii_digit());
        if self.at == before {
            return Err(SyntaxError::new(pos(start), "Invalid number."));
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Token<'a>, SyntaxError> {
        if self.source.as_bytes()[self.at..].starts_with(b"\"\"\"") {
            return self.block_string();
        }
        let start = self.at;
        self.at += 1;
        let bytes = self.source.as_bytes();
        let body = self.at;
        self.take_while(|b| b != b'"' && b != b'\\' && b != b'\n' && b != b'\r');
        match bytes.get(self.at) {
            Some(b'"') => {
                let text = &self.source[body..self.at];
                self.at += 1;
                Ok(Token::String(Cow::Borrowed(text)))
            }
            Some(b'\\') => self.escaped_string(start, body),
            _ => Err(SyntaxError::new(pos(start), "Unterminated string.")),
        }
    }

    fn escaped_string(&mut self, start: usize, body: usize) -> Result<Token<'a>, SyntaxError> {
        let bytes = self.source.as_bytes();
        let mut text = String::from(&self.source[body..self.at]);
        loop {
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Token::String(Cow::Owned(text)));
                }
                Some(b'\\') => {
                    let character = self.escape()?;
                    text.push(character);
                }
                None | Some(b'\n' | b'\r') => {
                    return Err(SyntaxError::new(pos(start), "Unterminated string."));
                }
                Some(_) => {
                    let from = self.at;
                    self.take_while(|b| b != b'"' && b != b'\\' && b != b'\n' && b != b'\r');
                    text.push_str(&self.source[from..self.at]);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let start = self.at;
        let bytes = self.source.as_bytes();
        let kind = bytes.get(start + 1).copied();
        self.at += 2;
        let simple = match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start),
            _ => {
                return Err(SyntaxError::new(
                    pos(start),
                    "Invalid character escape in a string.",
                ));
            }
        };
        Ok(simple)
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, SyntaxError> {
        let invalid = || SyntaxError::new(pos(start), "Invalid Unicode escape in a string.");
        let rest = &self.source.as_bytes()[self.at..];
        if rest.first() == Some(&b'{') {
            let end = rest.iter().take(10).position(|b| *b == b'}');
            let end = end.ok_or_else(invalid)?;
            let code = hex(&rest[1..end]).ok_or_else(invalid)?;
            self.at += end + 1;
            return char::from_u32(code).ok_or_else(invalid);
        }
        let high = rest.get(..4).and_then(hex).ok_or_else(invalid)?;
        self.at += 4;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high).ok_or_else(invalid);
        }
        let low = rest
            .get(4..10)
            .filter(|tail| tail.starts_with(b"\\u"))
            .and_then(|tail| hex(&tail[2..]))
            .filter(|low| (0xDC00..0xE000).contains(low))
            .ok_or_else(invalid)?;
        self.at += 6;
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)).ok_or_else(invalid)
    }

    fn block_string(&mut self) -> Result<Token<'a>, SyntaxError> {
        let start = self.at;
        self.at += 3;
        let bytes = self.source.as_bytes();
        let body = self.at;
        let mut escaped = false;
        loop {
            self.take_while(|b| b != b'"' && b != b'\\');
            let rest = &bytes[self.at..];
            if rest.starts_with(b"\"\"\"") {
                break;
            }
            if rest.starts_with(b"\\\"\"\"") {
                escaped = true;
                self.at += 4;
            } else if rest.is_empty() {
                return Err(SyntaxError::new(pos(start), "Unterminated string."));
            } else {
                self.at += 1;
            }
        }
        let raw = &self.source[body..self.at];
        self.at += 3;
        let text = block_string_value(raw);
        if escaped {
            return Ok(Token::String(Cow::Owned(
                text.replace("\\\"\"\"", "\"\"\""),
            )));
        }
        Ok(Token::String(text))
    }

    fn unexpected(&self, at: usize) -> SyntaxError {
        let found = self.source[at..].chars().next().unwrap_or(' ');
        SyntaxError::new(pos(at), format!("Unexpected character {found:?}."))
    }
}

/// `BlockStringValue()` of the GraphQL specification: common indentation and
/// blank first and last lines taken off.
fn block_string_value(raw: &str) -> Cow<'_, str> {
    if !raw.contains(['\n', '\r']) {
        return if raw.trim_matches([' ', '\t']).is_empty() {
            Cow::Borrowed("")
        } else {
            Cow::Borrowed(raw)
        };
    }
    let normal = raw.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = normal.split('\n').collect();
    let indentation = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let blank = |line: &str| indentation(line) == line.len();
    let common = lines[1..]
        .iter()
        .filter(|line| !blank(line))
        .map(|line| indentation(line))
        .min()
        .unwrap_or(0);
    let Some(first) = lines.iter().position(|line| !blank(line)) else {
        return Cow::Borrowed("");
    };
    let last = lines.iter().rposition(|line| !blank(line)).unwrap_or(first);
    let mut text = String::with_capacity(normal.len());
    for (index, line) in lines.iter().enumerate().take(last + 1).skip(first) {
        if index > first {
            text.push('\n');
        }
        let cut = if index == 0 {
            0
        } else {
            common.min(line.len())
        };
        text.push_str(&line[cut..]);
    }
    Cow::Owned(text)
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0_u32, |code, digit| {
        let value = char::from(*digit).to_digit(16)?;
        code.checked_mul(16)?.checked_add(value)
    })
}

fn pos(at: usize) -> Pos {
    Pos::try_from(at).unwrap_or(Pos::MAX)
}
