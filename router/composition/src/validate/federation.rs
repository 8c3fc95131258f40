//! Federation directives of one subgraph that are not about field sets.

use crate::error::ErrorCode;
use crate::merge::link_of;
use crate::report::Report;
use crate::spec::Version;
use crate::subgraph::{Field, Marks, Subgraph, Type};
use crate::syntax::{Operation, TypeKind};

/// Checks them all.
pub(super) fn check(subgraph: &Subgraph<'_>, report: &mut Report) {
    compose_directives(subgraph, report);
    for ty in subgraph.types.values() {
        on_type(subgraph, ty, report);
        for field in ty.fields.values() {
            let coordinate = || format!("{}.{}", ty.name, field.definition.name.text);
            if field.external {
                external(subgraph, ty, field, &coordinate, report);
            }
            if field.marks.is_some() {
                overrides(subgraph, ty, field, &coordinate, report);
                on_interface_field(subgraph, ty, field, &coordinate, report);
            }
        }
    }
}

fn on_type(subgraph: &Subgraph<'_>, ty: &Type<'_>, report: &mut Report) {
    if ty.name == Operation::Query.default_type() && ty.marks.inaccessible.is_some() {
        let message = "Type \"Query\" is @inaccessible but is the root query type, which must be in the API schema.";
        let code = ErrorCode::QueryRootTypeInaccessible;
        report.at(subgraph, ty.pos, code, message);
    }
    if ty.interface_object && ty.marks.keys.is_empty() {
        let message = format!(
            "The @interfaceObject directive can only be applied to entity types but type \"{}\" has no \
             @key in this subgraph.",
            ty.name
        );
        let pos = ty.marks.interface_object.unwrap_or(ty.pos);
        report.at(subgraph, pos, ErrorCode::InterfaceObjectUsageError, message);
    }
    if ty.kind == TypeKind::Interface && has_auth(&ty.marks) {
        auth_on_interface(subgraph, ty.pos, ty.name, report);
    }
}

fn has_auth(marks: &Marks<'_>) -> bool {
    marks.authenticated || !marks.scopes.is_empty() || !marks.policies.is_empty()
}

fn auth_on_interface(subgraph: &Subgraph<'_>, pos: u32, coordinate: &str, report: &mut Report) {
    let message = format!(
        "Invalid use of an access directive on \"{coordinate}\": @authenticated, @requiresScopes and \
         @policy cannot be applied on interfaces, interface fields and interface objects; put them on \
         the implementations."
    );
    let code = ErrorCode::AuthRequirementsAppliedOnInterface;
    report.at(subgraph, pos, code, message);
}

fn on_interface_field(
    subgraph: &Subgraph<'_>,
    ty: &Type<'_>,
    field: &Field<'_>,
    coordinate: &impl Fn() -> String,
    report: &mut Report,
) {
    if ty.kind != TypeKind::Interface || ty.interface_object {
        return;
    }
    let marks = field.marks();
    if has_auth(marks) {
        auth_on_interface(subgraph, field.pos(), &coordinate(), report);
    }
    if let Some(pos) = marks.shareable {
        let message = format!(
            "Invalid use of @shareable on field \"{}\": only object type fields can be marked with \
             @shareable",
            coordinate()
        );
        report.at(subgraph, pos, ErrorCode::InvalidShareableUsage, message);
    }
    if let Some(pos) = marks.external.filter(|_| subgraph.version.is_two()) {
        let message = format!(
            "Interface type field \"{}\" is marked @external but @external is not allowed on interface \
             fields.",
            coordinate()
        );
        report.at(subgraph, pos, ErrorCode::ExternalOnInterface, message);
    }
}

fn external(
    subgraph: &Subgraph<'_>,
    ty: &Type<'_>,
    field: &Field<'_>,
    coordinate: &impl Fn() -> String,
    report: &mut Report,
) {
    if !subgraph.version.is_two() {
        return;
    }
    let marks = field.marks();
    let merged = [
        ("@tag", !marks.tags.is_empty()),
        ("@inaccessible", marks.inaccessible.is_some()),
    ];
    for (directive, _) in merged.iter().filter(|(_, applied)| *applied) {
        let message = format!(
            "Cannot apply merged directive {directive} to external field \"{}\": apply it where the field \
             is resolved.",
            coordinate()
        );
        let code = ErrorCode::MergedDirectiveApplicationOnExternal;
        report.at(subgraph, field.pos(), code, message);
    }
    if !field.usage.used && !serves_interface(subgraph, ty, field) {
        let message = format!(
            "Field \"{}\" is marked @external but is not used in any federation directive (@key, \
             @provides, @requires) or to satisfy an interface; the field declaration has no use and \
             should be removed (or the field should not be @external).",
            coordinate()
        );
        report.at(subgraph, field.pos(), ErrorCode::ExternalUnused, message);
    }
}

