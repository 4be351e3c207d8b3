"""Says which kind of network an IP address lies in, and which kinds may be contacted.

Sources: the IANA special-purpose address registries (through `ipaddress`), RFC 6052 (64:ff9b::/96), RFC 3056
(6to4), RFC 6598 (100.64.0.0/10). Addresses that carry an IPv4 address inside are judged by that one: a name
server could otherwise hide 127.0.0.1 in them.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal

AddressKind = Literal["public", "private", "loopback", "forbidden"]
"""private: a LAN. forbidden: link-local (cloud metadata lives there), multicast, reserved, unspecified."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")
_LANS: Final = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),
    IPv6Network("fc00::/7"),
)


def kind_of(text: str) -> AddressKind:
    """The kind of the address in `text`, as a name server gave it; what is no address is forbidden."""
    try:
        address = _unwrapped(ip_address(text))
    except ValueError:
        return "forbidden"
    if address.is_loopback:
        return "loopback"
    if any(address.version == lan.version and address in lan for lan in _LANS):
        return "private"
    if address.is_global and not _is_special(address):
        return "public"
    return "forbidden"


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside, where there is one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_special(address: IPv4Address | IPv6Address) -> bool:
    """What `is_global` lets through and yet nobody serves push from."""
    if isinstance(address, IPv6Address) and (address in _NAT64_LOCAL or address.is_site_local):
        return True
    return address.is_multicast or address.is_reserved or address.is_link_local or address.is_unspecified
