//! Why a request was not sent, or got no response.

use std::error::Error as StdError;

/// Why a request to a user-supplied address failed. The text may be shown to the user: it reveals
/// nothing that they did not supply, and does not distinguish names that do not exist from names
/// that are private.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The URL is malformed or too long, or contains a username or password.
    #[error("the URL is not valid")]
    UrlInvalid,
    /// The policy does not allow the URL's scheme.
    #[error("the scheme {0:?} is not allowed")]
    SchemeRefused(String),
    /// The policy does not allow the URL's port.
    #[error("the port {0} is not allowed")]
    PortRefused(u16),
    /// A header is one that only the client itself sets.
    #[error("the header {0:?} cannot be set")]
    HeaderRefused(String),
    /// The host is an address that is not public, or resolves to one.
    #[error("the host does not resolve to public addresses")]
    AddressRefused,
    /// The host's name does not exist.
    #[error("the host does not resolve to public addresses")]
    NotResolved(#[source] std::io::Error),
    /// A redirect leads from `https` to another scheme.
    #[error("a redirect leaves https")]
    Downgraded,
    /// A redirect has no target, or one that is not a URL.
    #[error("a redirect leads nowhere")]
    RedirectInvalid,
    /// There are more redirects than the policy allows.
    #[error("there are more than {0} redirects")]
    TooManyRedirects(u8),
    /// The request took longer than the policy allows.
    #[error("there was no complete answer in time")]
    TimedOut,
    /// The response has more bytes than the policy allows.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// There was no connection, or it broke or violated HTTP or TLS.
    #[error("the host did not answer as it should")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

impl OutboundError {
    /// Whether a retry may succeed.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::NotResolved(_) | Self::TimedOut | Self::Failed(_)
        )
    }
}

/// An error of the connector, which the HTTP client wraps in its own errors.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unconnected {
    /// An address is not allowed.
    #[error("an address is not allowed")]
    Refused,
    /// The name does not exist.
    #[error("the name cannot be resolved")]
    NotResolved(std::io::ErrorKind),
}

/// Returns the connector's error, if there is one in the chain.
pub(super) fn failed(cause: impl StdError + Send + Sync + 'static) -> OutboundError {
    let mut next: Option<&(dyn StdError + 'static)> = Some(&cause);
    while let Some(error) = next {
        match error.downcast_ref() {
            Some(Unconnected::Refused) => return OutboundError::AddressRefused,
            Some(Unconnected::NotResolved(kind)) => {
                return OutboundError::NotResolved((*kind).into());
            }
            None => next = error.source(),
        }
    }
    OutboundError::Failed(Box::new(cause))
}
