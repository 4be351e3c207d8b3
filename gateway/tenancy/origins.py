"""Which pages and links are an app's: origins exactly as browsers spell them, hosts as they stand in links.

Sources: RFC 6454 section 6.2 (how an Origin header is written), RFC 5891 (IDNA), W3C Secure Contexts section 3.1 (which
origins do without TLS).
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from gateway.model.errors import Invalid
from gateway.model.limits import LINK_HOSTS_PER_APP_MAX, ORIGIN_CHARS_MAX, ORIGINS_PER_APP_MAX
from gateway.wire.urls import DEFAULT_PORTS, EgressRefused, check_host_name, parse_port, to_a_labels

_ORIGIN: Final = re.compile(r"(https?)://([^/]+)", re.IGNORECASE)
_HOST: Final = re.compile(r"(\[::1\]|[^/:?#@\\\[\]\s]+)(?::([0-9]+))?", re.ASCII)


def check_origins(origins: Iterable[str]) -> list[str]:
    """Every origin once, each checked by `check_origin`. Raises `Invalid`."""
    checked = list(dict.fromkeys(check_origin(origin) for origin in origins))
    if len(checked) > ORIGINS_PER_APP_MAX:
        raise Invalid("field_invalid", f"An app has at most {ORIGINS_PER_APP_MAX} origins.", param="origins")
    return checked


def check_origin(text: str) -> str:
    """`text`, if it is an origin as browsers spell it in the Origin header: `https://host`, `https://host:port`.

    http is for this machine only (browsers give push to nobody else without TLS). Raises `Invalid`
    (`origin_invalid`) with the right spelling where there is one.
    """
    form = _ORIGIN.fullmatch(text) if len(text) <= ORIGIN_CHARS_MAX else None
    if form is None:
        raise _wrong_origin(text, "an origin is https://host or https://host:port, without a path")
    scheme = "https" if form[1].lower() == "https" else "http"
    host, port = _host_and_port(form[2], text)
    if scheme == "http" and not _is_this_machine(host):
        raise _wrong_origin(text, "only pages of this machine can do without https")
    canonical = f"{scheme}://{host}" if port in (None, DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"
    if canonical != text:
        raise _wrong_origin(text, f"browsers spell it {canonical}")
    return text


def check_link_hosts(hosts: Iterable[str]) -> list[str]:
    """Every `host` or `host:port` once, lower-case and punycode. Raises `Invalid`."""
    checked: list[str] = []
    for text in dict.fromkeys(hosts):
        host, port = _host_and_port(text, text, param="link_hosts")
        canonical = host if port is None else f"{host}:{port}"
        if canonical != text:
            raise _wrong_origin(text, f"write {canonical}", param="link_hosts")
        checked.append(text)
    if len(checked) > LINK_HOSTS_PER_APP_MAX:
        raise Invalid("field_invalid", f"An app has at most {LINK_HOSTS_PER_APP_MAX} link hosts.", param="link_hosts")
    return checked


def _host_and_port(authority: str, whole: str, *, param: str = "origins") -> tuple[str, int | None]:
    form = _HOST.fullmatch(authority)
    if form is None:
        raise _wrong_origin(whole, "its host is not a plain host name", param=param)
    try:
        host = form[1].lower() if _is_this_machine(form[1].lower()) else to_a_labels(form[1])
        if not _is_this_machine(host):
            check_host_name(host)
        return host, None if form[2] is None else parse_port(form[2])
    except EgressRefused as refused:
        raise _wrong_origin(whole, str(refused).rstrip("."), param=param) from None


def _is_this_machine(host: str) -> bool:
    if host in {"localhost", "[::1]"} or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def _wrong_origin(text: str, why: str, *, param: str = "origins") -> Invalid:
    return Invalid("origin_invalid", f"{text[:100]!r} cannot be used: {why}.", param=param)
