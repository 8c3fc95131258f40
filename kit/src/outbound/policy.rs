//! The policy: which requests are allowed.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use url::{Host, Url};

use super::{OutboundError, address};

/// The longest URL, in bytes.
const MAX_URL: usize = 2048;

/// The policy for requests to user-supplied addresses; [`Default`] is `https` to public addresses.
#[derive(Debug, Clone)]
pub struct OutboundConfig {
    /// Networks that are allowed although they are not public.
    pub allow_networks: Vec<IpNet>,
    /// Networks that are forbidden although they are public, such as those of one's own servers.
    /// They take precedence over `allow_networks`.
    pub deny_networks: Vec<IpNet>,
    /// Whether `http` is allowed in addition to `https`.
    pub allow_http: bool,
    /// The ports that are allowed; all ports if empty.
    pub ports: Vec<u16>,
    /// The most redirects that are followed; with 0, a redirect is a response like any other.
    pub max_redirects: u8,
    /// The longest time to connect to one address.
    pub connect_timeout: Duration,
    /// The longest time for the whole request: names, connections, redirects, and the response to
    /// its last byte.
    pub deadline: Duration,
    /// The most bytes of a response's body.
    pub max_answer_bytes: usize,
    /// Certificate authorities (PEM) that are trusted in addition to the machine's.
    pub ca_file: Option<PathBuf>,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self {
            allow_networks: Vec::new(),
            deny_networks: Vec::new(),
            allow_http: false,
            ports: vec![80, 443, 8080, 8443],
            max_redirects: 3,
            connect_timeout: Duration::from_secs(3),
            deadline: Duration::from_secs(10),
            max_answer_bytes: 1024 * 1024,
            ca_file: None,
        }
    }
}

/// Parses a list such as `10.20.0.0/16,fd12::/16`; a single address stands for itself.
///
/// # Errors
/// The first item that is neither a network nor an address.
pub fn networks(list: &str) -> Result<Vec<IpNet>, String> {
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| {
            item.parse::<IpNet>()
                .or_else(|_| item.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| format!("{item:?} is not a network such as 10.20.0.0/16"))
        })
        .collect()
}

impl OutboundConfig {
    /// Whether connections to an address are allowed.
    pub(super) fn admits(&self, address: IpAddr) -> bool {
        let within = |nets: &[IpNet]| {
            nets.iter()
                .any(|net| net.contains(&address) || net.contains(&address::effective(address)))
        };
        !within(&self.deny_networks)
            && (address::is_public(address) || within(&self.allow_networks))
    }

    /// Checks a URL by itself. Names are checked only when they are connected to.
    pub(super) fn check(&self, url: &Url) -> Result<(), OutboundError> {
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            other => return Err(OutboundError::SchemeRefused(other.to_owned())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::UrlInvalid);
        }
        let port = url
            .port_or_known_default()
            .ok_or(OutboundError::UrlInvalid)?;
        if !self.ports.is_empty() && !self.ports.contains(&port) {
            return Err(OutboundError::PortRefused(port));
        }
        let literal = match url.host().ok_or(OutboundError::UrlInvalid)? {
            Host::Ipv4(address) => IpAddr::from(address),
            Host::Ipv6(address) => IpAddr::from(address),
            Host::Domain(_) => return Ok(()),
        };
        if self.admits(literal) {
            Ok(())
        } else {
            Err(OutboundError::AddressRefused)
        }
    }

    /// Parses and checks a URL as a user wrote it. The parser (WHATWG URL) recognises all spellings
    /// of an address: `2130706433`, `0177.1` and `0x7f.0.0.1` are 127.0.0.1.
    pub(super) fn parse(&self, text: &str) -> Result<Url, OutboundError> {
        if text.len() > MAX_URL {
            return Err(OutboundError::UrlInvalid);
        }
        let mut url = Url::parse(text).map_err(|_| OutboundError::UrlInvalid)?;
        self.check(&url)?;
        url.set_fragment(None);
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(config: &OutboundConfig, url: &str) -> String {
        match config.parse(url) {
            Ok(url) => url.to_string(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn an_address_is_known_by_all_its_spellings() {
        let config = OutboundConfig::default();
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://0x7f.1/",
            "https://127.1./",
            "https://１２７.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "https://[0:0:0:0:0:ffff:169.254.169.254]/",
            "https://0/",
        ] {
            assert_eq!(told(&config, url), "AddressRefused", "{url}");
        }
        assert_eq!(
            told(&config, "https://hooks.example/a?b#c"),
            "https://hooks.example/a?b"
        );
    }

    #[test]
    fn schemes_ports_and_credentials_are_those_of_the_policy() {
        let config = OutboundConfig::default();
        for (url, expected) in [
            ("http://a.example/", "SchemeRefused(\"http\")"),
            ("file:///etc/passwd", "SchemeRefused(\"file\")"),
            ("gopher://a.example/", "SchemeRefused(\"gopher\")"),
            ("https://a.example:22/", "PortRefused(22)"),
            ("https://me:secret@a.example/", "UrlInvalid"),
            ("https://me@a.example/", "UrlInvalid"),
            ("//a.example/", "UrlInvalid"),
            ("https://", "UrlInvalid"),
        ] {
            assert_eq!(told(&config, url), expected, "{url}");
        }
        let long = format!("https://a.example/{}", "x".repeat(MAX_URL));
        assert_eq!(told(&config, &long), "UrlInvalid");
        let open = OutboundConfig {
            allow_http: true,
            ports: Vec::new(),
            ..config
        };
        assert_eq!(told(&open, "http://a.example:22/"), "http://a.example:22/");
    }

    #[test]
    fn an_operator_opens_a_network_and_closes_another() {
        let config = OutboundConfig {
            allow_networks: networks("10.20.0.0/16, fd12::/16, 127.0.0.1").unwrap(),
            deny_networks: networks("10.20.9.0/24,8.8.8.8").unwrap(),
            ..OutboundConfig::default()
        };
        for (address, admitted) in [
            ("10.20.1.1", true),
            ("::ffff:10.20.1.1", true),
            ("fd12::1", true),
            ("127.0.0.1", true),
            ("1.1.1.1", true),
            ("10.21.0.1", false),
            ("10.20.9.1", false),
            ("::ffff:10.20.9.1", false),
            ("127.0.0.2", false),
            ("8.8.8.8", false),
        ] {
            assert_eq!(
                config.admits(address.parse().unwrap()),
                admitted,
                "{address}"
            );
        }
        assert!(networks("10.0.0.0/33").is_err() && networks("intranet").is_err());
        assert_eq!(networks(" ").unwrap(), []);
    }
}
