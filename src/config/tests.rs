use std::{collections::BTreeSet, path::Path, time::Duration};

use super::{Config, Setting, listing, sources::Sources};
use crate::config::ConfigFormat;

/// What comes of a file and variables.
fn read(file: Option<&str>, variables: &[(&str, &str)]) -> anyhow::Result<(Config, Vec<Setting>)> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("atelier.toml");
    let path: Option<&Path> = match file {
        None => None,
        Some(text) => {
            std::fs::write(&path, text)?;
            Some(&path)
        }
    };
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::read(Sources::new(path, variables)?)
}

fn refusal(file: Option<&str>, variables: &[(&str, &str)]) -> String {
    match read(file, variables) {
        Ok(_) => panic!("{file:?} and {variables:?} are accepted"),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn without_anything_set_all_is_at_its_default() {
    let (config, settings) = read(None, &[]).unwrap();
    assert_eq!(config.media.max_upload_bytes, 64 << 30);
    assert_eq!(config.tasks.engine.lease, Duration::from_secs(30));
    assert_eq!(config.worker.concurrency, 2);
    assert!(
        settings
            .iter()
            .all(|setting| setting.source == super::Source::Default)
    );
}

#[test]
fn variables_go_before_the_file_and_the_file_before_defaults() {
    let file = "[media]\nmax_upload_bytes = \"1 GiB\"\ninstant = false\n\
                [media.images]\nat_a_time = 4\n[accounts]\naccess_lifetime = \"5m\"\n";
    let (config, settings) = read(
        Some(file),
        &[
            ("ATELIER_MEDIA_MAX_UPLOAD_BYTES", "2 GiB"),
            ("ATELIER_WORKER_LEASE", "45"),
            ("ATELIER_MEDIA_SWEEP_EVERY", ""),
        ],
    )
    .unwrap();
    assert_eq!(config.media.max_upload_bytes, 2 << 30);
    assert!(!config.media.instant);
    assert_eq!(config.media.images.at_a_time, 4);
    assert_eq!(
        config.accounts.access_lifetime,
        chrono::TimeDelta::minutes(5)
    );
    assert_eq!(config.worker.lease, Duration::from_secs(45));
    assert_eq!(config.media.sweep_every, Duration::from_secs(30));
    let source = |name: &str| {
        let found = settings.iter().find(|setting| setting.key.name == name);
        found.unwrap().source.to_string()
    };
    assert_eq!(source("max_upload_bytes"), "ATELIER_MEDIA_MAX_UPLOAD_BYTES");
    assert!(source("at_a_time").ends_with("atelier.toml"));
    assert_eq!(source("sweep_every"), "default");
}

#[test]
fn a_refusal_names_the_key_the_value_its_source_and_what_is_accepted() {
    let by_variable = refusal(None, &[("ATELIER_MEDIA_MAX_UPLOAD_BYTES", "lots")]);
    assert_eq!(
        by_variable,
        "media.max_upload_bytes is \"lots\" (ATELIER_MEDIA_MAX_UPLOAD_BYTES), but must be a size, such as \"16 MiB\""
    );
    let by_file = refusal(Some("[tasks]\nlease = \"1 fortnight\"\n"), &[]);
    assert!(
        by_file.starts_with("tasks.lease is \"1 fortnight\" ("),
        "{by_file}"
    );
    assert!(
        by_file.contains("atelier.toml), but must be a length of time"),
        "{by_file}"
    );
    let table = refusal(Some("[media.images.avif_speed]\nfast = 1\n"), &[]);
    assert!(table.contains("media.images.avif_speed"), "{table}");
}

/// Each rule that types do not say.
#[test]
fn values_that_make_no_sense_are_refused() {
    for (variable, value, key) in [
        (
            "ATELIER_MEDIA_MAX_UPLOAD_BYTES",
            "0",
            "media.max_upload_bytes",
        ),
        (
            "ATELIER_MEDIA_MAX_UPLOAD_BYTES",
            "6 TiB",
            "media.max_upload_bytes",
        ),
        (
            "ATELIER_MEDIA_MIN_PART_SIZE",
            "1 MiB",
            "media.min_part_size",
        ),
        (
            "ATELIER_MEDIA_MULTIPART_THRESHOLD",
            "6 GiB",
            "media.multipart_threshold",
        ),
        (
            "ATELIER_MEDIA_SINGLE_LIFETIME",
            "0s",
            "media.single_lifetime",
        ),
        (
            "ATELIER_MEDIA_MULTIPART_LIFETIME",
            "0s",
            "media.multipart_lifetime",
        ),
        ("ATELIER_MEDIA_SWEEP_EVERY", "0s", "media.sweep_every"),
        (
            "ATELIER_MEDIA_PROCESSING_LIMIT",
            "0s",
            "media.processing_limit",
        ),
        (
            "ATELIER_MEDIA_SIGNATURE_LIFETIME",
            "8d",
            "media.signature_lifetime",
        ),
        (
            "ATELIER_MEDIA_IMAGES_MAX_BYTES",
            "0",
            "media.images.max_bytes",
        ),
        (
            "ATELIER_MEDIA_IMAGES_MAX_PIXELS",
            "0",
            "media.images.max_pixels",
        ),
        (
            "ATELIER_MEDIA_IMAGES_MAX_MEMORY",
            "1 MiB",
            "media.images.max_memory",
        ),
        (
            "ATELIER_MEDIA_IMAGES_AT_A_TIME",
            "0",
            "media.images.at_a_time",
        ),
        (
            "ATELIER_MEDIA_IMAGES_MAX_DURATION",
            "0s",
            "media.images.max_duration",
        ),
        (
            "ATELIER_MEDIA_IMAGES_AVIF_SPEED",
            "11",
            "media.images.avif_speed",
        ),
        (
            "ATELIER_MEDIA_IMAGES_AVIF_SPEED",
            "256",
            "media.images.avif_speed",
        ),
        ("ATELIER_MEDIA_INSTANT", "maybe", "media.instant"),
        ("ATELIER_ACCOUNTS_ISSUER", " ", "accounts.issuer"),
        (
            "ATELIER_ACCOUNTS_ACCESS_LIFETIME",
            "2d",
            "accounts.access_lifetime",
        ),
        (
            "ATELIER_ACCOUNTS_SESSION_LIFETIME",
            "1m",
            "accounts.session_lifetime",
        ),
        (
            "ATELIER_ACCOUNTS_REFRESH_REUSE",
            "1h",
            "accounts.refresh_reuse",
        ),
        (
            "ATELIER_ACCOUNTS_KEY_LIFETIME",
            "1m",
            "accounts.key_lifetime",
        ),
        (
            "ATELIER_ACCOUNTS_HASH_PARALLELISM",
            "0",
            "accounts.hash_parallelism",
        ),
        (
            "ATELIER_ACCOUNTS_HASH_COST_MEMORY",
            "1",
            "accounts.hash_cost.memory",
        ),
        (
            "ATELIER_ACCOUNTS_HASH_COST_PASSES",
            "0",
            "accounts.hash_cost.passes",
        ),
        ("ATELIER_TASKS_LEASE", "1s", "tasks.lease"),
        ("ATELIER_TASKS_BACKOFF", "0s", "tasks.backoff"),
        ("ATELIER_TASKS_BACKOFF_MAX", "1s", "tasks.backoff_max"),
        (
            "ATELIER_TASKS_BACKGROUND_DUE",
            "1ms",
            "tasks.background.due",
        ),
        ("ATELIER_WORKER_CONCURRENCY", "0", "worker.concurrency"),
        ("ATELIER_WORKER_LEASE", "1", "worker.lease"),
        ("ATELIER_WORKER_POLL", "1ms", "worker.poll"),
        ("ATELIER_WORKER_TIME_LIMIT", "0s", "worker.time_limit"),
    ] {
        let told = refusal(None, &[(variable, value)]);
        assert!(told.starts_with(&format!("{key} is ")), "{told}");
        assert!(
            told.contains(&format!("({variable}), but must be ")),
            "{told}"
        );
    }
}

#[test]
fn what_nobody_knows_is_refused_and_what_is_known_is_named() {
    let key = refusal(Some("[media]\nmax_upload_byte = 1\n"), &[]);
    assert!(
        key.contains(
            "nobody knows media.max_upload_byte; the keys of [media] are: max_upload_bytes,"
        ),
        "{key}"
    );
    let table = refusal(Some("[limits]\nmax_depth = 1\n"), &[]);
    assert!(
        table.contains("nobody knows limits.max_depth; the tables are: accounts,"),
        "{table}"
    );
    assert!(table.contains("--router-config"), "{table}");
    let router = refusal(Some("[router.limits]\nmax_dept = 1\n"), &[]);
    assert!(
        router.contains("[router]") && router.contains("max_dept"),
        "{router}"
    );
    let variable = refusal(None, &[("ATELIER_MEDIA_MAX_UPLOAD", "hush")]);
    assert!(variable.contains("ATELIER_MEDIA_MAX_UPLOAD"), "{variable}");
    assert!(!variable.contains("hush"), "it may be a secret: {variable}");
    assert!(refusal(Some("[media"), &[]).contains("is no TOML"));
}

#[test]
fn variables_of_a_domain_that_are_no_keys_are_left_alone() {
    let others = [
        ("ATELIER_MEDIA_DATABASE_URL", "postgres://"),
        ("ATELIER_TASKS_SECRET_FILE", "/run/secret"),
        ("ATELIER_ACCOUNTS_SECRET", "0123"),
        ("ATELIER_LISTEN", "127.0.0.1:1"),
    ];
    let (_, settings) = read(None, &others).unwrap();
    for format in [ConfigFormat::Text, ConfigFormat::Toml] {
        let shown = listing::show(&settings, format);
        assert!(!shown.contains("0123") && !shown.contains("postgres://"));
    }
}

#[test]
fn the_router_has_a_table_or_a_file_of_its_own() {
    let (config, _) = read(Some("[router.limits]\nmax_depth = 7\n"), &[]).unwrap();
    assert_eq!(config.router(None).unwrap().limits.max_depth, 7);
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("router.toml");
    std::fs::write(&own, "[limits]\nmax_depth = 8\n").unwrap();
    let twice = config.router(Some(&own)).unwrap_err();
    assert!(twice.to_string().contains("configured twice"), "{twice}");
    let alone = Config::default().router(Some(&own)).unwrap();
    assert_eq!(alone.limits.max_depth, 8);
}

#[test]
fn the_file_that_is_shown_can_be_used_and_says_the_same() {
    let variables = [
        ("ATELIER_MEDIA_MAX_UPLOAD_BYTES", "2 GiB"),
        ("ATELIER_ACCOUNTS_ISSUER", "a \"quoted\" name"),
        ("ATELIER_MEDIA_INSTANT", "false"),
    ];
    let (_, settings) = read(None, &variables).unwrap();
    let file = listing::show(&settings, ConfigFormat::Toml);
    let (config, again) = read(Some(&file), &[]).unwrap();
    assert_eq!(config.media.max_upload_bytes, 2 << 30);
    assert_eq!(config.accounts.issuer, "a \"quoted\" name");
    assert_eq!(listing::show(&again, ConfigFormat::Toml), file);
    // And so can one in which everything is set.
    let all: Vec<_> = file
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with([' ', '[']) => key,
            _ => line,
        })
        .collect();
    let (_, set) = read(Some(&all.join("\n")), &[]).unwrap();
    assert!(
        set.iter()
            .all(|setting| setting.source != super::Source::Default)
    );
}

#[test]
fn no_two_keys_have_the_same_variable() {
    let (_, settings) = read(None, &[]).unwrap();
    let variables: BTreeSet<_> = settings.iter().map(Setting::variable).collect();
    assert_eq!(variables.len(), settings.len());
}

#[test]
fn the_documentation_tells_what_can_be_set() {
    let (_, settings) = read(None, &[]).unwrap();
    let table = listing::show(&settings, ConfigFormat::Markdown);
    assert!(
        include_str!("../../docs/DEPLOY.md").contains(&table),
        "docs/DEPLOY.md must hold what this writes: atelier config --format markdown"
    );
}
