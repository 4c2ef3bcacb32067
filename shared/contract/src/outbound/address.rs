//! Which addresses a request may go to, once its host is resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// The internet.
    Public,
    /// A private network, such as a VPC.
    Private,
    /// The machine itself.
    Loopback,
    /// Where no request may go; the text names the range.
    Forbidden(&'static str),
}

/// The classes beside [`AddressClass::Public`] that a request may go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllowedNetworks {
    /// Private networks.
    pub private: bool,
    /// The machine itself: on the local platform alone.
    pub loopback: bool,
}

impl AllowedNetworks {
    /// Why no request may go to this address, if none may.
    #[must_use]
    pub fn refusal(self, address: IpAddr) -> Option<&'static str> {
        match classify_address(address) {
            AddressClass::Private if !self.private => {
                Some("a private address, and the contract does not say `private_network: true`")
            }
            AddressClass::Loopback if !self.loopback => {
                Some("a loopback address, which only the local platform allows")
            }
            AddressClass::Forbidden(range) => Some(range),
            _ => None,
        }
    }
}

const LINK_LOCAL: AddressClass =
    AddressClass::Forbidden("a link-local address, where clouds serve credentials");
const METADATA: AddressClass = AddressClass::Forbidden("an address of EC2's metadata");
const MULTICAST: AddressClass = AddressClass::Forbidden("a multicast address");
const RESERVED: AddressClass = AddressClass::Forbidden("a reserved address");
const TUNNEL: AddressClass = AddressClass::Forbidden("a tunnel's address, which hides another");
const UNSPECIFIED: AddressClass = AddressClass::Forbidden("an unspecified address");

/// The ranges of IPv4 that are not public: first address, bits of the prefix, class.
const V4_RANGES: [(Ipv4Addr, u32, AddressClass); 12] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, UNSPECIFIED),
    (Ipv4Addr::new(10, 0, 0, 0), 8, AddressClass::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, AddressClass::Private),
    (Ipv4Addr::new(127, 0, 0, 0), 8, AddressClass::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, LINK_LOCAL),
    (Ipv4Addr::new(172, 16, 0, 0), 12, AddressClass::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, RESERVED),
    (Ipv4Addr::new(192, 88, 99, 0), 24, TUNNEL),
    (Ipv4Addr::new(192, 168, 0, 0), 16, AddressClass::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, AddressClass::Private),
    (Ipv4Addr::new(224, 0, 0, 0), 4, MULTICAST),
    (Ipv4Addr::new(240, 0, 0, 0), 4, RESERVED),
];

/// The ranges of IPv6 that are not public and embed no address of IPv4. The first one that fits
/// holds: EC2's metadata are within the private range.
const V6_RANGES: [(Ipv6Addr, u32, AddressClass); 9] = [
    (Ipv6Addr::UNSPECIFIED, 128, UNSPECIFIED),
    (Ipv6Addr::LOCALHOST, 128, AddressClass::Loopback),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, TUNNEL),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, TUNNEL),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32, METADATA),
    (
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
        AddressClass::Private,
    ),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, LINK_LOCAL),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, RESERVED),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, MULTICAST),
];

/// The ranges of IPv6 whose last 32 bits are an address of IPv4: compatible, mapped, translated,
/// NAT64. A request to one of them reaches that address.
const V4_IN_V6_RANGES: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::UNSPECIFIED, 96),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
];

/// What an address leads to; an address of IPv6 that embeds one of IPv4 leads where that one does.
#[must_use]
pub fn classify_address(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    let range = V4_RANGES.iter().find(|(first, bits, _)| {
        let shift = 32 - bits;
        address.to_bits() >> shift == first.to_bits() >> shift
    });
    range.map_or(AddressClass::Public, |(_, _, class)| *class)
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    let range = V6_RANGES
        .iter()
        .find(|(first, bits, _)| is_in_range(address, *first, *bits));
    if let Some((_, _, class)) = range {
        return *class;
    }
    embedded_v4(address).map_or(AddressClass::Public, classify_v4)
}

fn is_in_range(address: Ipv6Addr, first: Ipv6Addr, bits: u32) -> bool {
    let shift = 128 - bits;
    address.to_bits() >> shift == first.to_bits() >> shift
}

/// The address of IPv4 that one of IPv6 leads to.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    if V4_IN_V6_RANGES
        .iter()
        .any(|(first, bits)| is_in_range(address, *first, *bits))
    {
        return Some(Ipv4Addr::new(a, b, c, d));
    }

    // 6to4: the address stands behind the prefix 2002::/16.
    match address.octets() {
        [0x20, 0x02, a, b, c, d, ..] => Some(Ipv4Addr::new(a, b, c, d)),
        _ => None,
    }
}
