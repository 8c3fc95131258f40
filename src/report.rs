//! What `atelier up` tells a person once it is ready.

use std::{net::SocketAddr, time::Duration};

use atelier_accounts::{DEMO_PASSWORD, DEMO_USERNAME};

use crate::{
    cli::UpArgs,
    say::say,
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
    say(format_args!(
        "\nAtelier is ready after {:.1} s.\n",
        took.as_secs_f64()
    ));
    for (name, value) in rows {
        say(format_args!("  {name:<14} {value}"));
    }
    if let Some(admin) = admin {
        say(format_args!(
            "\n  An administrator was made. The password is shown this once:"
        ));
        say(format_args!("  {:<14} {}", "Username", admin.username));
        say(format_args!("  {:<14} {}", "Password", admin.password));
    }
    if args.demo {
        say(format_args!(
            "\n  {:<14} {DEMO_USERNAME} / {DEMO_PASSWORD}",
            "Demo user"
        ));
    }
    say("\nStop with Ctrl-C.\n");
}
