//! Every mutation takes exactly one `input: <Name>Input` and gives a `<Name>Payload!` whose
//! `userErrors` are never null and whose other fields may be, or are lists.

use atelier_composition::syntax::{FieldDefinition, TypeDefinition};

use super::{
    Findings, Rule,
    graph::{Graph, at, fields_of, is_user_error},
};

pub(super) fn check(graph: &Graph<'_>, findings: &mut Findings) {
    let Some(mutation) = graph.mutation() else {
        return;
    };
    for field in fields_of(mutation) {
        check_input(mutation, field, findings);
        check_payload(graph, mutation, field, findings);
    }
}

fn check_input(
    mutation: &TypeDefinition<'_>,
    field: &FieldDefinition<'_>,
    findings: &mut Findings,
) {
    let expected = format!("{}Input", pascal_case(field.name.text));
    let fits = match field.arguments.as_slice() {
        // Nullable where nothing has to be told: `authLogout` without any argument.
        [input] => input.name.text == "input" && input.ty.name == expected && !input.ty.is_list(),
        _ => false,
    };
    if !fits {
        findings.add(
            Rule::Mutation,
            at(mutation, field),
            format!("takes exactly one argument, `input: {expected}!`"),
        );
    }
}

fn check_payload(
    graph: &Graph<'_>,
    mutation: &TypeDefinition<'_>,
    field: &FieldDefinition<'_>,
    findings: &mut Findings,
) {
    let expected = format!("{}Payload!", pascal_case(field.name.text));
    if field.ty.to_string() != expected {
        findings.add(
            Rule::Mutation,
            at(mutation, field),
            format!("gives `{expected}`"),
        );
    }
    let Some(payload) = graph.get(field.ty.name) else {
        return;
    };
    let (errors, others): (Vec<_>, Vec<_>) =
        fields_of(payload).partition(|field| field.name.text == "userErrors");
    let told = errors.first().is_some_and(|errors| {
        errors.ty.to_string() == format!("[{}!]!", errors.ty.name)
            && graph.get(errors.ty.name).is_some_and(is_user_error)
    });
    if !told {
        findings.add(
            Rule::Mutation,
            format!("{}.userErrors", payload.name.text),
            "a payload has `userErrors: [X!]!` where X implements UserError",
        );
    }
    for other in others
        .iter()
        .filter(|other| other.ty.is_non_null() && !other.ty.is_list())
    {
        findings.add(
            Rule::Mutation,
            at(payload, other),
            "make this nullable: a refused mutation has nothing to give but its userErrors",
        );
    }
}

fn pascal_case(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, testing::findings};

    const REST: &str = "type Query { a: Int } input ThingCreateInput { a: Int }
        interface UserError { message: String! } type ThingError implements UserError { message: String! }";

    fn broken(mutation: &str, payload: &str) -> Vec<String> {
        findings(
            Rule::Mutation,
            &format!("type Mutation {{ {mutation} }} {payload} {REST}"),
        )
    }

    const GOOD: &str = "thingCreate(input: ThingCreateInput!): ThingCreatePayload!";
    const PAYLOAD: &str = "type ThingCreatePayload { thing: Int userErrors: [ThingError!]! }";

    #[test]
    fn a_mutation_by_the_book_passes() {
        assert!(broken(GOOD, PAYLOAD).is_empty());
    }

    #[test]
    fn an_input_that_may_be_left_out_and_a_list_of_what_was_changed_pass() {
        let mutation = "thingCreate(input: ThingCreateInput): ThingCreatePayload!";
        assert!(
            broken(
                mutation,
                "type ThingCreatePayload { ids: [ID!]! userErrors: [ThingError!]! }"
            )
            .is_empty()
        );
    }

    #[test]
    fn another_argument_name_number_or_type_is_refused() {
        for arguments in [
            "",
            "(a: Int)",
            "(input: [ThingCreateInput!]!)",
            "(input: ThingCreateInput!, a: Int)",
            "(input: Int!)",
        ] {
            let mutation = format!("thingCreate{arguments}: ThingCreatePayload!");
            assert_eq!(
                broken(&mutation, PAYLOAD),
                ["Mutation.thingCreate"],
                "{arguments}"
            );
        }
    }

    #[test]
    fn another_payload_is_refused() {
        for ty in ["ThingCreatePayload", "Int"] {
            let mutation = format!("thingCreate(input: ThingCreateInput!): {ty}");
            assert_eq!(broken(&mutation, PAYLOAD), ["Mutation.thingCreate"], "{ty}");
        }
    }

    #[test]
    fn a_payload_without_typed_errors_is_refused() {
        for errors in [
            "",
            "userErrors: [ThingError!]",
            "userErrors: [ThingError]!",
            "userErrors: [String!]!",
        ] {
            let payload = format!("type ThingCreatePayload {{ thing: Int {errors} }}");
            assert_eq!(
                broken(GOOD, &payload),
                ["ThingCreatePayload.userErrors"],
                "{errors}"
            );
        }
    }

    #[test]
    fn what_a_payload_gives_is_nullable() {
        let payload = "type ThingCreatePayload { thing: Int! userErrors: [ThingError!]! }";
        assert_eq!(broken(GOOD, payload), ["ThingCreatePayload.thing"]);
    }
}
