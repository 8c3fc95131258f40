//! A new subgraph as `atelier schema scaffold` starts it.

use std::{fs, path::Path};

use atelier_codegen::{ScaffoldError, scaffold};

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_subgraph_has_the_layout_of_the_house_and_no_placeholder_left() {
    let root = tempfile::tempdir().unwrap();
    let made = scaffold(root.path(), "gallery").unwrap();
    assert_eq!(files(root.path()).len(), made.files.len());
    for file in &made.files {
        let text = fs::read_to_string(root.path().join(file)).unwrap();
        for placeholder in ["{{name", "{{Name", "{{prefix", "{{migration"] {
            assert!(
                !text.contains(placeholder),
                "{} has {placeholder}",
                file.display()
            );
        }
    }
    let has = |file: &str| made.files.iter().any(|made| made.ends_with(file));
    for file in [
        "src/graphql/item.rs",
        "src/app/item.rs",
        "src/db/item.rs",
        "tests/api/item.rs",
        "up.sql",
        "down.sql",
    ] {
        assert!(has(file), "{file}");
    }
}

#[test]
fn what_is_left_to_do_is_told_with_the_lines_to_add() {
    let root = tempfile::tempdir().unwrap();
    let told = scaffold(root.path(), "gallery").unwrap().to_string();
    for line in [
        "atelier-gallery = { path = \"subgraphs/gallery\" }",
        "name: atelier_gallery::NAME,",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

#[test]
fn a_subgraph_that_exists_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("migrations/gallery")).unwrap();
    let error = scaffold(root.path(), "gallery").unwrap_err();
    assert!(matches!(error, ScaffoldError::Exists(_)), "{error}");
    assert!(files(root.path()).is_empty());
}

#[test]
fn a_name_that_cannot_be_used_is_refused() {
    let root = tempfile::tempdir().unwrap();
    for name in [
        "",
        "ab",
        "Gallery",
        "my-gallery",
        "a/b",
        "../up",
        "kit",
        "gallery2",
    ] {
        let error = scaffold(root.path(), name).unwrap_err();
        assert!(matches!(error, ScaffoldError::Name(_)), "{name}: {error}");
    }
    assert!(files(root.path()).is_empty());
}
