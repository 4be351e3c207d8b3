r"""Reads an address strictly, so that what was checked is what will be contacted.

Lenient URL parsers disagree about `\`, `@`, tabs, unicode dots and `127.1`, and each disagreement was somebody's
way into a private network. This one takes the plain form only, and refuses everything else.
Sources: RFC 3986 (URI), RFC 1123 section 2.1 (host names), RFC 5891 (IDNA), and the "ends in a number" rule of
the WHATWG URL Standard, which says what a client would read as an IPv4 address.
"""

import re
from typing import Final, Literal

import idna
import msgspec

from gateway.model.limits import URL_BYTES_MAX

Rule = Literal[
    "length", "characters", "fragment", "scheme", "userinfo", "ip_literal", "host", "port", "not_allowed", "address"
]
"""Why an address was refused; the label of the metric."""

Scheme = Literal["https", "http"]

HOST_CHARS_MAX: Final = 253
"""RFC 1035 section 2.3.4, without the dot at the end."""
PORT_MAX: Final = 65_535
DEFAULT_PORTS: Final[dict[Scheme, int]] = {"https": 443, "http": 80}

_ORIGIN: Final = re.compile(r"(https?)://([^/?]*)", re.IGNORECASE | re.ASCII)
_AUTHORITY: Final = re.compile(r"([^:]*)(?::([0-9]{1,5}))?", re.ASCII)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PLAIN: Final = bytes(code for code in range(0x21, 0x7F) if chr(code) not in "\\#")
"""What an address may consist of: printable ASCII without space, backslash and fragment."""
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


class EgressRefused(Exception):
    """We do not connect there: `rule` is for counting, the text is a sentence for a person."""

    def __init__(self, rule: Rule, sentence: str) -> None:
        super().__init__(sentence)
        self.rule: Rule = rule


class Origin(msgspec.Struct, frozen=True):
    """Scheme, host (lower-case, A-labels) and port of an address."""

    scheme: Scheme
    host: str
    port: int

    @property
    def text(self) -> str:
        """As RFC 6454 section 6.2 writes it: a default port is left out."""
        if self.port == DEFAULT_PORTS[self.scheme]:
            return f"{self.scheme}://{self.host}"
        return f"{self.scheme}://{self.host}:{self.port}"


def split_url(url: str) -> tuple[str, str]:
    """The origin part as written, unread, and path with query ("/" if there is none).

    On the path of each message: it makes only the checks that a path could fail.

    Raises:
        EgressRefused: too long, or a character that no push endpoint needs and parsers disagree about.
    """
    if len(url) > URL_BYTES_MAX:
        raise EgressRefused("length", f"The address is longer than {URL_BYTES_MAX} characters.")
    if not url.isascii() or url.encode().translate(None, delete=_PLAIN):
        raise _unfit(url)
    slash = url.find("/", len("https://"))
    return (url, "/") if slash < 0 else (url[:slash], url[slash:])


def _unfit(url: str) -> EgressRefused:
    if url.isascii() and not url.encode().translate(None, delete=_PLAIN + b"#"):
        return EgressRefused("fragment", "The address has a fragment (#).")
    return EgressRefused("characters", "The address has a space, a backslash, or a character outside ASCII.")


def parse_origin(text: str) -> Origin:
    """The origin in `https://host`, `https://host:port` or the same with http.

    Raises:
        EgressRefused: anything else, IP addresses in any spelling among it.
    """
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise EgressRefused("scheme", "The address does not begin with https:// and a host.")
    scheme: Scheme = "https" if match[1].lower() == "https" else "http"
    authority = match[2].lower()
    if "@" in authority:
        raise EgressRefused("userinfo", "The address carries a user name (@).")
    if authority.startswith("["):
        raise EgressRefused("ip_literal", "The address names an IP address instead of a host.")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise EgressRefused("port", "The port of the address is no number.")
    check_host_name(parts[1])
    return Origin(scheme, parts[1], DEFAULT_PORTS[scheme] if parts[2] is None else parse_port(parts[2]))


def parse_port(text: str) -> int:
    """A TCP port written plainly.

    Raises:
        EgressRefused: no number from 1 to 65,535, or one with leading zeros.
    """
    if _PORT.fullmatch(text) is None or int(text) > PORT_MAX:
        raise EgressRefused("port", f"A port is a number from 1 to {PORT_MAX}.")
    return int(text)


def check_host_name(host: str) -> None:
    """Nothing, if `host` is a host name: lower-case letters, digits and hyphens, each label valid IDNA.

    A dot at the end is refused: it names the same machine, but neither the certificate's name nor the
    audience of a signature.

    Raises:
        EgressRefused: what is wrong with it.
    """
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]) or (not labels[-1] and _NUMBER.fullmatch(labels[-2] if labels[1:] else "")):
        raise EgressRefused("ip_literal", "The address names an IP address instead of a host.")
    if len(host) > HOST_CHARS_MAX or not all(map(_LABEL.fullmatch, labels)):
        raise EgressRefused("host", "The host of the address is not a plain host name.")
    if any(label.startswith("xn--") for label in labels) and to_a_labels(host) != host:
        raise EgressRefused("host", "The host of the address is not valid IDNA.")


def to_a_labels(host: str) -> str:
    """A host name as operators may write it, in the form that DNS and certificates use.

    Raises:
        EgressRefused: not valid IDNA (RFC 5891).
    """
    try:
        return idna.encode(idna.decode(host.lower()), uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        raise EgressRefused("host", "The host name is not valid IDNA.") from None
