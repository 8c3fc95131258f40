//! Money is `Money`, a decimal with its currency, and never a `Float`.

use super::{
    Findings, Rule,
    graph::{Graph, at},
};

/// Words that make a number an amount of money.
const WORDS: [&str; 12] = [
    "amount",
    "balance",
    "discount",
    "fee",
    "money",
    "payment",
    "price",
    "prices",
    "refund",
    "subtotal",
    "surcharge",
    "tax",
];

pub(super) fn check(graph: &Graph<'_>, findings: &mut Findings) {
    let mut complain = |coordinate: String| {
        findings.add(
            Rule::Money,
            coordinate,
            "a Float loses cents: use Money (a Decimal and its currency)",
        );
    };
    for (ty, field) in graph.fields() {
        if is_money(ty.name.text, field.name.text, field.ty.name) {
            complain(at(ty, field));
        }
        for argument in &field.arguments {
            if is_money(field.name.text, argument.name.text, argument.ty.name) {
                complain(format!("{}({}:)", at(ty, field), argument.name.text));
            }
        }
    }
    for ty in graph.types() {
        for input in &ty.inputs {
            if is_money(ty.name.text, input.name.text, input.ty.name) {
                complain(format!("{}.{}", ty.name.text, input.name.text));
            }
        }
    }
}

/// A `Float` by a name of money, or inside `Money` by any name.
fn is_money(parent: &str, name: &str, ty: &str) -> bool {
    ty == "Float" && (parent == "Money" || words(name).any(|word| WORDS.contains(&word.as_str())))
}

/// The words of a camel-case name, in lower case.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(letter.to_ascii_lowercase());
        }
    }
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, testing::findings};

    #[test]
    fn a_float_by_a_name_of_money_is_named_wherever_it_stands() {
        let sdl = "type Query { unitPrice: Float a(maxAmount: Float): Int i(i: I): Money } input I { refund: [Float!] }
                   type Money { value: Float! }";
        assert_eq!(
            findings(Rule::Money, sdl),
            [
                "I.refund",
                "Money.value",
                "Query.a(maxAmount:)",
                "Query.unitPrice"
            ]
        );
    }

    #[test]
    fn other_floats_and_exact_amounts_pass() {
        let sdl = "scalar Decimal type Query { progress: Float syntax: Float feed: Float price: Decimal amount: Int }";
        assert!(findings(Rule::Money, sdl).is_empty());
    }
}
