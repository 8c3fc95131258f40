//! New entities and domains as `atelier schema scaffold` starts them. That what it writes compiles and
//! works is shown by the domain that it copies, in `codegen/example`, which is tested like all others.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use atelier_codegen::{ScaffoldError, scaffold};

const NOW: &str = "20261128093000";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A repository with the files that a scaffold changes.
fn copy() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in [
        "Cargo.toml",
        "kit/contracts/src/lib.rs",
        "src/domains.rs",
        "src/nodes.rs",
    ] {
        let to = root.path().join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(repository().join(file), to).unwrap();
    }
    root
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

fn read(root: &Path, file: &str) -> String {
    fs::read_to_string(root.join(file)).unwrap_or_else(|cause| panic!("{file}: {cause}"))
}

#[test]
fn a_new_domain_has_every_file_of_the_example_under_its_own_names() {
    let root = copy();
    let made = scaffold(root.path(), "gallery", "SpaceMember", NOW).unwrap();
    let example = repository().join("codegen/example");
    assert_eq!(made.written.len(), files(&example).len());
    for file in &made.written {
        let text = fs::read_to_string(root.path().join(file)).unwrap();
        let lowercase = text.to_lowercase();
        for leftover in ["lighting", "lamp", "lmp"] {
            assert!(
                !lowercase.contains(leftover),
                "{} has {leftover}",
                file.display()
            );
        }
    }
    let schema = read(root.path(), "subgraphs/gallery/src/graphql/space_member.rs");
    for line in [
        "/// The input of `spaceMemberCreate`.",
        "async fn space_members(&self, ctx: &Context<'_>, page: PageArgs)",
        "#[graphql(desc = \"The space member's id.\")]",
    ] {
        assert!(schema.contains(line), "{line}\n{schema}");
    }
    let migration = format!("migrations/gallery/{NOW}_space_member/up.sql");
    assert!(read(root.path(), &migration).contains("CREATE TABLE space_member ("));
}

#[test]
fn a_domain_of_the_examples_names_is_the_example() {
    // The names are taken, so the nearest ones: as long, and sorted alike.
    let root = copy();
    scaffold(root.path(), "limiting", "Lump", "20260101000001").unwrap();
    let example = repository().join("codegen/example");
    for file in files(&example) {
        let path = file.strip_prefix(&example).unwrap().display().to_string();
        let own = path.replace("lighting", "limiting").replace("lamp", "lump");
        let expected = read(&example, &path)
            .replace("lighting", "limiting")
            .replace("Lighting", "Limiting")
            .replace("lamp", "lump")
            .replace("Lamp", "Lump")
            .replace(
                "{ workspace = true, features = [\"example\"] }",
                "{ workspace = true }",
            );
        assert_eq!(read(root.path(), &own), expected, "{own}");
    }
}

#[test]
fn a_new_domain_is_part_of_the_workspace_the_contracts_and_the_binary() {
    let root = copy();
    let made = scaffold(root.path(), "gallery", "Space", NOW).unwrap();
    assert_eq!(made.changed.len(), 4, "{made}");
    for (file, lines) in [
        (
            "Cargo.toml",
            &[
                "atelier-contracts = { path = \"kit/contracts\" }\natelier-gallery = { path = \"subgraphs/gallery\" }\natelier-kit",
                "atelier-contracts.workspace = true\natelier-gallery.workspace = true\n",
            ][..],
        ),
        ("kit/contracts/src/lib.rs", &["\npub mod gallery;\n///"]),
        (
            "src/domains.rs",
            &[
                "name: atelier_gallery::NAME,",
                "atelier_gallery::GalleryErrorCode::ALL",
            ],
        ),
        (
            "src/nodes.rs",
            &["/// A space.\n    Space: atelier_contracts::gallery::Space,\n}"],
        ),
    ] {
        let text = read(root.path(), file);
        for line in lines {
            assert!(text.contains(line), "{file} lacks {line}\n{text}");
        }
    }
}

