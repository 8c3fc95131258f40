//! `@key`, `@requires` and `@provides`: checks each field set and records in
//! the subgraph the valid ones and how they use its fields.

use crate::error::ErrorCode;
use crate::report::Report;
use crate::spec::{Fed, Version};
use crate::subgraph::{Field, FieldSet, Key, Subgraph, Type, Usage};
use crate::syntax::print::print_value;
use crate::syntax::selection::canonical;
use crate::syntax::{Directive, TypeKind, Value};

use super::selections::{Codes, KEY_CODES, PROVIDES_CODES, REQUIRES_CODES};

/// So many keys one type may have in one subgraph.
const MOST_KEYS: usize = 100;

/// What the walks found, applied to the subgraph at the end.
#[derive(Default)]
pub(super) struct Found<'a> {
    keys: Vec<(usize, Key<'a>)>,
    requires: Vec<(usize, usize, FieldSet<'a>)>,
    provides: Vec<(usize, usize, FieldSet<'a>)>,
    pub(super) uses: Vec<(usize, usize, Use)>,
}

/// How a field set uses a field.
#[derive(Clone, Copy)]
pub(super) enum Use {
    TopOfKey,
    InKey,
    Provided,
    Required,
    Fragment,
}

/// Checks all field sets of the subgraph.
pub(crate) fn check<'a>(subgraph: &mut Subgraph<'a>, report: &mut Report) {
    let mut found = Found::default();
    for (index, ty) in subgraph.types.values().enumerate() {
        if let Some(directive) = ty.marks.keys.get(MOST_KEYS) {
            let message = format!(
                "Type \"{}\" has too many @key: at most {MOST_KEYS}.",
                ty.name
            );
            let pos = directive.name.pos;
            report.at(subgraph, pos, ErrorCode::KeyInvalidFields, message);
        }
        for directive in ty.marks.keys.iter().take(MOST_KEYS) {
            let mut check = Check::new(subgraph, ty.name.to_owned(), Fed::Key, directive);
            if let Some(key) = check.key(ty, &mut found, report) {
                found.keys.push((index, key));
            }
        }
        for (at, field) in ty.fields.values().enumerate() {
            let Some(marks) = &field.marks else { continue };
            let coordinate = || format!("{}.{}", ty.name, field.definition.name.text);
            if let Some(directive) = marks.requires {
                let mut check = Check::new(subgraph, coordinate(), Fed::Requires, directive);
                if let Some(set) = check.requires(ty, &mut found, report) {
                    found.requires.push((index, at, set));
                }
            }
            if let Some(directive) = marks.provides {
                let mut check = Check::new(subgraph, coordinate(), Fed::Provides, directive);
                if let Some(set) = check.provides(ty, field, &mut found, report) {
                    found.provides.push((index, at, set));
                }
            }
        }
    }
    apply(subgraph, found);
    if !subgraph.version.is_two() {
        super::federation_one::drop_inactive(subgraph);
    }
}

fn apply<'a>(subgraph: &mut Subgraph<'a>, found: Found<'a>) {
    for (index, at, usage) in found.uses {
        let field = &mut subgraph.types[index].fields[at];
        usage.record(&mut field.usage);
    }
    for (index, key) in found.keys {
        subgraph.types[index].keys.push(key);
    }
    for (index, at, set) in found.requires {
        subgraph.types[index].fields[at].requires = Some(set);
    }
    for (index, at, set) in found.provides {
        subgraph.types[index].fields[at].provides = Some(set);
    }
    // A key must be resolvable wherever it is declared, so it is shared.
    for ty in subgraph.types.values_mut() {
        for field in ty.fields.values_mut().filter(|field| field.usage.in_key) {
            field.shareable = true;
        }
    }
}

impl Use {
    fn record(self, usage: &mut Usage) {
        usage.used = true;
        match self {
            Self::TopOfKey => {
                usage.key = true;
                usage.in_key = true;
            }
            Self::InKey => usage.in_key = true,
            Self::Provided => usage.provided = true,
            Self::Required => usage.required = true,
            Self::Fragment => {}
        }
    }
}

/// One field set being checked.
pub(super) struct Check<'s, 'a> {
    pub(super) subgraph: &'s Subgraph<'a>,
    coordinate: String,
    pub(super) fed: Fed,
    directive: &'a Directive<'a>,
    valid: bool,
}

impl<'s, 'a> Check<'s, 'a> {
    fn new(
        subgraph: &'s Subgraph<'a>,
        coordinate: String,
        fed: Fed,
        directive: &'a Directive<'a>,
    ) -> Self {
        Self {
            subgraph,
            coordinate,
            fed,
            directive,
            valid: true,
        }
    }

    pub(super) fn fail(&mut self, report: &mut Report, code: ErrorCode, message: impl AsRef<str>) {
        self.valid = false;
        let place = if self.fed == Fed::Key {
            "type"
        } else {
            "field"
        };
        let fields = self.directive.argument("fields").map(print_value);
        let message = format!(
            "On {place} \"{}\", for @{}(fields: {}): {}",
            self.coordinate,
            self.fed.name(),
            fields.unwrap_or_default(),
            message.as_ref()
        );
        report.at(self.subgraph, self.directive.name.pos, code, message);
    }

    /// An error about the use of the directive as a whole.
    fn misplaced(&mut self, report: &mut Report, code: ErrorCode, message: String) {
        self.valid = false;
        report.at(self.subgraph, self.directive.name.pos, code, message);
    }

