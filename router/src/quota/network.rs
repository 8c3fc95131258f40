//! The part of an address that one customer of a provider has.

use std::net::IpAddr;

/// An IPv4 address, or the first 64 bits of an IPv6 address: whoever has one of
/// those has all 2⁶⁴ (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    prefix: u64,
    is_v6: bool,
}

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self {
                prefix: u32::from(address).into(),
                is_v6: false,
            },
            IpAddr::V6(address) => Self {
                prefix: u64::try_from(u128::from(address) >> 64).unwrap_or_default(),
                is_v6: true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_customer_are_one_network() {
        let network = |address: &str| Network::of(address.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