fn serves_interface(subgraph: &Subgraph<'_>, ty: &Type<'_>, field: &Field<'_>) -> bool {
    ty.interfaces.iter().any(|name| {
        subgraph
            .types
            .get(name.text)
            .is_some_and(|interface| interface.fields.contains_key(field.definition.name.text))
    })
}

fn overrides(
    subgraph: &Subgraph<'_>,
    ty: &Type<'_>,
    field: &Field<'_>,
    coordinate: &impl Fn() -> String,
    report: &mut Report,
) {
    let Some(overrides) = field.marks().overrides else {
        return;
    };
    let place = || {
        format!(
            "field \"{}\" on subgraph \"{}\"",
            coordinate(),
            subgraph.name
        )
    };
    let on_interface = ty.kind == TypeKind::Interface && !ty.interface_object;
    if on_interface && subgraph.version >= Version::Two(3) {
        let message = format!(
            "@override cannot be used on {}: @override is not supported on interface type fields.",
            place()
        );
        report.at(
            subgraph,
            overrides.pos,
            ErrorCode::OverrideOnInterface,
            message,
        );
        return;
    }
    if let Some(label) = overrides.label
        && subgraph.version >= Version::Two(7)
        && !is_label(label)
    {
        let message = format!(
            "Invalid @override label \"{label}\" on {}: labels must start with a letter and after that may \
             contain alphanumerics, underscores, minuses, colons, periods, or slashes. Alternatively, \
             labels may be of the form \"percent(x)\" where x is a float between 0-100 inclusive.",
            place()
        );
        report.at(
            subgraph,
            overrides.pos,
            ErrorCode::OverrideLabelInvalid,
            message,
        );
        return;
    }
    if field.marks().external.is_some() {
        let message = format!(
            "@override cannot be used on {} since it is marked with directive \"@external\" there",
            place()
        );
        let code = ErrorCode::OverrideCollisionWithAnotherDirective;
        report.at(subgraph, overrides.pos, code, message);
    }
    if overrides.from == subgraph.name {
        let message = format!(
            "Source and destination subgraphs \"{}\" are the same for overridden field \"{}\"",
            overrides.from,
            coordinate()
        );
        let code = ErrorCode::OverrideFromSelfError;
        report.at(subgraph, overrides.pos, code, message);
    }
}

/// A name, or `percent(x)` with x from 0 to 100 and at most eight decimals.
fn is_label(label: &str) -> bool {
    if let Some(number) = label.strip_prefix("percent(") {
        let Some(number) = number.strip_suffix(')') else {
            return false;
        };
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        if whole == "100" {
            return digits(decimals, 8) && decimals.bytes().all(|b| b == b'0');
        }
        return digits(whole, 2) && digits(decimals, 8);
    }
    label.starts_with(|c: char| c.is_ascii_alphabetic())
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-:./".contains(&b))
}

/// So many directives one subgraph may compose.
const MOST_COMPOSED: usize = 1000;

fn compose_directives(subgraph: &Subgraph<'_>, report: &mut Report) {
    if let Some((_, pos)) = subgraph.composed.get_index(MOST_COMPOSED) {
        let message = format!("At most {MOST_COMPOSED} directives can be composed.");
        let code = ErrorCode::DirectiveCompositionError;
        report.at(subgraph, *pos, code, message);
        return;
    }
    for (name, pos) in &subgraph.composed {
        let code = ErrorCode::DirectiveCompositionError;
        if !subgraph.directives.contains_key(name) {
            let message = format!(
                "Could not find matching directive definition for argument to @composeDirective \
                 \"@{name}\" in subgraph \"{}\".",
                subgraph.name
            );
            report.at(subgraph, *pos, code, message);
        } else if link_of(subgraph, name).is_none() {
            let message = format!(
                "Directive \"@{name}\" in subgraph \"{}\" cannot be composed because it is not a member \
                 of a core feature: import it with @link.",
                subgraph.name
            );
            report.at(subgraph, *pos, code, message);
        } else if subgraph.names.resolve(name).is_some() {
            let message = format!(
                "Directive \"@{name}\" in subgraph \"{}\" cannot be composed: federation composes its own \
                 directives.",
                subgraph.name
            );
            report.at(subgraph, *pos, code, message);
        }
    }
}