    pub(super) fn codes(&self) -> Codes {
        match self.fed {
            Fed::Key => KEY_CODES,
            Fed::Provides => PROVIDES_CODES,
            _ => REQUIRES_CODES,
        }
    }

    /// The `fields` argument, parsed.
    fn field_set(&mut self, report: &mut Report) -> Option<FieldSet<'a>> {
        let value = self.directive.argument("fields")?;
        let codes = self.codes();
        let one = self.subgraph.version == Version::One;
        let parsed = match value {
            Value::String(text) => FieldSet::parse(text),
            Value::Enum(text) if self.fed == Fed::Requires => FieldSet::parse(text),
            Value::List(items) if one && self.fed == Fed::Key => {
                let mut selections = Vec::new();
                for item in items {
                    let Value::String(text) = item else {
                        self.fail(
                            report,
                            codes.invalid_type,
                            "Invalid value for argument \"fields\": must be a string.",
                        );
                        return None;
                    };
                    match FieldSet::parse(text) {
                        Ok(set) => selections.extend(set.selections),
                        Err(message) => {
                            self.fail(report, codes.invalid, message);
                            return None;
                        }
                    }
                }
                let text = crate::syntax::selection::print_selections(&selections).into();
                Ok(FieldSet { text, selections })
            }
            _ => {
                self.fail(
                    report,
                    codes.invalid_type,
                    "Invalid value for argument \"fields\": must be a string.",
                );
                return None;
            }
        };
        match parsed {
            Ok(set) => Some(set),
            Err(message) => {
                self.fail(report, codes.invalid, message);
                None
            }
        }
    }

    fn key(
        &mut self,
        ty: &'s Type<'a>,
        found: &mut Found<'a>,
        report: &mut Report,
    ) -> Option<Key<'a>> {
        let version = self.subgraph.version;
        let on_interface = ty.kind == TypeKind::Interface;
        if !on_interface && ty.kind != TypeKind::Object {
            return None;
        }
        if on_interface && version.is_two() && version < Version::Two(3) {
            let message = format!(
                "Cannot use @key on interface \"{}\": @key is not yet supported on interfaces \
                 (from Federation 2.3 on it is)",
                ty.name
            );
            self.misplaced(report, ErrorCode::KeyUnsupportedOnInterface, message);
            return None;
        }
        let set = self.field_set(report)?;
        self.walk(ty, &set, found, report);
        if on_interface && version.is_two() && !ty.interface_object {
            self.implementations_have_key(ty, &set, report);
        }
        let resolvable = !matches!(
            self.directive.argument("resolvable"),
            Some(Value::Boolean(false))
        );
        self.valid.then_some(Key {
            pos: self.directive.name.pos,
            fields: set,
            resolvable,
        })
    }

    fn implementations_have_key(
        &mut self,
        interface: &Type<'a>,
        set: &FieldSet<'a>,
        report: &mut Report,
    ) {
        let wanted = canonical(&set.text);
        let subgraph = self.subgraph;
        for ty in subgraph.implementations_of(interface.name) {
            let has = ty
                .marks
                .keys
                .iter()
                .any(|key| key.string("fields").is_some_and(|t| canonical(t) == wanted));
            if !has {
                let message = format!(
                    "Key @key(fields: \"{}\") on interface type \"{}\" is missing on implementation \
                     type \"{}\": add it there.",
                    set.text, interface.name, ty.name
                );
                self.misplaced(report, ErrorCode::InterfaceKeyNotOnImplementation, message);
            }
        }
    }

    fn requires(
        &mut self,
        ty: &'s Type<'a>,
        found: &mut Found<'a>,
        report: &mut Report,
    ) -> Option<FieldSet<'a>> {
        if ty.kind == TypeKind::Interface && !ty.interface_object {
            let message = format!(
                "Cannot use @requires on field \"{}\": @requires is not supported within interfaces",
                self.coordinate
            );
            self.misplaced(report, ErrorCode::RequiresUnsupportedOnInterface, message);
            return None;
        }
        let set = self.field_set(report)?;
        self.walk(ty, &set, found, report);
        self.valid.then_some(set)
    }

    fn provides(
        &mut self,
        ty: &'s Type<'a>,
        field: &Field<'a>,
        found: &mut Found<'a>,
        report: &mut Report,
    ) -> Option<FieldSet<'a>> {
        let target = self.subgraph.types.get(field.ty.name).filter(|target| {
            matches!(
                target.kind,
                TypeKind::Object | TypeKind::Interface | TypeKind::Union
            )
        });
        let Some(target) = target else {
            let message = format!(
                "Invalid @provides directive on field \"{}\": field has type \"{}\" which is not a \
                 Composite Type",
                self.coordinate, field.ty
            );
            self.misplaced(report, ErrorCode::ProvidesOnNonObjectField, message);
            return None;
        };
        if ty.kind == TypeKind::Interface && !ty.interface_object {
            let message = format!(
                "Cannot use @provides on field \"{}\": @provides is not supported within interfaces",
                self.coordinate
            );
            self.misplaced(report, ErrorCode::ProvidesUnsupportedOnInterface, message);
            return None;
        }
        let set = self.field_set(report)?;
        self.walk(target, &set, found, report);
        self.valid.then_some(set)
    }
}
