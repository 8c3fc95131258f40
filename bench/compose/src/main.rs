//! Times composition of generated subgraphs.
//!
//! `compose-bench generate SUBGRAPHS TYPES FOLDER` writes one SDL file a subgraph;
//! `compose-bench run FOLDER ROUNDS` composes them and prints the median time in
//! milliseconds. `run.sh` runs it beside the JavaScript composer.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use atelier_composition::{SubgraphSdl, compose};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["generate", subgraphs, types, folder] => {
            std::fs::create_dir_all(folder)?;
            for subgraph in generate(subgraphs.parse()?, types.parse()?) {
                let file = Path::new(folder).join(format!("{}.graphql", subgraph.name));
                std::fs::write(file, subgraph.sdl)?;
            }
        }
        ["run", folder, rounds] => {
            let subgraphs = read(folder)?;
            println!("{:.1}", median_milliseconds(&subgraphs, rounds.parse()?)?);
        }
        _ => return Err("compose-bench generate SUBGRAPHS TYPES FOLDER | run FOLDER ROUNDS".into()),
    }
    Ok(())
}

fn median_milliseconds(
    subgraphs: &[SubgraphSdl],
    rounds: usize,
) -> Result<f64, Box<dyn std::error::Error>> {
    let mut times = Vec::new();
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        let composed = compose(subgraphs)?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        assert!(!composed.supergraph_sdl.is_empty());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn read(folder: &str) -> std::io::Result<Vec<SubgraphSdl>> {
    let mut subgraphs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let url = format!("http://{name}/graphql");
        subgraphs.push(SubgraphSdl::new(name, url, std::fs::read_to_string(&path)?));
    }
    Ok(subgraphs)
}

/// Subgraphs as a company has them: each owns entities, extends those of its
/// neighbours, and shares some values with everyone.
fn generate(subgraphs: usize, types: usize) -> Vec<SubgraphSdl> {
    (0..subgraphs)
        .map(|at| {
            let name = format!("subgraph{at}");
            let url = format!("http://{name}/graphql");
            SubgraphSdl::new(name, url, sdl(at, subgraphs, types))
        })
        .collect()
}

fn sdl(at: usize, subgraphs: usize, types: usize) -> String {
    let mut sdl = String::from(
        "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.9\", import: [\"@key\", \
         \"@shareable\", \"@external\", \"@requires\", \"@provides\", \"@tag\", \"@inaccessible\"])\n",
    );
    sdl.push_str("type PageInfo @shareable { hasNextPage: Boolean! endCursor: String }\n");
    sdl.push_str("interface Node { id: ID! }\nscalar DateTime\n");
    let next = (at + 1) % subgraphs;
    let mut queries = String::new();
    let entities = types / 4;
    for n in 0..entities {
        let entity = format!("Entity{at}x{n}");
        let _ = writeln!(
            queries,
            "  entity{at}x{n}(id: ID!): {entity}\n  all{at}x{n}(first: Int = 10, filter: Filter{at}x{n}): [{entity}!]!"
        );
        let _ = writeln!(
            sdl,
            "\"\"\"An entity of subgraph {at}.\"\"\"\ntype {entity} implements Node @key(fields: \"id\") {{\n  id: ID!\n  \
             name: String!\n  createdAt: DateTime @tag(name: \"public\")\n  weight: Int!\n  \
             detail: Detail{at}x{n}\n  state: State{at}x{n}!\n  \
             related: [Entity{next}x{n}!]!\n  secret: String @inaccessible\n}}"
        );
        let _ = writeln!(
            sdl,
            "type Detail{at}x{n} {{ title: String body: String! size: Int page: PageInfo }}\n\
             enum State{at}x{n} {{ OPEN CLOSED ARCHIVED }}\n\
             input Filter{at}x{n} {{ name: String from: Int = 0 to: Int tags: [String!] }}"
        );
        if subgraphs > 1 {
            let _ = writeln!(
                sdl,
                "type Entity{next}x{n} @key(fields: \"id\") {{\n  id: ID!\n  weight: Int! @external\n  \
                 rating{at}: Float @requires(fields: \"weight\")\n  comments{at}: [String!]!\n}}"
            );
        }
    }
    let _ = writeln!(sdl, "type Query {{\n{queries}}}");
    sdl
}
