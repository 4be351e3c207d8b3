"""Decides where the gateway may connect: which names, which addresses behind them, and with which TLS.

Every subscriber hands us a URL that we shall contact, so this is the wall against server-side request forgery.
A URL is checked when it is saved and again before each use; a name's addresses are checked each time it is
resolved, and the connection goes to the checked address (a name may change its answer between the two).
HTTP libraries skip a resolver for IP literals, hence those are refused in the URL already.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Final

import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.model.limits import EGRESS_ADDRESSES_MAX, EGRESS_ORIGINS_KEPT_MAX, EGRESS_RULES_MAX
from gateway.wire.addresses import kind_of
from gateway.wire.urls import (
    DEFAULT_PORTS,
    EgressRefused,
    Origin,
    Rule,
    Scheme,
    check_host_name,
    parse_origin,
    parse_port,
    split_url,
    to_a_labels,
)

__all__ = [
    "AllowRule",
    "EgressPolicy",
    "EgressRefused",
    "GuardedResolver",
    "Lookup",
    "Override",
    "Target",
    "parse_allow",
    "parse_resolve",
    "ssl_context",
    "system_lookup",
]

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to addresses; raises OSError when there are none."""

_PRIVATE_SUFFIX: Final = "+private"
_ENTRY: Final = re.compile(r"(\*\.)?([^*:\s/@]+)(?::([0-9]+))?")
_RESOLVE: Final = re.compile(r"([^=\s/@]+):([0-9]+)=(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]+)")


class AllowRule(msgspec.Struct, frozen=True):
    """One permitted host, or with `is_suffix` every host below it."""

    host: str
    is_suffix: bool = False
    port: int | None = None
    """None: the default port of the scheme."""
    is_private_allowed: bool = False
    is_rehearsal: bool = False
    """In a sandbox: http and loopback are permitted as well."""

    def covers(self, origin: Origin) -> bool:
        """Whether this rule permits the origin's host, port and scheme."""
        if origin.scheme == "http" and not self.is_rehearsal:
            return False
        return self.covers_host(origin.host) and origin.port == (self.port or DEFAULT_PORTS[origin.scheme])

    def covers_host(self, host: str) -> bool:
        """Whether this rule names the host; `*.x.example` does not name `x.example` itself."""
        return host.endswith("." + self.host) if self.is_suffix else host == self.host

    def permits(self, address: str) -> bool:
        """Whether a host of this rule may live at this IP address."""
        kind = kind_of(address)
        return (
            kind == "public"
            or (kind == "private" and self.is_private_allowed)
            or (kind == "loopback" and self.is_rehearsal)
        )


class Override(msgspec.Struct, frozen=True):
    """In a rehearsal: `host:port` is found at `address:address_port`, whatever DNS says."""

    host: str
    port: int
    address: str
    address_port: int


class Target(msgspec.Struct, frozen=True):
    """An address that was checked. Only `EgressPolicy.check_url` makes one."""

    url: str
    """As it was given."""
    scheme: Scheme
    host: str
    """Lower-case: for TLS and the Host header."""
    port: int
    origin: str
    """`https://host` or `https://host:port`: the audience of a signature, the key of a connection pool."""
    path_and_query: str
    """As it was given: an endpoint is opaque."""
    checked_by: "EgressPolicy | None" = None
    """Whose rules allow it: a client contacts what its own policy has checked, and nothing else."""


def _not_counted(_rule: str) -> None:
    """Where nobody counts refusals."""


class EgressPolicy(msgspec.Struct, frozen=True, eq=False):
    """What one process may contact. Build it with `of`."""

    rules: tuple[AllowRule, ...]
    overrides: tuple[Override, ...] = ()
    ca_file: Path | None = None
    on_refused: Callable[[str], None] = _not_counted
    """Gets the rule of each refusal."""
    decided: dict[str, Target] = msgspec.field(default_factory=dict[str, Target])
    """Permitted origins by their spelling: a URL of a known service costs a microsecond."""

    @staticmethod
    def of(
        *,
        defaults: Iterable[str] = (),
        allow: Iterable[str] = (),
        resolve: Iterable[str] = (),
        sandbox: bool = False,
        ca_file: Path | None = None,
        on_refused: Callable[[str], None] = _not_counted,
    ) -> "EgressPolicy":
        """The policy of these settings.

        `defaults` are the hosts that ways out bring with them, `allow` and `resolve` those the operator named.
        `sandbox` permits http and loopback, and only for the operator's.

        Raises:
            ValueError: a sentence that names the entry and says what is wrong with it.
        """
        overrides = tuple(map(parse_resolve, resolve))
        if overrides and not sandbox:
            raise ValueError("Hosts can be redirected to other addresses in a sandbox only (STEEPLE_SANDBOX=1).")
        named = [parse_allow(entry) for entry in allow]
        named += [AllowRule(item.host, port=item.port) for item in overrides]
        rules = [parse_allow(entry) for entry in defaults]
        rules += [msgspec.structs.replace(rule, is_rehearsal=sandbox) for rule in named]
        if len(rules) > EGRESS_RULES_MAX:
            raise ValueError(f"More than {EGRESS_RULES_MAX} hosts are allowed.")
        return EgressPolicy(tuple(rules), overrides, ca_file, on_refused)

    def check_url(self, url: str) -> Target:
        """What to contact for `url`, if we may. Makes no connection and asks no name server.

        Raises:
            EgressRefused: the rule it breaks.
        """
        try:
            prefix, path = split_url(url)
            known = self.decided.get(prefix) or self._decide(prefix)
        except EgressRefused as refused:
            self.on_refused(refused.rule)
            raise
        return Target(url, known.scheme, known.host, known.port, known.origin, path, self)

    def rules_for(self, host: str, port: int) -> list[AllowRule]:
        """The rules that permit connecting to this host and port."""
        origins = (Origin("https", host, port), Origin("http", host, port))
        return [rule for rule in self.rules if any(map(rule.covers, origins))]

    def override_for(self, host: str, port: int) -> Override | None:
        """Where a rehearsal wants this host and port to be found."""
        return next((item for item in self.overrides if (item.host, item.port) == (host, port)), None)

    def _decide(self, prefix: str) -> Target:
        origin = parse_origin(prefix)
        if not any(rule.covers(origin) for rule in self.rules):
            raise self._refusal(origin)
        if len(self.decided) >= EGRESS_ORIGINS_KEPT_MAX:
            # Wildcard hosts let strangers invent names; starting afresh costs a few microseconds per origin.
            self.decided.clear()
        target = Target(prefix, origin.scheme, origin.host, origin.port, origin.text, "/", self)
        self.decided[prefix] = target
        return target

    def _refusal(self, origin: Origin) -> EgressRefused:
        naming = [rule for rule in self.rules if rule.covers_host(origin.host)]
        if not naming:
            return EgressRefused("not_allowed", f"The host {origin.host} is not among the allowed push hosts.")
        if origin.scheme == "http" and not any(rule.is_rehearsal for rule in naming):
            return EgressRefused("scheme", "The address is not https.")
        return EgressRefused("port", f"Port {origin.port} of {origin.host} is not allowed.")


