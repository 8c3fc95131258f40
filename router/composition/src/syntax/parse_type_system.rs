//! Parsing of type system definitions and extensions.

use std::borrow::Cow;

use super::lexer::Token;
use super::parse::{Parsed, Parser};
use super::{
    DirectiveDefinition, Document, EnumValue, FieldDefinition, InputValue, Name, Operation,
    SchemaDefinition, TypeDefinition, TypeKind,
};

impl<'a> Parser<'a> {
    pub(super) fn document(&mut self) -> Parsed<Document<'a>> {
        let mut document = Document::default();
        while self.token != Token::End {
            self.definition(&mut document)?;
        }
        Ok(document)
    }

    fn definition(&mut self, document: &mut Document<'a>) -> Parsed<()> {
        let description = self.description()?;
        let pos = self.pos;
        let extend = description.is_none() && self.eat_keyword("extend")?;
        let Token::Name(keyword) = self.token else {
            return Err(self.unexpected("a definition"));
        };
        let kind = match keyword {
            "schema" => {
                let schema = self.schema(pos, extend, description)?;
                document.schemas.push(schema);
                return Ok(());
            }
            "directive" if !extend => {
                let directive = self.directive_definition(description)?;
                document.directives.push(directive);
                return Ok(());
            }
            "scalar" => TypeKind::Scalar,
            "type" => TypeKind::Object,
            "interface" => TypeKind::Interface,
            "union" => TypeKind::Union,
            "enum" => TypeKind::Enum,
            "input" => TypeKind::Input,
            _ => return Err(self.unexpected("a type system definition")),
        };
        self.bump()?;
        let ty = self.type_definition(kind, extend, description)?;
        document.types.push(ty);
        Ok(())
    }

    fn schema(
        &mut self,
        pos: super::Pos,
        extend: bool,
        description: Option<Cow<'a, str>>,
    ) -> Parsed<SchemaDefinition<'a>> {
        self.bump()?;
        let directives = self.directives()?;
        let mut operations = Vec::new();
        if self.at(b'{') || !extend {
            self.expect(b'{')?;
            while !self.eat(b'}')? {
                let Some(operation) = Operation::ALL
                    .into_iter()
                    .find(|operation| self.at_keyword(operation.keyword()))
                else {
                    return Err(self.unexpected("query, mutation or subscription"));
                };
                self.bump()?;
                self.expect(b':')?;
                operations.push((operation, self.name()?));
            }
        }
        Ok(SchemaDefinition {
            pos,
            extend,
            description,
            directives,
            operations,
        })
    }

    fn directive_definition(
        &mut self,
        description: Option<Cow<'a, str>>,
    ) -> Parsed<DirectiveDefinition<'a>> {
        self.bump()?;
        let pos = self.pos;
        self.expect(b'@')?;
        let name = Name {
            pos,
            ..self.name()?
        };
        let arguments = self.input_values(b'(', b')')?;
        let repeatable = self.eat_keyword("repeatable")?;
        if !self.eat_keyword("on")? {
            return Err(self.unexpected("\"on\""));
        }
        self.eat(b'|')?;
        let mut locations = vec![self.name()?.text];
        while self.eat(b'|')? {
            locations.push(self.name()?.text);
        }
        Ok(DirectiveDefinition {
            name,
            description,
            arguments,
            repeatable,
            locations,
        })
    }

    fn type_definition(
        &mut self,
        kind: TypeKind,
        extend: bool,
        description: Option<Cow<'a, str>>,
    ) -> Parsed<TypeDefinition<'a>> {
        let mut ty = TypeDefinition {
            name: self.name()?,
            kind,
            extend,
            description,
            directives: Vec::new(),
            interfaces: Vec::new(),
            fields: Vec::new(),
            inputs: Vec::new(),
            values: Vec::new(),
            members: Vec::new(),
        };
        if matches!(kind, TypeKind::Object | TypeKind::Interface)
            && self.eat_keyword("implements")?
        {
            self.eat(b'&')?;
            ty.interfaces.push(self.name()?);
            while self.eat(b'&')? || matches!(self.token, Token::Name(_)) && !self.starts_type() {
                ty.interfaces.push(self.name()?);
            }
        }
        ty.directives = self.directives()?;
        match kind {
            TypeKind::Scalar => {}
            TypeKind::Object | TypeKind::Interface => ty.fields = self.fields()?,
            TypeKind::Input => ty.inputs = self.input_values(b'{', b'}')?,
            TypeKind::Enum => ty.values = self.enum_values()?,
            TypeKind::Union => ty.members = self.union_members()?,
        }
        Ok(ty)
    }

    /// Whether the current name begins the next definition: interfaces written
    /// the old way, with blanks between them, end there.
    fn starts_type(&self) -> bool {
        const KEYWORDS: [&str; 9] = [
            "extend",
            "schema",
            "directive",
            "scalar",
            "type",
            "interface",
            "union",
            "enum",
            "input",
        ];
        KEYWORDS.iter().any(|keyword| self.at_keyword(keyword))
    }

    fn fields(&mut self) -> Parsed<Vec<FieldDefinition<'a>>> {
        let mut fields = Vec::new();
        if !self.eat(b'{')? {
            return Ok(fields);
        }
        while !self.eat(b'}')? {
            let description = self.description()?;
            let name = self.name()?;
            let arguments = self.input_values(b'(', b')')?;
            self.expect(b':')?;
            let ty = self.type_ref()?;
            let directives = self.directives()?;
            fields.push(FieldDefinition {
                name,
                description,
                arguments,
                ty,
                directives,
            });
        }
        Ok(fields)
    }

    fn input_values(&mut self, open: u8, close: u8) -> Parsed<Vec<InputValue<'a>>> {
        let mut values = Vec::new();
        if !self.eat(open)? {
            return Ok(values);
        }
        while !self.eat(close)? {
            let description = self.description()?;
            let name = self.name()?;
            self.expect(b':')?;
            let ty = self.type_ref()?;
            let default = if self.eat(b'=')? {
                Some(self.value(0)?)
            } else {
                None
            };
            let directives = self.directives()?;
            values.push(InputValue {
                name,
                description,
                ty,
                default,
                directives,
            });
        }
        Ok(values)
    }

    fn enum_values(&mut self) -> Parsed<Vec<EnumValue<'a>>> {
        let mut values = Vec::new();
        if !self.eat(b'{')? {
            return Ok(values);
        }
        while !self.eat(b'}')? {
            let description = self.description()?;
            let name = self.name()?;
            let directives = self.directives()?;
            values.push(EnumValue {
                name,
                description,
                directives,
            });
        }
        Ok(values)
    }

    fn union_members(&mut self) -> Parsed<Vec<Name<'a>>> {
        let mut members = Vec::new();
        if !self.eat(b'=')? {
            return Ok(members);
        }
        self.eat(b'|')?;
        members.push(self.name()?);
        while self.eat(b'|')? {
            members.push(self.name()?);
        }
        Ok(members)
    }
}
