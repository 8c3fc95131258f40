//! What `@requires` and `@provides` select has to come from elsewhere: every
//! leaf, or a field above it, must be `@external`.

use crate::error::ErrorCode;
use crate::report::Report;
use crate::spec::Fed;
use crate::subgraph::Type;
use crate::syntax::TypeKind;
use crate::syntax::selection::Selection;

use super::field_sets::Check;

impl<'a> Check<'_, 'a> {
    pub(super) fn leaves_are_external(
        &mut self,
        ty: &Type<'a>,
        selections: &[Selection<'a>],
        below_external: bool,
        report: &mut Report,
    ) {
        for selection in selections {
            let selected = match selection {
                Selection::Fragment(fragment) => {
                    let on = fragment.on.unwrap_or(ty.name);
                    if let Some(target) = self.subgraph.types.get(on) {
                        let inner = &fragment.selections;
                        self.leaves_are_external(target, inner, below_external, report);
                    }
                    continue;
                }
                Selection::Field(selected) => selected,
            };
            let Some(field) = ty.fields.get(selected.name) else {
                continue;
            };
            let external = below_external || self.is_external(ty, selected.name);
            if !selected.selections.is_empty() {
                if let Some(target) = self.subgraph.types.get(field.ty.name) {
                    self.leaves_are_external(target, &selected.selections, external, report);
                }
                continue;
            }
            let effectively_local = self.fed == Fed::Provides
                && ty.kind == TypeKind::Object
                && ty.is_extension()
                && self.is_key_field(ty, selected.name);
            if !external || effectively_local {
                self.report_local(ty, selected.name, external, report);
            }
        }
    }

    fn report_local(&mut self, ty: &Type<'a>, name: &str, external: bool, report: &mut Report) {
        let code = if self.fed == Fed::Provides {
            ErrorCode::ProvidesFieldsMissingExternal
        } else {
            ErrorCode::RequiresFieldsMissingExternal
        };
        let why = if external {
            "it is a @key field of an extension, which counts as resolved here"
        } else {
            "it is not marked @external"
        };
        let message = format!(
            "field \"{}.{name}\" should not be part of a @{} since it is already provided by this \
             subgraph ({why})",
            ty.name,
            self.fed.name()
        );
        self.fail(report, code, message);
    }

    /// Whether the field, or for an interface any implementation of it, is external.
    fn is_external(&self, ty: &Type<'a>, name: &str) -> bool {
        let marked = |ty: &Type<'a>| {
            ty.fields.get(name).is_some_and(|f| f.external) || ty.marks.external.is_some()
        };
        if ty.kind != TypeKind::Interface || ty.interface_object {
            return marked(ty);
        }
        self.subgraph.implementations_of(ty.name).any(marked)
    }

    fn is_key_field(&self, ty: &Type<'a>, name: &str) -> bool {
        ty.marks.keys.iter().any(|key| {
            key.string("fields").is_some_and(|text| {
                crate::syntax::selection::parse_field_set(text).is_ok_and(|set| {
                    set.iter()
                        .any(|s| matches!(s, Selection::Field(f) if f.name == name))
                })
            })
        })
    }
}
