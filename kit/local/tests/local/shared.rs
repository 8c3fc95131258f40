//! The servers that all tests of a run share.

use atelier_local::test_servers;

#[tokio::test]
async fn the_shared_servers_all_answer() {
    let servers = test_servers().await;
    let (client, connection) =
        tokio_postgres::connect(&servers.database_url, tokio_postgres::NoTls)
            .await
            .unwrap();
    tokio::spawn(connection);
    let row = client
        .query_one("SELECT current_setting('is_superuser')", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "on");
    let answer = crate::redis::command(&servers.redis_url, "PING").await;
    assert_eq!(answer, "+PONG");
    let unsigned = reqwest::get(format!("{}/nothing", servers.s3_endpoint))
        .await
        .unwrap();
    assert_eq!(unsigned.status(), 403);
}

#[tokio::test]
async fn every_caller_of_a_process_gets_the_same_servers() {
    let (first, second) = tokio::join!(test_servers(), test_servers());
    assert!(std::ptr::eq(first, second));
}
