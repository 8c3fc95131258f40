//! Recursive-descent parsing: the cursor, values, type references, directives.

use std::borrow::Cow;

use super::lexer::{Lexer, Token};
use super::{
    Directive, Document, MAX_BREADTH, MAX_DEPTH, MAX_DIRECTIVES, MAX_SOURCE_BYTES, Name, Pos,
    TypeRef, Value,
};

/// Why a text is not the GraphQL it should be, and where.
#[derive(Clone, Debug)]
pub struct SyntaxError {
    pub pos: Pos,
    pub message: String,
}

impl SyntaxError {
    pub fn new(pos: Pos, message: impl Into<String>) -> Self {
        Self {
            pos,
            message: message.into(),
        }
    }
}

/// Parses a schema document.
pub fn parse_document(source: &str) -> Result<Document<'_>, SyntaxError> {
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!(
            "The schema is {} bytes long; at most {MAX_SOURCE_BYTES} are read.",
            source.len()
        );
        return Err(SyntaxError::new(0, message));
    }
    let mut parser = Parser::new(source)?;
    parser.document()
}

pub(super) type Parsed<T> = Result<T, SyntaxError>;

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    pub(super) token: Token<'a>,
    pub(super) pos: Pos,
}

impl<'a> Parser<'a> {
    pub(super) fn new(source: &'a str) -> Parsed<Self> {
        let mut lexer = Lexer::new(source);
        let (token, pos) = lexer.next()?;
        Ok(Self { lexer, token, pos })
    }

