//! The schema itself.

use crate::app::App;

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_says_who_may_use_what() {
    let sdl = App::new().await.graph.service.sdl();
    for expected in [
        "type User @key(fields: \"id\") @key(fields: \"username\")",
        "viewer: Viewer @shareable",
        "email: String @requiresScopes(scopes: [[\"admin:users\"]])",
        "quotaReserve(",
        "type QuotaReservation @inaccessible",
        "@resumable(arg: \"after\", cursor: \"cursor\")",
    ] {
        assert!(sdl.contains(expected), "{expected} is missing in\n{sdl}");
    }
    for internal in ["quotaReserve", "quotaCommit", "quotaRelease", "identityResolve"] {
        let line = sdl.lines().find(|line| line.trim_start().starts_with(internal)).unwrap();
        assert!(line.ends_with("@inaccessible"), "{line}");
    }
}
