//! Conformance with recorded compositions: the same verdict, the same error
//! codes, and a supergraph and API schema that mean the same.
//!
//! The cases are read from `ATELIER_COMPOSITION_CASES`, or from
//! `../shared/composition-cases/cases.jsonl` beside the checkout.
//! `differences.json` lists the cases answered differently, with the reason.

mod meaning;
mod planning;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use crate::{SubgraphSdl, compose};
use meaning::facts;

#[derive(serde::Deserialize)]
struct Case {
    id: String,
    subgraphs: Vec<CaseSubgraph>,
    supergraph: Option<String>,
    api: Option<String>,
    errors: Option<BTreeSet<String>>,
}

#[derive(serde::Deserialize)]
struct CaseSubgraph {
    name: String,
    url: Option<String>,
    sdl: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    Same,
    OtherVerdict,
    OtherCodes,
    OtherMeaning,
}

impl Case {
    fn subgraphs(&self) -> Vec<SubgraphSdl> {
        self.subgraphs
            .iter()
            .map(|s| SubgraphSdl::new(&*s.name, s.url.clone().unwrap_or_default(), &*s.sdl))
            .collect()
    }
}

fn answer(case: &Case) -> (Outcome, String) {
    let mut detail = String::new();
    match (compose(&case.subgraphs()), &case.errors) {
        (Err(errors), Some(expected)) => {
            let codes: BTreeSet<String> = errors.0.iter().map(|e| e.code.to_string()).collect();
            if codes == *expected {
                return (Outcome::Same, detail);
            }
            let _ = write!(
                detail,
                "expected {expected:?}, answered {codes:?}\n{errors}"
            );
            (Outcome::OtherCodes, detail)
        }
        (Ok(_), Some(expected)) => {
            let _ = write!(detail, "expected {expected:?}, composed");
            (Outcome::OtherVerdict, detail)
        }
        (Err(errors), None) => {
            let _ = write!(detail, "expected a supergraph, answered\n{errors}");
            (Outcome::OtherVerdict, detail)
        }
        (Ok(composed), None) => {
            let supergraph = case.supergraph.as_deref().unwrap_or_default();
            difference(&composed.supergraph_sdl, supergraph, &mut detail);
            difference(
                &composed.api_sdl,
                case.api.as_deref().unwrap_or_default(),
                &mut detail,
            );
            if detail.is_empty() {
                return (Outcome::Same, detail);
            }
            (Outcome::OtherMeaning, detail)
        }
    }
}

fn difference(ours: &str, theirs: &str, detail: &mut String) {
    let (ours, theirs) = (facts(ours), facts(theirs));
    for fact in theirs.difference(&ours) {
        let _ = writeln!(detail, "- {fact}");
    }
    for fact in ours.difference(&theirs) {
        let _ = writeln!(detail, "+ {fact}");
    }
}

fn cases() -> Option<Vec<Case>> {
    let path = std::env::var_os("ATELIER_COMPOSITION_CASES").map_or_else(
        || {
            PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .join("../../../shared/composition-cases/cases.jsonl")
        },
        PathBuf::from,
    );
    let text = std::fs::read_to_string(path).ok()?;
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a case is JSON"))
            .collect(),
    )
}

/// The project's own cases, which are always there.
fn own_cases() -> Vec<(String, Vec<SubgraphSdl>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the cases are there") {
        let case = entry.expect("a readable entry").path();
        let mut subgraphs = Vec::new();
        for file in std::fs::read_dir(&case).expect("a case is a folder") {
            let path = file.expect("a readable entry").path();
            if path.extension().is_some_and(|e| e == "graphql") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let sdl = std::fs::read_to_string(&path).expect("a readable subgraph");
                subgraphs.push(SubgraphSdl::new(name, "", sdl));
            }
        }
        cases.push((case.display().to_string(), subgraphs));
    }
    cases
}

#[test]
fn our_own_cases_are_planned() {
    let mut composed = 0;
    let mut unplanned: Vec<(String, Vec<String>)> = Vec::new();
    for (case, subgraphs) in own_cases() {
        if let Ok(answer) = compose(&subgraphs) {
            composed += 1;
            let failures = planning::failures(&answer.supergraph_sdl, &answer.api_sdl);
            if !failures.is_empty() {
                unplanned.push((case, failures));
            }
        }
    }
    assert!(composed > 20, "the cases are there");
    assert!(unplanned.is_empty(), "{unplanned:#?}");
}

#[test]
fn answers_as_recorded_but_for_the_listed_differences() {
    let listed: BTreeMap<String, String> =
        serde_json::from_str(include_str!("differences.json")).expect("the list is JSON");
    let Some(cases) = cases() else {
        eprintln!("The recorded cases are not here; only the project's own are checked.");
        return;
    };
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut details = String::new();
    let mut differing = BTreeSet::new();
    for case in &cases {
        let (outcome, detail) = answer(case);
        *counts.entry(outcome).or_default() += 1;
        if outcome != Outcome::Same {
            differing.insert(case.id.clone());
            let _ = writeln!(details, "## {} {outcome:?}\n{detail}", case.id);
        }
    }
    let count = |outcome| counts.get(&outcome).copied().unwrap_or(0);
    let total = cases.len();
    let verdict = total - count(Outcome::OtherVerdict);
    let codes = verdict - count(Outcome::OtherCodes);
    let meaning = codes - count(Outcome::OtherMeaning);
    let percent = |n: usize| 100.0 * n as f64 / total as f64;
    eprintln!(
        "conformance over {total} cases: verdict {verdict} ({:.2} %), and error codes {codes} \
         ({:.2} %), and meaning {meaning} ({:.2} %)",
        percent(verdict),
        percent(codes),
        percent(meaning)
    );
    if let Some(path) = std::env::var_os("ATELIER_COMPOSITION_DETAILS") {
        std::fs::write(path, &details).expect("the details can be written");
    }
    let known: BTreeSet<String> = listed.keys().cloned().collect();
    let unlisted: Vec<&String> = differing.difference(&known).collect();
    assert!(
        unlisted.is_empty(),
        "answered differently and not listed: {unlisted:?}"
    );
    let agreed: Vec<&String> = known.difference(&differing).collect();
    assert!(
        agreed.is_empty(),
        "listed, but answered as recorded (take them off the list): {agreed:?}"
    );
}

#[test]
fn what_composes_is_planned() {
    let Some(cases) = cases() else {
        eprintln!("The recorded cases are not here; only the project's own are planned.");
        return;
    };
    let mut composed = 0;
    let mut unplanned: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut planned = 0;
    for case in &cases {
        let Ok(answer) = compose(&case.subgraphs()) else {
            continue;
        };
        composed += 1;
        let failures = planning::failures(&answer.supergraph_sdl, &answer.api_sdl);
        if failures.is_empty() {
            planned += 1;
            continue;
        }
        // Where the planner fails on the recorded supergraph too, it is the planner.
        let recorded = case.supergraph.as_deref().zip(case.api.as_deref());
        let fails_anyway = recorded.is_some_and(|(s, a)| !planning::failures(s, a).is_empty());
        if !fails_anyway {
            unplanned.insert(&case.id, failures);
        }
    }
    eprintln!("planned whole: {planned} of {composed} composed cases");
    assert!(
        unplanned.is_empty(),
        "the planner takes the recorded supergraph, but not ours: {unplanned:#?}"
    );
}
