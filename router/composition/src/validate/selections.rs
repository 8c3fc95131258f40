//! What a field set selects: known fields, without what its directive forbids.

use crate::error::ErrorCode;
use crate::report::Report;
use crate::spec::Fed;
use crate::subgraph::walk::{Step, walk};
use crate::subgraph::{Field, FieldSet, Type};
use crate::syntax::TypeKind;
use crate::syntax::selection::FieldSelection;

use super::field_sets::{Check, Found, Use};

impl<'s, 'a> Check<'s, 'a> {
    /// Checks every selection, and records how it uses its field.
    pub(super) fn walk(
        &mut self,
        ty: &'s Type<'a>,
        set: &FieldSet<'a>,
        found: &mut Found<'a>,
        report: &mut Report,
    ) {
        let subgraph = self.subgraph;
        walk(subgraph, ty, &set.selections, &mut |step| {
            self.step(step, found, report);
        });
        if self.fed != Fed::Key && self.subgraph.version.is_two() {
            self.leaves_are_external(ty, &set.selections, false, report);
        }
    }

    fn step(&mut self, step: Step<'_, 'a>, found: &mut Found<'a>, report: &mut Report) {
        let codes = self.codes();
        match step {
            Step::Typename => {}
            Step::Unknown { ty, name } => {
                let message = format!(
                    "Cannot query field \"{name}\" on type \"{}\" (if the field is defined in \
                     another subgraph, you need to add it to this subgraph with @external).",
                    ty.name
                );
                self.fail(report, codes.invalid, message);
            }
            Step::FieldOnUnion { ty, name } => {
                let message = format!(
                    "Cannot query field \"{name}\" on union \"{}\": select it in a fragment on a member.",
                    ty.name
                );
                self.fail(report, codes.invalid, message);
            }
            Step::ImpossibleFragment { ty, on } => {
                let message =
                    format!("Fragment on \"{on}\" can never match a value of type \"{ty}\".");
                self.fail(report, codes.invalid, message);
            }
            Step::Field {
                ty,
                field,
                selection,
                top,
            } => self.field(ty, field, selection, top, found, report),
        }
    }

    fn field(
        &mut self,
        ty: &Type<'a>,
        field: &Field<'a>,
        selection: &FieldSelection<'a>,
        top: bool,
        found: &mut Found<'a>,
        report: &mut Report,
    ) {
        let codes = self.codes();
        let name = field.definition.name.text;
        let usage = match self.fed {
            Fed::Key if top => Use::TopOfKey,
            Fed::Key => Use::InKey,
            _ if ty.kind != TypeKind::Object => Use::Fragment,
            Fed::Provides => Use::Provided,
            _ => Use::Required,
        };
        if let Some(index) = self.subgraph.types.get_index_of(ty.name)
            && let Some(at) = ty.fields.get_index_of(name)
        {
            found.uses.push((index, at, usage));
        }
        if selection.aliased {
            let message = format!("Cannot use an alias for \"{name}\" in a field set.");
            self.fail(report, codes.invalid, message);
        }
        for directive in &selection.directives {
            let local = directive.name.text;
            if self.subgraph.directives.contains_key(local) {
                let message = format!(
                    "cannot have directive applications in the @{}(fields:) argument but found @{local}.",
                    self.fed.name()
                );
                self.fail(report, codes.directive, message);
            } else {
                let message = format!("Unknown directive \"@{local}\" in selection");
                self.fail(report, codes.invalid, message);
            }
        }
        let target = self.subgraph.types.get(field.ty.name);
        if self.fed != Fed::Requires && !field.definition.arguments.is_empty() {
            let message = format!(
                "field {}.{name} cannot be included because it has arguments (fields with argument \
                 are not allowed in @{})",
                ty.name,
                self.fed.name()
            );
            self.fail(report, codes.arguments, message);
            return;
        }
        let Some(target) = target else { return };
        let composite = matches!(
            target.kind,
            TypeKind::Object | TypeKind::Interface | TypeKind::Union
        );
        let abstract_type = matches!(target.kind, TypeKind::Interface | TypeKind::Union);
        if self.fed == Fed::Key && abstract_type && !target.interface_object {
            let message = format!(
                "field \"{}.{name}\" is of type \"{}\", an interface or union, which is not allowed in @key",
                ty.name, target.name
            );
            self.fail(report, ErrorCode::KeyFieldsSelectInvalidType, message);
        } else if composite && selection.selections.is_empty() {
            let message = format!(
                "Invalid empty selection set for field \"{}.{name}\" of non-leaf type {}",
                ty.name, field.ty
            );
            self.fail(report, codes.invalid, message);
        }
    }
}

/// The codes of one directive's field sets.
#[derive(Clone, Copy)]
pub(super) struct Codes {
    pub invalid: ErrorCode,
    pub invalid_type: ErrorCode,
    pub directive: ErrorCode,
    pub arguments: ErrorCode,
}

pub(super) const KEY_CODES: Codes = Codes {
    invalid: ErrorCode::KeyInvalidFields,
    invalid_type: ErrorCode::KeyInvalidFieldsType,
    directive: ErrorCode::KeyDirectiveInFieldsArg,
    arguments: ErrorCode::KeyFieldsHasArgs,
};
pub(super) const PROVIDES_CODES: Codes = Codes {
    invalid: ErrorCode::ProvidesInvalidFields,
    invalid_type: ErrorCode::ProvidesInvalidFieldsType,
    directive: ErrorCode::ProvidesDirectiveInFieldsArg,
    arguments: ErrorCode::ProvidesFieldsHasArgs,
};
pub(super) const REQUIRES_CODES: Codes = Codes {
    invalid: ErrorCode::RequiresInvalidFields,
    invalid_type: ErrorCode::RequiresInvalidFieldsType,
    directive: ErrorCode::RequiresDirectiveInFieldsArg,
    arguments: ErrorCode::RequiresInvalidFields,
};
