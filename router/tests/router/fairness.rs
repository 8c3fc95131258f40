//! Who asks for many different things does not make others wait for theirs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use atelier_router::config::Cache;
use atelier_router::{Caller, ClientRequest, RouterConfig};

use crate::counts::Counts;
use crate::harness::{InProcess, in_process_with, run};

const BYTES: u64 = 2 * 1024 * 1024;

fn shop() -> InProcess {
    in_process_with(RouterConfig {
        cache: Cache {
            document_bytes: BYTES,
            plan_bytes: BYTES / 4,
        },
        ..RouterConfig::default()
    })
}

fn signed_in(person: u64, query: &str) -> ClientRequest {
    let mut request = ClientRequest::new(query);
    request.caller = Arc::new(Caller {
        authenticated: true,
        person,
        fingerprint: person,
        ..Caller::default()
    });
    request
}

fn from(address: &str, query: &str) -> ClientRequest {
    let address: IpAddr = address.parse().unwrap();
    ClientRequest {
        address: Some(address),
        ..ClientRequest::new(query)
    }
}

fn usual(at: usize) -> String {
    format!("query Usual{at} {{ me {{ name }} topProducts {{ name }} }}")
}

/// How many of the usual operations have to be parsed anew.
async fn forgotten(shop: &InProcess, counts: &Counts) -> u64 {
    let before = counts.now().0;
    for at in 0..20 {
        run(&shop.router, signed_in(2, &usual(at))).await;
    }
    counts.now().0 - before
}

/// Asks for the usual operations, then lets somebody flood the router with `flood`.
async fn after(flood: impl AsyncFnOnce(&InProcess)) -> u64 {
    let counts = Counts::default();
    let _counted = metrics::set_default_local_recorder(&counts);
    let shop = shop();
    for person in [2, 3, 2, 4] {
        for at in 0..20 {
            run(&shop.router, signed_in(person, &usual(at))).await;
        }
    }
    let started = Instant::now();
    flood(&shop).await;
    let bytes = shop.router.cached_bytes();
    println!(
        "{} documents parsed in {:?}, {} KiB kept",
        counts.now().0,
        started.elapsed(),
        bytes >> 10
    );
    assert!(bytes < (BYTES + BYTES / 4) * 5 / 4, "{bytes}");
    forgotten(&shop, &counts).await
}

#[tokio::test]
async fn a_flood_of_operations_that_are_asked_once_pushes_out_nothing() {
    let forgotten = after(async |shop| {
        for at in 0..20_000 {
            let query = format!("query Flood{at} {{ me {{ name }} }}");
            run(&shop.router, from("192.0.2.1", &query)).await;
        }
    });
    assert_eq!(forgotten.await, 0);
}

#[tokio::test]
async fn a_flood_of_operations_that_are_asked_often_by_one_caller_pushes_out_nothing() {
    let forgotten = after(async |shop| {
        for round in 0..20 {
            for at in 0..400 {
                // From all addresses of one customer.
                let address = format!("2001:db8::{round:x}:{at:x}");
                let query = format!("query Flood{at} {{ me {{ name }} }}");
                run(&shop.router, from(&address, &query)).await;
            }
        }
    });
    assert_eq!(forgotten.await, 0);
}

#[tokio::test]
async fn what_several_callers_ask_for_is_kept_although_one_of_them_has_asked_for_too_much() {
    let counts = Counts::default();
    let _counted = metrics::set_default_local_recorder(&counts);
    let shop = shop();
    for at in 0..2_000 {
        let query = format!("query Flood{at} {{ me {{ name }} }}");
        run(&shop.router, from("192.0.2.1", &query)).await;
    }
    // Others find room, also from the same network once they have signed in.
    for _ in 0..10 {
        for at in 0..20 {
            run(&shop.router, signed_in(2, &usual(at))).await;
        }
    }
    assert_eq!(forgotten(&shop, &counts).await, 0);
}
