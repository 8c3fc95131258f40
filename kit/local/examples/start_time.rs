//! Prints how long the private servers take to start, cold and warm, in milliseconds.

use std::time::Instant;

use atelier_local::{
    PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions, S3Credentials, S3Server, S3Store,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    for round in ["cold", "warm", "warm"] {
        let begun = Instant::now();
        let postgres =
            PrivatePostgres::start(&dir.path().join("postgres"), PostgresOptions::default())
                .await?;
        let postgres_ms = begun.elapsed().as_millis();
        let begun = Instant::now();
        let redis = PrivateRedis::start(&dir.path().join("redis"), RedisOptions::default()).await?;
        let redis_ms = begun.elapsed().as_millis();
        let begun = Instant::now();
        let store = S3Store::open(&dir.path().join("s3"))?;
        let s3 = S3Server::start_on_free_port(store, S3Credentials::generate()).await?;
        let s3_ms = begun.elapsed().as_millis();
        println!("{round}: postgres {postgres_ms} ms, redis {redis_ms} ms, s3 {s3_ms} ms");
        tokio::join!(postgres.stop(), redis.stop(), s3.stop());
    }
    Ok(())
}
