//! docs/SECURITY.md says which test holds each promise: those tests must be there and run, and every
//! requirement of level 2 must have its row.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::repository;

/// The sections of OWASP ASVS 4.0.3 with the requirements that level 2 has in them.
const LEVEL_2: &[(&str, &[u8])] = &[
    ("1.1", &[1, 2, 3, 4, 5, 6, 7]),
    ("1.2", &[1, 2, 3, 4]),
    ("1.4", &[1, 4, 5]),
    ("1.5", &[1, 2, 3, 4]),
    ("1.6", &[1, 2, 3, 4]),
    ("1.7", &[1, 2]),
    ("1.8", &[1, 2]),
    ("1.9", &[1, 2]),
    ("1.10", &[1]),
    ("1.11", &[1, 2]),
    ("1.12", &[2]),
    ("1.14", &[1, 2, 3, 4, 5, 6]),
    ("2.1", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("2.2", &[1, 2, 3]),
    ("2.3", &[1, 2, 3]),
    ("2.4", &[1, 2, 3, 4, 5]),
    ("2.5", &[1, 2, 3, 4, 5, 6, 7]),
    ("2.6", &[1, 2, 3]),
    ("2.7", &[1, 2, 3, 4, 5, 6]),
    ("2.8", &[1, 2, 3, 4, 5, 6, 7]),
    ("2.9", &[1, 2, 3]),
    ("2.10", &[1, 2, 3, 4]),
    ("3.1", &[1]),
    ("3.2", &[1, 2, 3, 4]),
    ("3.3", &[1, 2, 3, 4]),
    ("3.4", &[1, 2, 3, 4, 5]),
    ("3.5", &[1, 2, 3]),
    ("3.7", &[1]),
    ("4.1", &[1, 2, 3, 5]),
    ("4.2", &[1, 2]),
    ("4.3", &[1, 2, 3]),
    ("5.1", &[1, 2, 3, 4, 5]),
    ("5.2", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("5.3", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ("5.4", &[1, 2, 3]),
    ("5.5", &[1, 2, 3, 4]),
    ("6.1", &[1, 2, 3]),
    ("6.2", &[1, 2, 3, 4, 5, 6]),
    ("6.3", &[1, 2]),
    ("6.4", &[1, 2]),
    ("7.1", &[1, 2, 3, 4]),
    ("7.2", &[1, 2]),
    ("7.3", &[1, 3, 4]),
    ("7.4", &[1, 2, 3]),
    ("8.1", &[1, 2, 3, 4]),
    ("8.2", &[1, 2, 3]),
    ("8.3", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("9.1", &[1, 2, 3]),
    ("9.2", &[1, 2, 3, 4]),
    ("10.2", &[1, 2]),
    ("10.3", &[1, 2, 3]),
    ("11.1", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("12.1", &[1, 2, 3]),
    ("12.2", &[1]),
    ("12.3", &[1, 2, 3, 4, 5, 6]),
    ("12.4", &[1, 2]),
    ("12.5", &[1, 2]),
    ("12.6", &[1]),
    ("13.1", &[1, 3, 4, 5]),
    ("13.2", &[1, 2, 3, 5, 6]),
    ("13.3", &[1, 2]),
    ("13.4", &[1, 2]),
    ("14.1", &[1, 2, 3, 4]),
    ("14.2", &[1, 2, 3, 4, 5, 6]),
    ("14.3", &[2, 3]),
    ("14.4", &[1, 2, 3, 4, 5, 6, 7]),
    ("14.5", &[1, 2, 3, 4]),
];

fn page() -> String {
    std::fs::read_to_string(repository().join("docs/SECURITY.md")).expect("the page is in the tree")
}

/// The rows of the checklist: requirement, state, and what is said about it.
fn rows(page: &str) -> Vec<[String; 3]> {
    page.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line
                .trim()
                .trim_matches('|')
                .split(" | ")
                .map(str::trim)
                .collect();
            let is_number = |text: &str| {
                text.split('.').count() == 3
                    && text.split('.').all(|part| part.parse::<u8>().is_ok())
            };
            match cells.as_slice() {
                [number, _, state, said] if is_number(number) => Some([
                    (*number).to_owned(),
                    (*state).to_owned(),
                    (*said).to_owned(),
                ]),
                _ => None,
            }
        })
        .collect()
}

/// Tests as the page names them: `path/to/file.rs::name`.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once(".rs::"))
}

/// Why a named test is none, if it is none.
fn fault(file: &str, test: &str) -> Option<String> {
    let path = repository().join(format!("{file}.rs"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Some(format!("there is no {file}.rs"));
    };
    let Some(at) = text.find(&format!("fn {test}(")) else {
        return Some(format!("{file}.rs has no {test}"));
    };
    // The attributes of a function stand between it and the blank line before.
    let before = text[..at].rsplit("\n\n").next().unwrap_or_default();
    let is_test = before.contains("#[test]") || before.contains("#[tokio::test");
    // Attacks are run by the test of their file that names them.
    let is_run = text.matches(test).count() > 1;
    if before.contains("#[ignore") {
        return Some(format!("{file}.rs::{test} is not run"));
    }
    (!is_test && !is_run).then(|| format!("{file}.rs::{test} is no test"))
}

#[test]
fn the_checklist_names_tests_that_are_there() {
    let page = page();
    let tests: BTreeSet<(&str, &str)> = named(&page).collect();
    assert!(
        tests.len() > 80,
        "the page names hardly any tests: {tests:?}"
    );
    let faults: Vec<String> = tests
        .into_iter()
        .filter_map(|(file, test)| fault(file, test))
        .collect();
    assert!(
        faults.is_empty(),
        "docs/SECURITY.md is out of date: {faults:#?}"
    );
}

#[test]
fn the_checklist_has_a_row_for_every_requirement_of_level_2() {
    let page = page();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for [number, state, said] in rows(&page) {
        *seen.entry(number.clone()).or_default() += 1;
        let states = ["yes", "in part", "operator", "no", "n/a"];
        assert!(
            states.contains(&state.as_str()),
            "{number}: {state:?} is none of {states:?}"
        );
        assert!(said.len() > 5, "{number} does not say why");
    }
    let wanted: BTreeSet<String> = LEVEL_2
        .iter()
        .flat_map(|(section, numbers)| {
            numbers
                .iter()
                .map(move |number| format!("{section}.{number}"))
        })
        .collect();
    let found: BTreeSet<String> = seen.keys().cloned().collect();
    let missing: Vec<_> = wanted.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&wanted).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "missing: {missing:?}, surplus: {surplus:?}"
    );
    assert!(
        seen.values().all(|count| *count == 1),
        "a requirement has two rows: {seen:?}"
    );
}
