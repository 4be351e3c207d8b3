"""Whose request is it? The client's address, behind proxies that the operator trusts.

X-Forwarded-For is read from the right, as each proxy appends what it saw: the first address that is no trusted proxy is
the client's. Without trusted proxies the header is not looked at, since anybody can send it.
"""

import ipaddress
from typing import Final, TypeAlias

from gateway.model.errors import GatewayError

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_HOPS_MAX: Final = 32
_V6_PREFIX: Final = 64
"""One customer of an IPv6 provider has at least a /64: rates are per such network."""


class TrustedProxies:
    """The setting `trusted_proxies`, read once."""

    def __init__(self, setting: str) -> None:
        """Raises `GatewayError` for what is neither an address nor a network."""
        self._networks = tuple(_network(part.strip()) for part in setting.split(",") if part.strip())

    def client(self, peer: str | None, forwarded: str | None) -> str:
        """The client's address, or of IPv6 its /64; "" where there is none (a Unix socket)."""
        if not self._networks or forwarded is None or not (peer is None or self.trusts(peer)):
            return _grouped(peer or "")
        for hop in reversed(forwarded.split(",")[-_HOPS_MAX:]):
            address = _plain(hop.strip())
            if address is None:
                return _grouped(peer or "")
            if not self.trusts(address):
                return _grouped(address)
        return _grouped(peer or "")

    def trusts(self, address: str) -> bool:
        """Whether this address is a proxy of the operator's."""
        if not self._networks:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise GatewayError(
            "setting_invalid",
            f"Setting trusted_proxies: `{text}` is no address and no network.",
            param="trusted_proxies",
        ) from None


def _plain(hop: str) -> str | None:
    try:
        return str(ipaddress.ip_address(hop))
    except ValueError:
        return None


def _grouped(address: str) -> str:
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed) >> _V6_PREFIX << _V6_PREFIX, _V6_PREFIX)).network_address)
