//! The schema folder as `atelier schema generate` leaves it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use atelier_codegen::{GenerateError, Report, generate, outdated};

const A: &str = r#"type Query { "A" a: Int @tag(name: "public") "B" b: Int @authenticated }"#;
const SMALLER: &str = r#"type Query { "A" a: Int @tag(name: "public") }"#;
const OTHER: &str = r#"type Query { "C" c: Int @authenticated }"#;

type Subgraphs<'a> = &'a [(&'a str, &'a str)];

fn owned(subgraphs: Subgraphs<'_>) -> Vec<(String, String)> {
    subgraphs
        .iter()
        .map(|(name, sdl)| ((*name).to_owned(), (*sdl).to_owned()))
        .collect()
}

fn run(folder: &Path, subgraphs: Subgraphs<'_>) -> Result<Report, GenerateError> {
    generate(folder, &owned(subgraphs), false)
}

fn names(files: &[PathBuf]) -> Vec<String> {
    files
        .iter()
        .map(|file| file.display().to_string())
        .collect()
}

/// Every file of the folder with its text.
fn content(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn the_first_run_writes_every_schema_and_the_second_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema");
    let report = run(&schema, &[("one", A), ("two", OTHER)]).unwrap();
    assert_eq!(
        names(&report.written),
        [
            "api.graphql",
            "one.graphql",
            "supergraph.graphql",
            "two.graphql"
        ]
    );
    assert!(
        run(&schema, &[("two", OTHER), ("one", A)])
            .unwrap()
            .is_clean()
    );
}

#[test]
fn a_breaking_change_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &[("one", A)]).unwrap();
    let before = content(folder.path());
    let error = run(folder.path(), &[("one", SMALLER)]).unwrap_err();
    assert!(
        matches!(&error, GenerateError::Breaking(changes) if changes[0].coordinate == "Query.b"),
        "{error}"
    );
    assert!(error.to_string().contains("--allow-breaking"));
    assert_eq!(content(folder.path()), before);
}

#[test]
fn a_breaking_change_goes_through_when_told_so() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &[("one", A)]).unwrap();
    let report = generate(folder.path(), &owned(&[("one", SMALLER)]), true).unwrap();
    assert_eq!(
        names(&report.written),
        ["api.graphql", "one.graphql", "supergraph.graphql"]
    );
}

#[test]
fn the_schema_of_a_removed_subgraph_goes_and_other_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("README.md"), "kept").unwrap();
    run(folder.path(), &[("one", A), ("two", OTHER)]).unwrap();
    let report = generate(folder.path(), &owned(&[("one", A)]), true).unwrap();
    assert_eq!(names(&report.removed), ["two.graphql"]);
    assert!(folder.path().join("README.md").exists());
}

#[test]
fn asking_what_is_outdated_names_the_files_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema");
    let report = outdated(&schema, &owned(&[("one", A)])).unwrap();
    assert_eq!(
        names(&report.written),
        ["api.graphql", "one.graphql", "supergraph.graphql"]
    );
    assert!(!schema.exists());
}

#[test]
fn a_schema_that_breaks_a_rule_is_refused_with_the_coordinate() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(folder.path(), &[("one", "type Query { \"A\" a: Int }")]).unwrap_err();
    assert!(
        error.to_string().contains("[authorization] Query.a:"),
        "{error}"
    );
    assert!(content(folder.path()).is_empty());
}

#[test]
fn the_settings_beside_the_schema_are_used_and_must_be_valid() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("lint.toml");
    fs::write(
        &settings,
        "[authorization]\nat_most = 1\nexceptions = [\"Query.a\"]\n",
    )
    .unwrap();
    run(folder.path(), &[("one", "type Query { \"A\" a: Int }")]).unwrap();
    fs::write(&settings, "[authorisation]\n").unwrap();
    let error = run(folder.path(), &[("one", A)]).unwrap_err();
    assert!(error.to_string().contains("authorisation"), "{error}");
}

#[test]
fn subgraphs_that_do_not_compose_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let clash = "type Query { \"A\" a: Int @tag(name: \"public\") }";
    let error = run(folder.path(), &[("one", clash), ("two", clash)]).unwrap_err();
    assert!(
        error.to_string().contains("INVALID_FIELD_SHARING"),
        "{error}"
    );
}

#[test]
fn a_subgraph_name_that_is_no_file_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["", "../up", "api", "supergraph", "Big"] {
        let error = run(folder.path(), &[(name, A)]).unwrap_err();
        assert!(matches!(error, GenerateError::Name(_)), "{name}: {error}");
    }
}
