//! The schema itself.

use crate::app::App;

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_says_who_may_use_what() {
    let sdl = App::new().await.subgraph.service.sdl();
    for expected in [
        "type User @key(fields: \"id\") @key(fields: \"username\")",
        "viewer: Viewer @shareable",
        "email: String @requiresScopes(scopes: [[\"admin:users\"]])",
        "email: String @requiresScopes(scopes: [[\"account:read\"]])",
        "quotaReserve(",
        "type QuotaReservation @inaccessible",
        "@resumable(arg: \"after\", cursor: \"cursor\")",
    ] {
        assert!(sdl.contains(expected), "{expected} is missing in\n{sdl}");
    }
    for internal in [
        "quotaReserve",
        "quotaCommit",
        "quotaRelease",
        "identityResolve",
    ] {
        // The arguments have lines of their own; the directives stand behind them.
        let mut field = sdl
            .lines()
            .skip_while(|line| !line.trim_start().starts_with(&format!("{internal}(")));
        let line = field
            .find(|line| line.trim_start().starts_with(')'))
            .unwrap_or_default();
        assert!(line.ends_with("@inaccessible"), "{line}");
    }
}
