//! The domain that new ones are copied from is content with all rules, and fits into the graph.

use std::{fs, path::Path};

use atelier_codegen::generate;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_domains_schema_keeps_every_rule_and_composes_with_all_others() {
    let test = atelier_testing::deps(atelier_lighting::NAME, &atelier_lighting::MIGRATIONS).await;
    let example = atelier_lighting::subgraph(test.deps.clone()).service.sdl();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema");
    let mut subgraphs = vec![("lighting".to_owned(), example)];
    for file in fs::read_dir(&schema).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_subgraph = path.extension().is_some_and(|ending| ending == "graphql")
            && !["api", "supergraph"].contains(&&*name);
        if is_subgraph {
            subgraphs.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    fs::copy(schema.join("lint.toml"), folder.path().join("lint.toml")).unwrap();
    let report =
        generate(folder.path(), &subgraphs, false).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        report
            .written
            .iter()
            .any(|file| file.ends_with("lighting.graphql"))
    );
    let supergraph = fs::read_to_string(folder.path().join("supergraph.graphql")).unwrap();
    assert!(supergraph.contains("type Lamp"), "{supergraph}");
}
