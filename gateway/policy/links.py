"""Links in messages: where a notification may lead, and where its pictures may come from.

A link that a browser reads otherwise than we do is an open redirect. So only plain absolute links pass: http or https,
no user name, no backslash, no control character or space, a host that is on the app's list letter by letter.
"""

from collections.abc import Mapping
from urllib.parse import quote, unquote_plus

from gateway.model.errors import Invalid
from gateway.model.limits import URL_BYTES_MAX
from gateway.wire.urls import EgressRefused, to_a_labels

_ENDS = "/?#"
_HOSTS_TOLD = 5


def check_link(url: str, *, hosts: frozenset[str], param: str) -> None:
    """Raises 422 unless the link leads to one of these hosts."""
    scheme, authority = _parts(url, param)
    host, port = _host_and_port(authority, param)
    plain = host if port in ("", "443" if scheme == "https" else "80") else f"{host}:{port}"
    if plain not in hosts:
        raise Invalid(
            "link_refused",
            f"Links to `{plain[:100]}` are not allowed: {_told(hosts)}.",
            param=param,
        )


def _told(hosts: frozenset[str]) -> str:
    """Which hosts are, as far as a sentence holds them, and where more of them are named."""
    first = ", ".join(sorted(hosts)[:_HOSTS_TOLD])
    more = ", ..." if len(hosts) > _HOSTS_TOLD else ""
    return f"the app's link hosts are {first or 'none'}{more} (`link_hosts` of PATCH /v1/apps/{{id}})"


def check_picture(url: str, *, param: str) -> None:
    """Raises 422 unless it is a plain https address. Any host: browsers fetch pictures, and lead nobody there."""
    scheme, authority = _parts(url, param)
    if scheme != "https":
        raise _refused("A picture's address begins with https://.", param)
    _host_and_port(authority, param)


def check_deep_link(url: str, *, hosts: frozenset[str], schemes: frozenset[str], param: str) -> None:
    """Raises 422 unless it leads into the app: by a scheme of its own, or by a link that passes `check_link`."""
    scheme, colon, rest = url.partition(":")
    if scheme not in schemes or not colon:
        check_link(url, hosts=hosts, param=param)
    elif not rest or len(url.encode("utf-8", "replace")) > URL_BYTES_MAX or not _is_plain(url):
        raise _refused(f"A deep link has at most {URL_BYTES_MAX} bytes, no spaces and no backslashes.", param)


def tagged(url: str, parameters: Mapping[str, str]) -> str:
    """The link with these parameters behind its own. One that it has already stays as it is, and so does its fragment.

    A link that would become too long is given back unchanged: leading somewhere matters more.
    """
    before, sharp, fragment = url.partition("#")
    path, question, query = before.partition("?")
    there = {unquote_plus(pair.partition("=")[0]) for pair in query.split("&")}
    added = [f"{name}={quote(value, safe='')}" for name, value in parameters.items() if name not in there]
    if not added:
        return url
    own = [query.removesuffix("&")] if question and query.strip("&") else []
    link = f"{path}?{'&'.join([*own, *added])}{sharp}{fragment}"
    return link if len(link.encode("utf-8", "replace")) <= URL_BYTES_MAX else url


def _parts(url: str, param: str) -> tuple[str, str]:
    """Scheme and authority of a link without anything that parsers disagree about."""
    if len(url.encode("utf-8", "replace")) > URL_BYTES_MAX:
        raise _refused(f"A link has at most {URL_BYTES_MAX} bytes.", param)
    if not _is_plain(url):
        raise _refused("A link has no spaces, backslashes or control characters.", param)
    scheme, separator, rest = url.partition("://")
    if scheme not in ("https", "http") or not separator:
        raise _refused("A link begins with https:// or http://, in lower case.", param)
    return scheme, rest[: min((at for at in map(rest.find, _ENDS) if at >= 0), default=len(rest))]


def _is_plain(url: str) -> bool:
    return url.isprintable() and " " not in url and "\\" not in url


def _host_and_port(authority: str, param: str) -> tuple[str, str]:
    if "@" in authority:
        raise _refused("A link carries no user name (@).", param)
    host, colon, port = authority.rpartition(":") if ":" in authority else (authority, "", "")
    if not host or (colon and not (port.isascii() and port.isdigit())):
        raise _refused("The link names no host, or no port after the colon.", param)
    if host.isascii():
        return host.lower(), port
    try:
        plain = to_a_labels(host)
    except EgressRefused:
        raise _refused("The host of the link is no host name.", param) from None
    if plain.count(".") != host.count("."):
        raise _refused("The dots of a host are plain dots.", param)
    return plain, port


def _refused(why: str, param: str) -> Invalid:
    return Invalid("link_refused", why, param=param)
