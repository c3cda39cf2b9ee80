//! From where a call comes, and the networks that a project may be called from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use axum::http::{Extensions, HeaderMap};

/// Networks that a project may be called from, at the most.
pub const NETWORKS_MAX: usize = 64;
/// The header in which a proxy tells whom it calls for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Where a call comes from: the connection's other end or, behind so many proxies that are
/// trusted, what the outermost of them says. What a caller adds to the header itself stands
/// further left and is not looked at. `None` where the proxies have not said it.
pub fn caller(extensions: &Extensions, headers: &HeaderMap, proxies: u64) -> Option<IpAddr> {
    let hops = usize::try_from(proxies).ok()?;
    let Some(before) = hops.checked_sub(1) else {
        return extensions.get::<Peer>().map(|peer| peer.0.to_canonical());
    };
    let lines = headers.get_all(FORWARDED_FOR).iter();
    let told: Vec<&str> =
        lines.flat_map(|line| line.to_str().unwrap_or_default().split(',')).collect();
    let address: IpAddr = told.iter().rev().nth(before)?.trim().parse().ok()?;
    Some(address.to_canonical())
}

/// A network: an address and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not of the form.
    #[error("`{0}` is no network: write it as 203.0.113.0/24, 2001:db8::/32 or a single address")]
    Form(String),
    /// There are bits set behind those that count.
    #[error("`{0}` names an address within a network: write {1} for the whole network")]
    Beyond(String, Network),
    /// Too many.
    #[error("there are more than {NETWORKS_MAX} networks: put them together into larger ones")]
    TooMany,
}

/// An address of which the first bits alone are left.
fn masked(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

impl Network {
    /// Whether an address, in canonical form, is in it.
    pub fn has(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && masked(address, self.bits) == self.address
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError::Form(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits: u32 = match bits {
            None => most,
            Some(bits) if bits.bytes().all(|c| c.is_ascii_digit()) => {
                bits.parse().map_err(|_| wrong())?
            }
            Some(_) => return Err(wrong()),
        };
        if bits > most {
            return Err(wrong());
        }
        // A v4 address in v6's clothes would never be met.
        if address.to_canonical() != address {
            return Err(wrong());
        }
        let network = Network { address: masked(address, bits), bits };
        match network.address == address {
            true => Ok(network),
            false => Err(NetworkError::Beyond(text.to_owned(), network)),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// The networks that a project may be called from; none: from anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Network>);

impl AllowList {
    /// Whether it may be called from there; from an unknown place only where it may be from
    /// anywhere.
    pub fn allows(&self, from: Option<IpAddr>) -> bool {
        let is_in = |from| self.0.iter().any(|network| network.has(from));
        self.0.is_empty() || from.is_some_and(is_in)
    }
}

impl FromStr for AllowList {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks: Vec<Network> = parts.map(str::parse).collect::<Result<_, _>>()?;
        if networks.len() > NETWORKS_MAX {
            return Err(NetworkError::TooMany);
        }
        Ok(AllowList(networks))
    }
}

impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, network) in self.0.iter().enumerate() {
            if nth > 0 {
                f.write_str(",")?;
            }
            write!(f, "{network}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn allows(list: &str, from: &str) -> bool {
        let list: AllowList = list.parse().unwrap();
        let from: IpAddr = from.parse().unwrap();
        list.allows(Some(from.to_canonical()))
    }

    #[test]
    fn what_is_in_a_network() {
        for (list, from, is_in) in [
            ("", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "192.0.2.1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("10.0.0.0/8, 2001:db8::1", "2001:db8::1", true),
        ] {
            assert_eq!(allows(list, from), is_in, "{from} in `{list}`");
        }
        assert!("".parse::<AllowList>().unwrap().allows(None));
        assert!(!"0.0.0.0/0".parse::<AllowList>().unwrap().allows(None), "from an unknown place");
    }

    #[test]
    fn what_is_no_network() {
        for text in
            ["x", "192.0.2.1/33", "192.0.2.0/", "192.0.2.0/+8", "::/129", "::ffff:192.0.2.1", "/8"]
        {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Form(text.to_owned())));
        }
        let beyond = "10.0.0.1/8".parse::<Network>().unwrap_err().to_string();
        assert!(beyond.ends_with("write 10.0.0.0/8 for the whole network"), "{beyond}");
        let many = vec!["192.0.2.1"; NETWORKS_MAX + 1].join(",");
        assert_eq!(many.parse::<AllowList>(), Err(NetworkError::TooMany));
        let kept: AllowList = "192.0.2.7,2001:db8::/32".parse().unwrap();
        assert_eq!(kept.to_string(), "192.0.2.7/32,2001:db8::/32");
        assert_eq!(kept.to_string().parse(), Ok(kept));
    }

    #[test]
    fn a_header_counts_behind_trusted_proxies_alone() {
        let mut extensions = Extensions::new();
        extensions.insert(Peer("::ffff:127.0.0.1".parse().unwrap()));
        let mut headers = HeaderMap::new();
        let from = |headers: &HeaderMap, hops| {
            caller(&extensions, headers, hops).map(|address| address.to_string())
        };
        assert_eq!(from(&headers, 0).as_deref(), Some("127.0.0.1"));
        assert_eq!(from(&headers, 1), None);
        headers.append(FORWARDED_FOR, HeaderValue::from_static("192.0.2.1, 192.0.2.2"));
        headers.append(FORWARDED_FOR, HeaderValue::from_static("192.0.2.3"));
        assert_eq!(from(&headers, 0).as_deref(), Some("127.0.0.1"));
        assert_eq!(from(&headers, 1).as_deref(), Some("192.0.2.3"));
        assert_eq!(from(&headers, 2).as_deref(), Some("192.0.2.2"));
        assert_eq!(from(&headers, 4), None);
        headers.append(FORWARDED_FOR, HeaderValue::from_static("unknown"));
        assert_eq!(from(&headers, 1), None);
    }
}
