//! Which network addresses a partner endpoint may reach.
//!
//! A partner's URL must not become a way into the host's own network: by
//! default everything that is not a public unicast address is denied, also when
//! it is wrapped in an IPv6 form. `allow_networks` opens what a deployment
//! really uses. The check is made on what a name resolved to, in the moment of
//! connecting ([`Guarded`] is the resolver of the HTTP client), so that a name
//! that changes its address gains nothing. Addresses written in a URL are never
//! resolved: whoever takes a URL checks them with [`Policy::check_host`].

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use serde::{Deserialize, Serialize};

/// How many addresses of a name are looked at; the rest is ignored.
const ADDRESSES_MAX: usize = 16;

/// A range of addresses: `10.0.0.0/8`, `fd00::/8` or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a network: {rule}")]
pub struct InvalidNetwork {
    text: String,
    rule: &'static str,
}

/// What one endpoint may reach beyond public addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    allow: Vec<Network>,
}

/// An address that the endpoint may not reach. It is the settings' fault, or an
/// attack; nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {kind}, which allow_networks does not include")]
pub struct Denied {
    /// The address.
    pub address: IpAddr,
    /// What kind of address it is, with its article.
    pub kind: &'static str,
}

/// The names of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemNames;

/// A resolver that gives only the addresses that a policy allows, and
/// [`Denied`] when none is left.
#[derive(Clone)]
pub struct Guarded {
    policy: Arc<Policy>,
    names: Arc<dyn Resolve>,
}

/// What is not public unicast, IPv4 (IANA special-purpose registry, and the
/// fixed addresses at which clouds serve credentials to their machines).
const DENIED_V4: [(Ipv4Addr, u8, &str); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "an unspecified address"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private address"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a shared (CGNAT) address"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "a loopback address"),
    (
        Ipv4Addr::new(168, 63, 129, 16),
        32,
        "a cloud metadata address",
    ),
    (
        Ipv4Addr::new(169, 254, 169, 254),
        32,
        "a cloud metadata address",
    ),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local address"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private address"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a reserved address"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "a documentation address"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private address"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "a benchmarking address"),
    (
        Ipv4Addr::new(198, 51, 100, 0),
        24,
        "a documentation address",
    ),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "a documentation address"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast address"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved address"),
];

/// What is not public unicast, IPv6. Forms that wrap an IPv4 address are judged
/// by it as well, in [`embedded`].
const DENIED_V6: [(Ipv6Addr, u8, &str); 11] = [
    (Ipv6Addr::UNSPECIFIED, 128, "an unspecified address"),
    (Ipv6Addr::LOCALHOST, 128, "a loopback address"),
    (
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0),
        48,
        "a local NAT64 address",
    ),
    (
        Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0),
        64,
        "a discard address",
    ),
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        23,
        "a protocol address (Teredo and others)",
    ),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        "a documentation address",
    ),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        "a documentation address",
    ),
    (
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
        "a unique-local address",
    ),
    (
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
        10,
        "a link-local address",
    ),
    (
        Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0),
        10,
        "a site-local address",
    ),
    (
        Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0),
        8,
        "a multicast address",
    ),
];

// === impl Network ===

impl Network {
    /// Whether this address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => v4_in(address, network, self.prefix),
            (IpAddr::V6(network), IpAddr::V6(address)) => v6_in(address, network, self.prefix),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = |rule| InvalidNetwork {
            text: text.to_owned(),
            rule,
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| invalid("write it as 10.0.0.0/8 or fd00::/8"))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or_else(|| invalid("the prefix length is too long or not a number"))?,
        };
        let network = Self { address, prefix };
        if !network.contains_only_its_prefix() {
            return Err(invalid("bits are set behind the prefix"));
        }
        Ok(network)
    }
}