class GuardedResolver(AbstractResolver):
    """Resolves a host only if the policy names it and all of its addresses may be contacted.

    One bad address among several is enough to refuse: whoever controls the name chose it.
    """

    def __init__(self, policy: EgressPolicy, *, lookup: Lookup | None = None) -> None:
        self._policy = policy
        self._lookup = lookup or system_lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The checked addresses of `host`, in the order of the name server.

        Raises:
            EgressRefused: the host is not allowed, or an address of it.
            OSError: it has no address (of this family).
        """
        addresses, to_port = await self._addresses(host, port)
        results = [_result(host, address, to_port) for address in addresses]
        wanted = [item for item in results if family in (socket.AF_UNSPEC, item["family"])]
        if not wanted:
            raise OSError(None, f"{host} has no address that can be used")
        return wanted

    async def close(self) -> None:
        """Nothing is held."""

    async def _addresses(self, host: str, port: int) -> tuple[Sequence[str], int]:
        rules = self._policy.rules_for(host, port)
        if not rules:
            raise self._refused("not_allowed", f"The host {host} is not among the allowed push hosts.")
        override_ = self._policy.override_for(host, port)
        if override_ is not None:
            return [override_.address], override_.address_port
        addresses = (await self._lookup(host, port))[:EGRESS_ADDRESSES_MAX]
        if not all(any(rule.permits(address) for rule in rules) for address in addresses):
            raise self._refused("address", f"The name {host} leads to an address that is not public.")
        return addresses, port

    def _refused(self, rule: Rule, sentence: str) -> EgressRefused:
        self._policy.on_refused(rule)
        return EgressRefused(rule, sentence)


async def system_lookup(host: str, port: int) -> list[str]:
    """The addresses that the operating system finds for a name, IPv6 and IPv4, without repeats."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def parse_allow(entry: str) -> AllowRule:
    """The rule in `host`, `*.suffix`, `host:port`, each with an optional `+private`.

    Raises:
        ValueError: a sentence that names the entry and says what is wrong with it.
    """
    bare = entry.strip()
    is_private = bare.endswith(_PRIVATE_SUFFIX)
    match = _ENTRY.fullmatch(bare.removesuffix(_PRIVATE_SUFFIX))
    if match is None:
        raise ValueError(f"{entry!r} is no allowed host: write host, *.suffix or host:port, with +private for a LAN.")
    if match[1] and "." not in match[2]:
        raise ValueError(f"{entry!r} would allow a whole top-level domain: write more of the name.")
    host, port = _host_and_port(entry, match[2], match[3])
    return AllowRule(host, is_suffix=bool(match[1]), port=port, is_private_allowed=is_private)


def parse_resolve(entry: str) -> Override:
    """The override in `host:port=address:port`; an IPv6 address stands in brackets.

    Raises:
        ValueError: a sentence that names the entry and says what is wrong with it.
    """
    match = _RESOLVE.fullmatch(entry.strip())
    if match is None:
        raise ValueError(f"{entry!r} redirects nothing: write host:port=address:port, the address in figures.")
    host, port = _host_and_port(entry, match[1], match[2])
    address = match[3] or match[4]
    if kind_of(address) == "forbidden":
        raise ValueError(f"{entry!r} leads to {address}, where no push service can be.")
    _, address_port = _host_and_port(entry, host, match[5])
    return Override(host, port or 0, address, address_port or 0)


def ssl_context(policy: EgressPolicy) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and host name verified, the policy's CA file trusted besides the system's.

    Raises:
        OSError: the CA file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if policy.ca_file is not None:
        context.load_verify_locations(policy.ca_file)
    return context


def _host_and_port(entry: str, host: str, port: str | None) -> tuple[str, int | None]:
    try:
        name = to_a_labels(host)
        check_host_name(name)
        return name, None if port is None else parse_port(port)
    except EgressRefused as refused:
        raise ValueError(f"{entry!r} cannot be used: {refused}") from None


def _result(host: str, address: str, port: int) -> ResolveResult:
    is_v6 = isinstance(ip_address(address), IPv6Address)
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if is_v6 else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
