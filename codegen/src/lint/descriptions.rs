//! Everything that clients see has a description.

use std::borrow::Cow;

use atelier_composition::syntax::InputValue;

use super::{
    Findings, Rule,
    graph::{Graph, at, fields_of, has},
};

pub(super) fn check(graph: &Graph<'_>, findings: &mut Findings) {
    for ty in graph.types() {
        let name = ty.name.text;
        // What operation types are for is known.
        if !graph.is_root(name) {
            require(name, ty.description.as_ref(), findings);
        }
        for field in fields_of(ty) {
            require(&at(ty, field), field.description.as_ref(), findings);
            for argument in visible(&field.arguments) {
                let coordinate = format!("{}({}:)", at(ty, field), argument.name.text);
                require(&coordinate, argument.description.as_ref(), findings);
            }
        }
        for input in visible(&ty.inputs) {
            require(
                &format!("{name}.{}", input.name.text),
                input.description.as_ref(),
                findings,
            );
        }
        for value in ty
            .values
            .iter()
            .filter(|value| !has(&value.directives, "inaccessible"))
        {
            require(
                &format!("{name}.{}", value.name.text),
                value.description.as_ref(),
                findings,
            );
        }
    }
}

fn visible<'t, 'a>(inputs: &'t [InputValue<'a>]) -> impl Iterator<Item = &'t InputValue<'a>> {
    inputs
        .iter()
        .filter(|input| !has(&input.directives, "inaccessible"))
}

fn require(coordinate: &str, description: Option<&Cow<'_, str>>, findings: &mut Findings) {
    if description.is_none_or(|text| text.trim().is_empty()) {
        findings.add(
            Rule::Description,
            coordinate,
            "say in a doc comment what this is",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, testing::findings};

    #[test]
    fn everything_without_a_description_is_named() {
        let sdl = "type Query { a(b: B, \"\" c: Int): E } input B { d: Int } enum E { F } union U = T type T { u: U }";
        assert_eq!(
            findings(Rule::Description, sdl),
            [
                "B",
                "B.d",
                "E",
                "E.F",
                "Query.a",
                "Query.a(b:)",
                "Query.a(c:)",
                "T",
                "T.u",
                "U"
            ]
        );
    }

    #[test]
    fn a_described_schema_passes() {
        let sdl = "type Query { \"A\" a(\"B\" b: B): E } \"In\" input B { \"D\" d: Int } \"En\" enum E { \"F\" F } \"S\" scalar S";
        assert!(findings(Rule::Description, sdl).is_empty());
    }

    #[test]
    fn what_clients_do_not_see_needs_none() {
        assert!(
            findings(
                Rule::Description,
                "type Query { \"A\" a: Int b: X @inaccessible } type X @inaccessible { c: Int }"
            )
            .is_empty()
        );
    }
}