impl Network {
    /// `10.1.2.3/8` is more likely a slip than a network.
    fn contains_only_its_prefix(&self) -> bool {
        match self.address {
            IpAddr::V4(address) => address.to_bits() & !v4_mask(self.prefix) == 0,
            IpAddr::V6(address) => address.to_bits() & !v6_mask(self.prefix) == 0,
        }
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;

    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

// === impl Policy ===

impl Policy {
    /// Public addresses and these networks.
    #[must_use]
    pub fn new(allow: Vec<Network>) -> Self {
        Self { allow }
    }

    /// Whether an endpoint may reach this address.
    ///
    /// # Errors
    /// [`Denied`] says what kind of address it is.
    pub fn check(&self, address: IpAddr) -> Result<(), Denied> {
        // A mapped address is reached as the IPv4 address it is.
        let address = address.to_canonical();
        if self.allow.iter().any(|network| network.contains(address)) {
            return Ok(());
        }
        match denied_as(address) {
            Some(kind) => Err(Denied { address, kind }),
            None => Ok(()),
        }
    }

    /// Checks an address that is written in a URL, in whatever notation (the
    /// parser has already read decimal, octal and hexadecimal forms); names
    /// pass, they are checked when they are resolved.
    ///
    /// # Errors
    /// [`Denied`] says what kind of address it is.
    pub fn check_host(&self, url: &Url) -> Result<(), Denied> {
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
            Ok(address) => self.check(address),
            Err(_) => Ok(()),
        }
    }
}

/// The kind of an address that is not public unicast.
fn denied_as(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => DENIED_V4
            .iter()
            .find(|(network, prefix, _)| v4_in(address, *network, *prefix))
            .map(|(_, _, kind)| *kind),
        IpAddr::V6(address) => DENIED_V6
            .iter()
            .find(|(network, prefix, _)| v6_in(address, *network, *prefix))
            .map(|(_, _, kind)| *kind)
            .or_else(|| denied_as(embedded(address)?.into())),
    }
}

/// The IPv4 address that a translator, tunnel or old stack would reach through
/// this IPv6 address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let pair = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        // IPv4-compatible, -mapped, -translated, and NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            Some(pair(g, h))
        }
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => Some(pair(high, low)),
        // ISATAP (RFC 5214).
        [.., 0 | 0x200, 0x5efe] => Some(pair(g, h)),
        _ => None,
    }
}

fn v4_mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn v6_mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

fn v4_in(address: Ipv4Addr, network: Ipv4Addr, prefix: u8) -> bool {
    (address.to_bits() ^ network.to_bits()) & v4_mask(prefix) == 0
}

fn v6_in(address: Ipv6Addr, network: Ipv6Addr, prefix: u8) -> bool {
    (address.to_bits() ^ network.to_bits()) & v6_mask(prefix) == 0
}

// === impl SystemNames ===

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0: the client puts its own in.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

// === impl Guarded ===