    /// Takes the current token and moves on.
    pub(super) fn bump(&mut self) -> Parsed<Token<'a>> {
        let (token, pos) = self.lexer.next()?;
        self.pos = pos;
        Ok(std::mem::replace(&mut self.token, token))
    }

    pub(super) fn at(&self, punctuator: u8) -> bool {
        self.token == Token::Punctuator(punctuator)
    }

    pub(super) fn eat(&mut self, punctuator: u8) -> Parsed<bool> {
        let found = self.at(punctuator);
        if found {
            self.bump()?;
        }
        Ok(found)
    }

    pub(super) fn expect(&mut self, punctuator: u8) -> Parsed<()> {
        if self.eat(punctuator)? {
            return Ok(());
        }
        Err(self.unexpected(&format!("\"{}\"", char::from(punctuator))))
    }

    pub(super) fn at_keyword(&self, keyword: &str) -> bool {
        matches!(self.token, Token::Name(name) if name == keyword)
    }

    pub(super) fn eat_keyword(&mut self, keyword: &str) -> Parsed<bool> {
        let found = self.at_keyword(keyword);
        if found {
            self.bump()?;
        }
        Ok(found)
    }

    pub(super) fn name(&mut self) -> Parsed<Name<'a>> {
        let Token::Name(text) = self.token else {
            return Err(self.unexpected("a name"));
        };
        let pos = self.pos;
        self.bump()?;
        Ok(Name { text, pos })
    }

    pub(super) fn unexpected(&self, expected: &str) -> SyntaxError {
        let found = match &self.token {
            Token::Name(name) => format!("\"{name}\""),
            Token::Int(text) | Token::Float(text) => format!("\"{text}\""),
            Token::String(_) => "a string".to_owned(),
            Token::Punctuator(p) => format!("\"{}\"", char::from(*p)),
            Token::Spread => "\"...\"".to_owned(),
            Token::End => "the end of the text".to_owned(),
        };
        SyntaxError::new(
            self.pos,
            format!("Syntax Error: Expected {expected}, found {found}."),
        )
    }

    /// A string before a definition or a member.
    pub(super) fn description(&mut self) -> Parsed<Option<Cow<'a, str>>> {
        if !matches!(self.token, Token::String(_)) {
            return Ok(None);
        }
        match self.bump()? {
            Token::String(text) => Ok(Some(text)),
            _ => Ok(None),
        }
    }

    pub(super) fn directives(&mut self) -> Parsed<Vec<Directive<'a>>> {
        let mut directives = Vec::new();
        while self.at(b'@') {
            let pos = self.pos;
            self.bump()?;
            let name = Name {
                pos,
                ..self.name()?
            };
            let arguments = self.arguments()?;
            self.check_breadth(directives.len(), MAX_DIRECTIVES, "directives in one place")?;
            directives.push(Directive { name, arguments });
        }
        Ok(directives)
    }

    pub(super) fn arguments(&mut self) -> Parsed<Vec<(Name<'a>, Value<'a>)>> {
        let mut arguments = Vec::new();
        if !self.eat(b'(')? {
            return Ok(arguments);
        }
        loop {
            let name = self.name()?;
            self.expect(b':')?;
            self.check_breadth(arguments.len(), MAX_BREADTH, "arguments of one directive")?;
            arguments.push((name, self.value(0)?));
            if self.eat(b')')? {
                return Ok(arguments);
            }
        }
    }

    pub(super) fn value(&mut self, depth: usize) -> Parsed<Value<'a>> {
        self.check_depth(depth)?;
        match self.token {
            Token::Punctuator(b'[') => {
                self.bump()?;
                let mut items = Vec::new();
                while !self.eat(b']')? {
                    items.push(self.value(depth + 1)?);
                }
                Ok(Value::List(items))
            }
            Token::Punctuator(b'{') => {
                self.bump()?;
                let mut fields = Vec::new();
                while !self.eat(b'}')? {
                    let name = self.name()?;
                    self.expect(b':')?;
                    self.check_breadth(fields.len(), MAX_BREADTH, "fields of one value")?;
                    fields.push((Cow::Borrowed(name.text), self.value(depth + 1)?));
                }
                Ok(Value::Object(fields))
            }
            _ => self.scalar_value(),
        }
    }

    fn scalar_value(&mut self) -> Parsed<Value<'a>> {
        if !matches!(
            self.token,
            Token::Int(_) | Token::Float(_) | Token::String(_) | Token::Name(_)
        ) {
            return Err(self.unexpected("a value"));
        }
        Ok(match self.bump()? {
            Token::Int(text) => Value::Int(text),
            Token::Float(text) => Value::Float(text),
            Token::String(text) => Value::String(text),
            Token::Name("true") => Value::Boolean(true),
            Token::Name("false") => Value::Boolean(false),
            Token::Name(name) if name != "null" => Value::Enum(Cow::Borrowed(name)),
            _ => Value::Null,
        })
    }

    pub(super) fn check_depth(&self, depth: usize) -> Parsed<()> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        let message = format!("Nested too deeply: at most {MAX_DEPTH} levels are read.");
        Err(SyntaxError::new(self.pos, message))
    }

    fn check_breadth(&self, count: usize, most: usize, what: &str) -> Parsed<()> {
        if count < most {
            return Ok(());
        }
        let message = format!("Too many {what}: at most {most} are read.");
        Err(SyntaxError::new(self.pos, message))
    }

    /// `[Name!]!` and the like; at most 30 lists deep.
    pub(super) fn type_ref(&mut self) -> Parsed<TypeRef<'a>> {
        const MAX_LISTS: u8 = 30;
        let mut opened = 0;
        let start = self.pos;
        while self.eat(b'[')? {
            opened += 1;
            if opened > MAX_LISTS {
                let message = format!("A type may be a list at most {MAX_LISTS} times.");
                return Err(SyntaxError::new(start, message));
            }
        }
        let name = self.name()?;
        let mut ty = TypeRef {
            name: name.text,
            pos: name.pos,
            lists: 0,
            non_null: u32::from(self.eat(b'!')?),
        };
        while ty.lists < opened {
            self.expect(b']')?;
            ty.lists += 1;
            if self.eat(b'!')? {
                ty.non_null |= 1 << ty.lists;
            }
        }
        Ok(ty)
    }
}
