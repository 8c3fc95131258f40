//! What `atelier up` tells a person once it is ready.

use std::{net::SocketAddr, time::Duration};

use atelier_accounts::{DEMO_PASSWORD, DEMO_USERNAME};

use crate::{
    cli::UpArgs,
    seed::Admin,
    settings::{Servers, Settings},
};

/// Prints where everything is.
pub fn ready(
    args: &UpArgs,
    settings: &Settings,
    servers: &Servers,
    operators: Option<SocketAddr>,
    admin: Option<&Admin>,
    took: Duration,
) {
    let base = format!("http://{}", args.listen);
    let socket = format!("ws://{}/graphql", args.listen);
    let data =
        std::fs::canonicalize(&settings.data_dir).unwrap_or_else(|_| settings.data_dir.clone());
    let rows = [
        ("Playground", format!("{base}/")),
        ("GraphQL", format!("{base}/graphql")),
        ("Subscriptions", socket),
        ("Health", format!("{base}/health/ready")),
        (
            "Metrics",
            operators.map_or_else(
                || "nowhere; give a place with: --admin-listen 127.0.0.1:4009".to_owned(),
                |address| format!("http://{address}/metrics"),
            ),
        ),
        ("Object store", servers.storage.public_endpoint.clone()),
        ("Data", data.display().to_string()),
    ];
    println!("\nAtelier is ready after {:.1} s.\n", took.as_secs_f64());
    for (name, value) in rows {
        println!("  {name:<14} {value}");
    }
    if let Some(admin) = admin {
        println!("\n  An administrator was made. The password is shown this once:");
        println!("  {:<14} {}", "Username", admin.username);
        println!("  {:<14} {}", "Password", admin.password);
    }
    if args.demo {
        println!("\n  {:<14} {DEMO_USERNAME} / {DEMO_PASSWORD}", "Demo user");
    }
    println!("\nStop with Ctrl-C.\n");
}
