//! The S3 client's set-up, by hand: nothing is read from the environment or from files.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Config, Credentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, SharedHttpClient,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::{StorageConfig, StorageError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The timeout of one attempt of an operation with a small body.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// The timeout of operations that move or copy a whole object.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(15 * 60);
const TRIES: u32 = 3;
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(100);

pub(crate) fn build(config: &StorageConfig, endpoint: &str) -> Result<Client, StorageError> {
    let settings = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client(endpoint)?)
        .endpoint_url(endpoint)
        .force_path_style(config.path_style)
        .region(Region::new(config.region.clone()))
        .credentials_provider(Credentials::new(
            &config.access_key,
            &config.secret_key,
            None,
            None,
            "atelier",
        ))
        // A checksum of the SDK's choosing would become part of presigned requests, which
        // clients could not satisfy, and many stores do not know the newer algorithms.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(TRIES)
                .with_initial_backoff(FIRST_RETRY_AFTER),
        )
        .timeout_config(timeouts(ATTEMPT_TIMEOUT));
    Ok(Client::from_conf(settings.build()))
}

/// Per-operation settings for moving a whole object.
pub(crate) fn transfer() -> Builder {
    Config::builder().timeout_config(timeouts(TRANSFER_TIMEOUT))
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(attempt)
        .build()
}

/// Without TLS where the endpoint has none: loading root certificates takes time, and fails on
/// machines that have none.
fn http_client(endpoint: &str) -> Result<SharedHttpClient, StorageError> {
    let builder = aws_smithy_http_client::Builder::new();
    if endpoint.starts_with("http://") {
        Ok(builder.build_http())
    } else if endpoint.starts_with("https://") {
        Ok(builder
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https())
    } else {
        Err(StorageError::Invalid {
            reason: format!("endpoint {endpoint:?} is not an http:// or https:// URL"),
        })
    }
}
