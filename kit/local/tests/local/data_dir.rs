//! The data directory's lock.

use atelier_local::{DataDir, LocalError};

#[test]
fn a_second_holder_is_told_the_process_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made/by/the/lock");
    let held = DataDir::lock(&path).unwrap();
    let error = DataDir::lock(&path).unwrap_err();
    assert!(
        matches!(error, LocalError::DataDirInUse { pid, .. } if pid == std::process::id()),
        "{error}"
    );
    assert!(error.to_string().contains("--data-dir"), "{error}");
    drop(held);
    DataDir::lock(&path).unwrap();
}

#[test]
fn the_path_is_absolute_and_without_links() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("real")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
    let held = DataDir::lock(&dir.path().join("link")).unwrap();
    assert_eq!(held.path(), dir.path().join("real").canonicalize().unwrap());
}

#[test]
fn a_file_in_the_place_of_the_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = DataDir::lock(&file).unwrap_err();
    assert!(
        error.to_string().contains(&file.display().to_string()),
        "{error}"
    );
}

fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Only the servers' account may pass, when they cannot run as this one.
fn closed() -> u32 {
    match nix::unistd::geteuid().is_root() {
        true => 0o710,
        false => 0o700,
    }
}

#[test]
fn nobody_else_can_look_into_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let held = DataDir::lock(&path).unwrap();
    assert_eq!(mode(&path), closed());
    drop(held);
    // One from before is closed, too.
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(path.join("file"), "").unwrap();
    drop(DataDir::lock(&path).unwrap());
    assert_eq!(mode(&path), closed());
}

#[test]
fn a_directory_that_holds_other_things_stays_open() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(
        dir.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    std::fs::write(dir.path().join("somebody's"), "").unwrap();
    drop(DataDir::lock(dir.path()).unwrap());
    assert_eq!(mode(dir.path()), 0o755);
}
