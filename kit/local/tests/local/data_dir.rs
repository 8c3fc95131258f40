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
