//! Field sets: the selections inside `@key`, `@requires` and `@provides`.

use super::lexer::Token;
use super::parse::{Parsed, Parser};
use super::{Directive, MAX_DEPTH, Name, Value};

/// One selection of a field set.
#[derive(Clone, Debug)]
pub(crate) enum Selection<'a> {
    Field(FieldSelection<'a>),
    Fragment(Fragment<'a>),
}

/// A selected field with its own selections (empty for a leaf).
#[derive(Clone, Debug)]
pub(crate) struct FieldSelection<'a> {
    pub name: &'a str,
    pub aliased: bool,
    pub arguments: Vec<(Name<'a>, Value<'a>)>,
    pub directives: Vec<Directive<'a>>,
    pub selections: Vec<Selection<'a>>,
}

/// `... on Type { … }`.
#[derive(Clone, Debug)]
pub(crate) struct Fragment<'a> {
    pub on: Option<&'a str>,
    pub selections: Vec<Selection<'a>>,
}

/// Parses a field set; the braces around it may be written or left out.
pub(crate) fn parse_field_set(source: &str) -> Parsed<Vec<Selection<'_>>> {
    let mut parser = Parser::new(source)?;
    let braced = parser.eat(b'{')?;
    let mut selections = Vec::new();
    loop {
        if braced && parser.eat(b'}')? {
            break;
        }
        if parser.token == Token::End && !braced {
            break;
        }
        selections.push(parser.selection(0)?);
    }
    if parser.token != Token::End {
        return Err(parser.unexpected("the end of the field set"));
    }
    if selections.is_empty() {
        return Err(parser.unexpected("a field"));
    }
    Ok(selections)
}

impl<'a> Parser<'a> {
    fn selection(&mut self, depth: usize) -> Parsed<Selection<'a>> {
        self.check_depth(depth)?;
        if self.token == Token::Spread {
            self.bump()?;
            let on = if self.eat_keyword("on")? {
                Some(self.name()?.text)
            } else {
                None
            };
            self.directives()?;
            self.expect(b'{')?;
            let selections = self.selections(depth + 1)?;
            return Ok(Selection::Fragment(Fragment { on, selections }));
        }
        let mut name = self.name()?.text;
        let aliased = self.eat(b':')?;
        if aliased {
            name = self.name()?.text;
        }
        let arguments = self.arguments()?;
        let directives = self.directives()?;
        let selections = if self.eat(b'{')? {
            self.selections(depth + 1)?
        } else {
            Vec::new()
        };
        Ok(Selection::Field(FieldSelection {
            name,
            aliased,
            arguments,
            directives,
            selections,
        }))
    }

    fn selections(&mut self, depth: usize) -> Parsed<Vec<Selection<'a>>> {
        let mut selections = Vec::new();
        loop {
            selections.push(self.selection(depth)?);
            if self.eat(b'}')? {
                return Ok(selections);
            }
        }
    }
}

/// The field set as text, in one line, fields in written order.
pub(crate) fn print_selections(selections: &[Selection<'_>]) -> String {
    let mut text = String::new();
    write_selections(&mut text, selections, 0);
    text
}

fn write_selections(text: &mut String, selections: &[Selection<'_>], depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    for (index, selection) in selections.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        let inner = match selection {
            Selection::Field(field) => {
                text.push_str(field.name);
                super::print::write_arguments(text, &field.arguments);
                &field.selections
            }
            Selection::Fragment(fragment) => {
                text.push_str("...");
                if let Some(on) = fragment.on {
                    text.push_str(" on ");
                    text.push_str(on);
                }
                &fragment.selections
            }
        };
        if !inner.is_empty() {
            text.push_str(" { ");
            write_selections(text, inner, depth + 1);
            text.push_str(" }");
        }
    }
}

/// The field set with selections in alphabetical order, to compare sets that
/// are written differently.
pub(crate) fn canonical(source: &str) -> Option<String> {
    let mut selections = parse_field_set(source).ok()?;
    sort(&mut selections);
    Some(print_selections(&selections))
}

fn sort(selections: &mut [Selection<'_>]) {
    for selection in selections.iter_mut() {
        match selection {
            Selection::Field(field) => sort(&mut field.selections),
            Selection::Fragment(fragment) => sort(&mut fragment.selections),
        }
    }
    selections.sort_by_cached_key(|one| print_selections(std::slice::from_ref(one)));
}