impl Guarded {
    /// Resolves with `names` and lets through what `policy` allows.
    #[must_use]
    pub fn new(policy: Policy, names: Arc<dyn Resolve>) -> Self {
        Self {
            policy: Arc::new(policy),
            names,
        }
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        let resolving = self.names.resolve(name);
        Box::pin(async move {
            let allowed = allowed(&policy, resolving.await?)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be reached; an error when there is none.
fn allowed(
    policy: &Policy,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let mut denied = None;
    let allowed: Vec<SocketAddr> = found
        .take(ADDRESSES_MAX)
        .filter(|found| match policy.check(found.ip()) {
            Ok(()) => true,
            Err(reason) => {
                denied = Some(reason);
                false
            }
        })
        .collect();
    match (allowed.is_empty(), denied) {
        (false, _) => Ok(allowed),
        (true, Some(denied)) => Err(denied.into()),
        (true, None) => Err(io::Error::other("the name has no address").into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(host: &str) -> Url {
        Url::parse(&format!("http://{host}/")).expect("a URL")
    }

    #[test]
    fn denies_every_form_of_an_inner_address() {
        let denied = [
            // Loopback, in the notations that URLs allow.
            "127.0.0.1",
            "127.8.9.10",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0x7f.1",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[::ffff:0:127.0.0.1]",
            // Metadata and link-local.
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "[::ffff:169.254.169.254]",
            "[fd00:ec2::254]",
            "168.63.129.16",
            "100.100.100.200",
            "169.254.1.1",
            "[fe80::1]",
            // Private and shared.
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "[fc00::1]",
            "[fdff::1]",
            "[fec0::1]",
            // Nowhere and everywhere.
            "0.0.0.0",
            "0",
            "0.1.2.3",
            "[::]",
            "224.0.0.1",
            "239.255.255.255",
            "[ff02::1]",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "[100::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            // Wrapped in translations and tunnels.
            "[2002:7f00:1::]",
            "[2002:a9fe:a9fe::1]",
            "[2002:c0a8:101::1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::1.1.1.1]",
            "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
            "[2606:4700::5efe:10.0.0.1]",
        ];
        let policy = Policy::default();
        for host in denied {
            assert!(policy.check_host(&url(host)).is_err(), "{host}");
        }
    }

    #[test]
    fn allows_public_addresses_and_leaves_names_to_the_resolver() {
        let allowed = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.1",
            "192.167.255.255",
            "223.255.255.255",
            "[2606:4700:4700::1111]",
            "[::ffff:1.1.1.1]",
            "[2002:101:101::1]",
            "[64:ff9b::1.1.1.1]",
            "localhost",
            "erp.example",
        ];
        let policy = Policy::default();
        for host in allowed {
            assert_eq!(policy.check_host(&url(host)), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_setting_opens_exactly_what_it_names() {
        let networks = ["10.1.0.0/16", "127.0.0.1", "fd00:1::/32"];
        let networks = networks.map(|text| text.parse().expect("a network"));
        let policy = Policy::new(networks.to_vec());
        for host in ["10.1.2.3", "127.0.0.1", "[::ffff:10.1.2.3]", "[fd00:1::5]"] {
            assert_eq!(policy.check_host(&url(host)), Ok(()), "{host}");
        }
        for host in [
            "10.2.0.1",
            "127.0.0.2",
            "[fd00:2::5]",
            "[2002:a01:203::1]",
            "[::1]",
        ] {
            assert!(policy.check_host(&url(host)).is_err(), "{host}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_network() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.1.0.0/8",
            "ten",
            "10.0.0.0/-1",
            "1.1.1.1/",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text:?}");
        }
        for text in ["0.0.0.0/0", "::/0", "10.0.0.0/8", "1.2.3.4/32", "fd00::/8"] {
            let network: Network = text.parse().expect("a network");
            assert_eq!(network.to_string(), text);
        }
    }

    #[test]
    fn a_name_keeps_its_public_addresses_only() {
        let resolve = |addresses: &[&str]| {
            let found: Vec<SocketAddr> = addresses
                .iter()
                .map(|address| SocketAddr::new(address.parse().expect("an address"), 0))
                .collect();
            allowed(&Policy::default(), found.into_iter())
        };
        let kept = resolve(&["10.0.0.1", "1.1.1.1", "::1"]).expect("one is public");
        assert_eq!(kept, [SocketAddr::from(([1, 1, 1, 1], 0))]);
        let none = resolve(&["169.254.169.254"]).expect_err("all denied");
        let denied = none.downcast_ref::<Denied>().expect("denied");
        assert_eq!(denied.kind, "a cloud metadata address");
        assert!(resolve(&[]).is_err());
    }

    proptest! {
        #[test]
        fn no_inner_address_passes_in_any_wrapping(
            (network, prefix, _) in proptest::sample::select(DENIED_V4.to_vec()),
            host: u32,
        ) {
            let inner = Ipv4Addr::from_bits(network.to_bits() | host & !v4_mask(prefix));
            let policy = Policy::default();
            prop_assert!(policy.check(inner.into()).is_err());
            let [a, b, c, d] = inner.octets().map(u16::from);
            let (high, low) = (a << 8 | b, c << 8 | d);
            let wrapped = [
                inner.to_ipv6_mapped(),
                inner.to_ipv6_compatible(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ];
            for address in wrapped {
                prop_assert!(policy.check(address.into()).is_err(), "{}", address);
            }
        }
    }
}