#[test]
fn another_entity_joins_a_domain_that_exists() {
    let root = copy();
    scaffold(root.path(), "gallery", "Space", NOW).unwrap();
    let made = scaffold(root.path(), "gallery", "AlbumEntry", "20261128093001").unwrap();
    assert_eq!(made.written.len(), 6, "{made}");
    for (file, line) in [
        (
            "subgraphs/gallery/src/db/mod.rs",
            "pub mod album_entry;\npub mod space;",
        ),
        (
            "subgraphs/gallery/src/app/mod.rs",
            "pub mod album_entry;\npub mod space;",
        ),
        (
            "subgraphs/gallery/src/app/mod.rs",
            "space::forget(tx, &users).await?;\n        album_entry::forget(tx, &users).await?;\n        Ok(())",
        ),
        (
            "subgraphs/gallery/src/graphql/mod.rs",
            "mod album_entry;\nmod space;\nmod viewer;",
        ),
        (
            "subgraphs/gallery/src/graphql/mod.rs",
            "pub struct Mutation(space::SpaceMutation, album_entry::AlbumEntryMutation);",
        ),
        (
            "subgraphs/gallery/src/graphql/viewer.rs",
            "atelier_kit::viewer!(SpacesOfViewer, AlbumEntriesOfViewer);",
        ),
        (
            "subgraphs/gallery/src/graphql/viewer.rs",
            "use super::album_entry::AlbumEntriesOfViewer;\nuse super::space::SpacesOfViewer;",
        ),
        (
            "subgraphs/gallery/src/tables.rs",
            "gallery.album_entry (id)",
        ),
        (
            "kit/contracts/src/gallery.rs",
            "pub enum AlbumEntryFact in \"gallery\"",
        ),
        (
            "subgraphs/gallery/tests/api/main.rs",
            "mod album_entry;\nmod space;",
        ),
    ] {
        let text = read(root.path(), file);
        assert!(text.contains(line), "{file} lacks {line}\n{text}");
    }
    assert_eq!(
        read(root.path(), "kit/contracts/src/gallery.rs")
            .matches("use atelier_kit")
            .count(),
        1
    );
}

#[test]
fn what_exists_is_left_alone() {
    let root = copy();
    scaffold(root.path(), "gallery", "Space", NOW).unwrap();
    let before: Vec<_> = files(root.path())
        .into_iter()
        .map(|file| (fs::read(&file).unwrap(), file))
        .collect();
    let error = scaffold(root.path(), "gallery", "Space", NOW).unwrap_err();
    assert!(matches!(error, ScaffoldError::Exists(_)), "{error}");
    let after: Vec<_> = files(root.path())
        .into_iter()
        .map(|file| (fs::read(&file).unwrap(), file))
        .collect();
    assert_eq!(before, after);
}

#[test]
fn names_that_cannot_be_used_and_a_foreign_repository_are_refused_and_nothing_is_written() {
    let root = copy();
    let before = files(root.path());
    for (domain, entity) in [("../up", "Space"), ("gallery", "space"), ("kit", "Space")] {
        let error = scaffold(root.path(), domain, entity, NOW).unwrap_err();
        assert!(matches!(error, ScaffoldError::Name(_)), "{error}");
    }
    fs::write(root.path().join("src/nodes.rs"), "fn main() {}\n").unwrap();
    let error = scaffold(root.path(), "gallery", "Space", NOW).unwrap_err();
    assert!(error.to_string().starts_with("src/nodes.rs: "), "{error}");
    assert_eq!(files(root.path()), before);
}

/// `docs/ADDING-A-SUBGRAPH.md`, walked through: its commands, and the files it names.
#[test]
fn the_guide_names_what_is_written() {
    let guide = read(&repository(), "docs/ADDING-A-SUBGRAPH.md");
    let root = copy();
    let mut commands = 0;
    for line in guide.lines() {
        if let Some(arguments) = line.strip_prefix("atelier schema scaffold ") {
            let mut words = arguments.split_whitespace();
            let (domain, entity) = (words.next().unwrap(), words.next().unwrap());
            let now = format!("2026112809300{commands}");
            scaffold(root.path(), domain, entity, &now).unwrap();
            commands += 1;
        }
    }
    assert_eq!(commands, 2);
    let rows = guide.lines().filter(|line| line.starts_with("| `"));
    let mut named = 0;
    for row in rows {
        let file = row.split('`').nth(1).unwrap();
        let file = file.replace("<time>", "20261128093000");
        assert!(root.path().join(&file).is_file(), "{file}");
        named += 1;
    }
    assert_eq!(named, 10);
}
