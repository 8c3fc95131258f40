//! The project's own cases: each folder of `tests/cases` shows one rule.
//!
//! A folder has one `*.graphql` file a subgraph, and either `supergraph.txt`
//! (what composing gives) or `errors.txt` (the rendered errors). Hints, where
//! there are any, are in `hints.txt`. With `ATELIER_UPDATE_SNAPSHOTS=1` the
//! answers are written anew; read the difference before committing it.

use std::fs;
use std::path::{Path, PathBuf};

use atelier_composition::{ErrorCode, SubgraphSdl, compose};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the cases are there")
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    cases.sort();
    cases
}

fn subgraphs(case: &Path) -> Vec<SubgraphSdl> {
    let mut subgraphs = Vec::new();
    for entry in fs::read_dir(case).expect("a case is a folder") {
        let path = entry.expect("a readable entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "graphql")
        {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let url = format!("http://{name}");
            let sdl = fs::read_to_string(&path).expect("a readable subgraph");
            subgraphs.push(SubgraphSdl::new(name, url, sdl));
        }
    }
    subgraphs
}

/// The supergraph without the definitions that are the same in each.
fn interesting(supergraph: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for definition in supergraph.split("\n\n") {
        let machinery = [
            "directive @join__",
            "directive @link",
            "scalar join__",
            "scalar link__",
            "enum link__",
        ]
        .iter()
        .any(|start| definition.trim_start().starts_with(start))
            || definition.trim_start().starts_with("\"\"\"\n  `EXECUTION`")
            || definition.contains("`EXECUTION` features")
            || definition.contains("`SECURITY` features");
        if !machinery {
            kept.push(definition.trim_end());
        }
    }
    kept.join("\n\n") + "\n"
}

fn check(case: &Path, file: &str, answer: Option<String>, wrong: &mut Vec<String>) {
    let path = case.join(file);
    let recorded = fs::read_to_string(&path).ok();
    if recorded == answer {
        return;
    }
    if std::env::var_os("ATELIER_UPDATE_SNAPSHOTS").is_some() {
        match answer {
            Some(answer) => fs::write(&path, answer).expect("the snapshot can be written"),
            None => fs::remove_file(&path).expect("the snapshot can be removed"),
        }
        return;
    }
    wrong.push(format!(
        "{}:\n--- recorded\n{}\n--- answered\n{}",
        path.display(),
        recorded.unwrap_or_default(),
        answer.unwrap_or_default()
    ));
}

#[test]
fn each_rule_gives_what_its_case_shows() {
    let cases = cases();
    assert!(cases.len() > 40, "the cases are there");
    let mut wrong = Vec::new();
    for case in &cases {
        let (supergraph, hints, errors) = match compose(&subgraphs(case)) {
            Ok(composed) => {
                let hints: Vec<String> = composed.hints.iter().map(ToString::to_string).collect();
                let hints = (!hints.is_empty()).then(|| hints.join("\n") + "\n");
                (Some(interesting(&composed.supergraph_sdl)), hints, None)
            }
            Err(errors) => (None, None, Some(format!("{errors}\n"))),
        };
        check(case, "supergraph.txt", supergraph, &mut wrong);
        check(case, "hints.txt", hints, &mut wrong);
        check(case, "errors.txt", errors, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_error_code_has_a_case_and_a_place_in_the_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page =
        fs::read_to_string(root.join("../../docs/COMPOSITION.md")).expect("the page is there");
    for code in ErrorCode::ALL {
        let folder = format!("tests/cases/error_{}", code.as_str().to_lowercase());
        let errors = fs::read_to_string(root.join(folder).join("errors.txt"));
        let errors = errors.unwrap_or_else(|_| panic!("{code} has no case"));
        assert!(
            errors.contains(&format!("{code}: ")),
            "{code} is not what its case gives"
        );
        assert!(
            page.contains(&format!("### {code}\n")),
            "{code} is not documented"
        );
    }
}
