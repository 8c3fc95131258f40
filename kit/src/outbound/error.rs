//! Why a request was not made, or has no answer.

use std::error::Error as StdError;

/// Why a request to an address that a user gave failed. The text may be shown to that user: it names
/// nothing that they did not give, and a name that does not exist looks like one that is private.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// It is no URL, too long, or holds a user name or password.
    #[error("the URL is not valid")]
    UrlInvalid,
    /// The policy does not allow the URL's scheme.
    #[error("the scheme {0:?} is not allowed")]
    SchemeRefused(String),
    /// The policy does not allow the URL's port.
    #[error("the port {0} is not allowed")]
    PortRefused(u16),
    /// A header is one that the client sets itself.
    #[error("the header {0:?} cannot be set")]
    HeaderRefused(String),
    /// The host is an address that is not public, or a name for one.
    #[error("the host does not resolve to public addresses")]
    AddressRefused,
    /// The host's name is not known.
    #[error("the host does not resolve to public addresses")]
    NotResolved(#[source] std::io::Error),
    /// A redirect leads from `https` to another scheme.
    #[error("a redirect leaves https")]
    Downgraded,
    /// A redirect has no place to go to, or one that is no URL.
    #[error("a redirect leads nowhere")]
    RedirectInvalid,
    /// There are more redirects than the policy allows.
    #[error("there are more than {0} redirects")]
    TooManyRedirects(u8),
    /// The whole took longer than the policy allows.
    #[error("there was no complete answer in time")]
    TimedOut,
    /// The answer has more bytes than the policy allows.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// No connection, or one that broke or does not speak HTTP or TLS as it should.
    #[error("the host did not answer as it should")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

impl OutboundError {
    /// Whether trying again later can help.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::NotResolved(_) | Self::TimedOut | Self::Failed(_)
        )
    }
}

/// What the connector reports through the HTTP client, which wraps it in errors of its own.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unconnected {
    /// An address is not allowed.
    #[error("an address is not allowed")]
    Refused,
    /// The name is not known.
    #[error("the name cannot be resolved")]
    NotResolved(std::io::ErrorKind),
}

/// The connector's own word, where there is one in the chain.
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
