//! The networks that callers come from, as coarse as what one caller controls.
//!
//! A single connection has one IPv4 address but at least a whole IPv6 /64 (RFC 6177 §2) to choose
//! addresses from. So whatever is counted by address is counted by these.

use std::net::{IpAddr, Ipv6Addr};

use atelier_kit::actor::Actor;

/// The network of all callers without a known address.
const UNKNOWN: &str = "unknown";

/// Returns the network of a caller: an IPv4 address or an IPv6 /64.
pub fn of(actor: &Actor) -> String {
    known(actor).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// Like [`of`], but `None` for callers whose address is not known.
pub fn known(actor: &Actor) -> Option<String> {
    address(actor).map(|address| prefix(address, 64))
}

/// Returns the /48 of an IPv6 address: the most that a single customer may have.
pub fn site(actor: &Actor) -> Option<String> {
    address(actor)
        .filter(IpAddr::is_ipv6)
        .map(|address| prefix(address, 48))
}

fn address(actor: &Actor) -> Option<IpAddr> {
    let address: IpAddr = actor.ip.as_deref()?.parse().ok()?;
    // Dual-stack listeners see IPv4 addresses as IPv6.
    Some(address.to_canonical())
}

fn prefix(address: IpAddr, bits: u32) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)));
            format!("{network}/{bits}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(ip: &str) -> Actor {
        Actor {
            ip: Some(ip.to_owned()),
            ..Actor::anonymous()
        }
    }

    #[test]
    fn addresses_that_one_caller_can_choose_from_are_one_network() {
        assert_eq!(of(&from("203.0.113.9")), "203.0.113.9");
        assert_eq!(of(&from("::ffff:203.0.113.9")), "203.0.113.9");
        assert_eq!(of(&from("2001:db8:1:2::7")), of(&from("2001:db8:1:2:f::1")));
        assert_ne!(of(&from("2001:db8:1:2::7")), of(&from("2001:db8:1:3::7")));
        assert_eq!(site(&from("2001:db8:1:3::7")).unwrap(), "2001:db8:1::/48");
        assert_eq!(site(&from("203.0.113.9")), None);
        assert_eq!(of(&from("nonsense")), UNKNOWN);
        assert_eq!(known(&Actor::anonymous()), None);
    }
}
