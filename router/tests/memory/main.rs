//! What the router keeps, held against what the allocator says.

// Parts of the other tests, of which not everything is needed here.
#![allow(dead_code, reason = "shared with the other tests")]

#[path = "../router/graph.rs"]
mod graph;
#[path = "../router/harness.rs"]
mod harness;
mod idle;
#[path = "../router/socket.rs"]
mod socket;

use std::alloc::System;
use std::fmt::Write;

use atelier_router::config::Cache;
use atelier_router::{Router, RouterConfig};
use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const MIB: usize = 1024 * 1024;

/// Operations of about 12 kB, no two the same, in several shapes.
fn operation(shape: usize, at: usize) -> String {
    let mut text = format!("query O{shape}x{at} {{ ");
    match shape {
        // Many fields, few distinct.
        0 => {
            text.push_str("topProducts { ");
            for _ in 0..600 {
                text.push_str("upc name price weight ");
            }
            text.push('}');
        }
        // Aliases, which all are fields of the answer.
        1 => {
            text.push_str("topProducts { ");
            for alias in 0..190 {
                let _ = write!(
                    text,
                    "a{alias}_{at}_with_a_name_that_is_longer_than_most: name "
                );
            }
            text.push('}');
        }
        // Several subgraphs.
        2 => {
            for alias in 0..12 {
                let _ = write!(text, "p{alias}_{at}: topProducts {{ upc ");
                for _ in 0..10 {
                    text.push_str("name price inStock reviews { body } ");
                }
                text.push('}');
            }
        }
        // Short.
        _ => {
            let _ = write!(text, "topProducts {{ a{at}: name }}");
        }
    }
    text.push('}');
    text
}

async fn router(document_bytes: usize, plan_bytes: usize) -> Router {
    let config = RouterConfig {
        cache: Cache {
            document_bytes: document_bytes as u64,
            plan_bytes: plan_bytes as u64,
        },
        ..RouterConfig::default()
    };
    let router = harness::in_process_with(config).router;
    // What is made once.
    for shape in 0..4 {
        let _ = harness::ask(&router, &operation(shape, 999_999)).await;
    }
    router
}

#[tokio::test]
async fn what_an_operation_is_said_to_cost_is_what_it_costs() {
    for (shape, count) in [(0, 20), (1, 20), (2, 20), (3, 200)] {
        let router = router(1024 * MIB, 1024 * MIB).await;
        let before = (ALLOCATOR.allocated(), router.cached_bytes());
        let mut length = 0;
        for at in 0..count {
            let text = operation(shape, at);
            length = text.len();
            let answer = harness::ask(&router, &text).await;
            assert!(answer.get("errors").is_none(), "{answer}");
        }
        let real = (ALLOCATOR.allocated() - before.0) / count;
        let said = usize::try_from(router.cached_bytes() - before.1).unwrap() / count;
        println!("shape {shape}, {length} bytes: {real} bytes of memory, {said} estimated");
        // The estimate counts plans twice, because they may be kept twice.
        assert!(said * 10 >= real * 8, "shape {shape}: {said} for {real}");
        assert!(said <= real * 4, "shape {shape}: {said} for {real}");
    }
}

#[tokio::test]
async fn a_flood_of_distinct_operations_stays_within_the_budget() {
    let router = router(12 * MIB, 4 * MIB).await;
    let before = ALLOCATOR.allocated();
    let mut most = 0;
    for at in 0..120 {
        let _ = harness::ask(&router, &operation(at % 3, at)).await;
        most = most.max(ALLOCATOR.allocated().saturating_sub(before));
    }
    println!(
        "120 operations of 12 kB with 16 MiB for them: {} KiB at most, {} KiB estimated at the end",
        most >> 10,
        router.cached_bytes() >> 10
    );
    // What is being planned comes on top, and what moka has not thrown out yet.
    assert!(most < 24 * MIB, "{most}");
}
