"""Tells a push service who is sending: VAPID keys, and the Authorization header signed with them.

Sources: RFC 8292 (VAPID), RFC 7515/7518 (JWS, ES256). What Apple refuses in `sub` (localhost, .invalid,
spaces, angle brackets: 403 BadJwtToken) comes from field reports, see `check_subject`.
"""

import re
from collections import OrderedDict
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gateway.model.limits import (
    VAPID_HEADER_CHARS_MAX,
    VAPID_ORIGINS_KEPT_MAX,
    VAPID_SUBJECT_CHARS_MAX,
    VAPID_TOKEN_LIFE_S,
    VAPID_TOKEN_LIFE_S_MAX,
    VAPID_TOKEN_RENEW_S_MIN,
)
from gateway.wire.base64url import decode_base64url, encode_base64url
from gateway.wire.urls import EgressRefused, check_host_name, parse_origin

TOKEN_RENEW_S: Final = VAPID_TOKEN_LIFE_S // 2
"""Services may treat a token per message as abuse, and signing costs 25 us; half a life keeps both away."""
CLOCK_SKEW_S: Final = 60
"""What a service's clock may be behind ours."""

_CURVE: Final = ec.SECP256R1()
_CURVE_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SCALAR_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_ES256: Final = ec.ECDSA(SHA256())
_MAIL: Final = re.compile(r"mailto:([A-Za-z0-9.!#$%&'*+/=^_`{|}~-]{1,64})@([A-Za-z0-9.-]{1,255})", re.ASCII)
_PARAMETER: Final = re.compile(r"\s*([tk])=([A-Za-z0-9_.-]+)\s*", re.ASCII)
_UNREACHABLE_DOMAINS: Final = frozenset({"localhost", "local", "invalid", "test"})


class VapidKey(msgspec.Struct, frozen=True, eq=False):
    """One application server key (P-256). Its private half never shows in repr or in an error."""

    private: ec.EllipticCurvePrivateKey
    public: bytes
    """The uncompressed point, 65 bytes: what a page passes as applicationServerKey."""

    @staticmethod
    def generate() -> "VapidKey":
        """A new key."""
        return _key_of(ec.generate_private_key(_CURVE))

    @staticmethod
    def from_pem(pem: bytes) -> "VapidKey":
        """The key in an unencrypted PEM file (PKCS 8 or SEC 1).

        Raises:
            ValueError: a sentence that says what is wrong; it never quotes the file.
        """
        try:
            private = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("This is no unencrypted private key in PEM form.") from None
        if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
            return _key_of(private)
        raise ValueError("A VAPID key must lie on the curve P-256 (prime256v1).")

    @staticmethod
    def from_base64url(text: str) -> "VapidKey":
        """The key whose private scalar (32 bytes, base64url) `npm web-push generate-vapid-keys` prints.

        Raises:
            ValueError: a sentence that says what is wrong; it never quotes the key.
        """
        try:
            scalar = decode_base64url(text.strip())
        except ValueError:
            raise ValueError("The private key is not base64url text.") from None
        if len(scalar) != _SCALAR_BYTES:
            raise ValueError(f"A VAPID private key has {_SCALAR_BYTES} bytes, this one {len(scalar)}.")
        number = int.from_bytes(scalar, "big")
        if not 0 < number < _CURVE_ORDER:
            raise ValueError("The private key is out of range for the curve P-256.")
        return _key_of(ec.derive_private_key(number, _CURVE))

    @property
    def public_base64url(self) -> str:
        """`public` as pages and other tools write it."""
        return encode_base64url(self.public)

    def to_pem(self) -> bytes:
        """The private key, PKCS 8, unencrypted."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def to_base64url(self) -> str:
        """The private scalar, as `from_base64url` reads it."""
        return encode_base64url(self.private.private_numbers().private_value.to_bytes(_SCALAR_BYTES, "big"))

    def __repr__(self) -> str:
        """The public half only."""
        return f"VapidKey({self.public_base64url})"


class Claims(msgspec.Struct, frozen=True):
    """What a verified Authorization header says, and the key that signed it."""

    aud: str
    exp: float
    sub: str
    public: bytes


class AuthorizationInvalid(ValueError):
    """A VAPID header that no push service should take; the text says why."""


class VapidSigner:
    """Makes Authorization headers with one key, one per push-service origin, kept for hours."""

    def __init__(self, key: VapidKey, subject: str) -> None:
        self._key = key
        self._subject = check_subject(subject)
        self._kept: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def authorization(self, origin: str, now_s: float) -> str:
        """`vapid t=<jwt>, k=<key>` for this origin, the same text until half of its life is over.

        `now_s` is Unix time. A clock that was set back by more than a minute makes a new one, because the
        old could then lie more than 24 h ahead.
        """
        kept = self._kept.get(origin)
        if kept is not None and -CLOCK_SKEW_S <= now_s - kept[1] < TOKEN_RENEW_S:
            self._kept.move_to_end(origin)
            return kept[0]
        header = self._sign(origin, now_s)
        self._kept[origin] = (header, now_s)
        self._kept.move_to_end(origin)
        if len(self._kept) > VAPID_ORIGINS_KEPT_MAX:
            self._kept.popitem(last=False)
        return header

    def renewed(self, origin: str, *, refused: str, now_s: float) -> str | None:
        """Another header than the one that a service refused, to try once; None: a fresh one would fare no better.

        A signature can end early where clocks differ; a header that is younger than a minute was refused for another
        reason. So a service that refuses everything costs one signature a minute, not one for each push.
        """
        kept = self._kept.get(origin)
        if kept is not None and kept[0] == refused and now_s - kept[1] >= VAPID_TOKEN_RENEW_S_MIN:
            del self._kept[origin]
        current = self.authorization(origin, now_s)
        return None if current == refused else current

    def _sign(self, origin: str, now_s: float) -> str:
        claims = {"aud": origin, "exp": int(now_s) + VAPID_TOKEN_LIFE_S - CLOCK_SKEW_S, "sub": self._subject}
        signed = f"{_JWT_HEADER}.{encode_base64url(msgspec.json.encode(claims))}"
        r, s = decode_dss_signature(self._key.private.sign(signed.encode(), _ES256))
        signature = encode_base64url(r.to_bytes(_SCALAR_BYTES, "big") + s.to_bytes(_SCALAR_BYTES, "big"))
        return f"vapid t={signed}.{signature}, k={self._key.public_base64url}"


def check_subject(text: str) -> str:
    """`text`, if each known push service takes it as `sub`: a mailto: or https: address of a real host.

    Refused because Apple answers 403 to them: localhost, .invalid, spaces, angle brackets. Refused as well:
    .localhost, .local and .test, which nobody could write to. `.example` stays allowed: RFC 2606 sets it
    aside for documentation, and ours and the demo use it.

    Raises:
        ValueError: a sentence that says what is wrong.
    """
    if len(text) > VAPID_SUBJECT_CHARS_MAX:
        raise ValueError(f"The VAPID subject is longer than {VAPID_SUBJECT_CHARS_MAX} characters.")
    try:
        host = _subject_host(text)
        check_host_name(host)
    except EgressRefused as refused:
        raise ValueError(f"The VAPID subject cannot be used: {refused}") from None
    labels = host.split(".")
    if len(labels) == 1 or labels[-1] in _UNREACHABLE_DOMAINS:
        raise ValueError(f"The VAPID subject names {host!r}, where nobody can be reached; push services refuse it.")
    return text


def verify_authorization(header: str, *, audience: str, now_s: float) -> Claims:
    """What the header says, if a strict push service at the origin `audience` would take it at Unix time `now_s`.

    Raises:
        AuthorizationInvalid: the reason.
    """
    token, public = _parameters(header)
    head, payload, signature = _token_parts(token)
    if head not in ({"typ": "JWT", "alg": "ES256"}, {"alg": "ES256"}):
        raise AuthorizationInvalid("The token's header must say ES256 and nothing unusual.")
    _check_signature(public, token.rpartition(".")[0].encode(), signature)
    try:
        said = msgspec.json.decode(payload, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise AuthorizationInvalid(f"The token's claims are wrong: {wrong}.") from None
    _check_claims(said, audience, now_s)
    return Claims(said.aud, said.exp, said.sub, public)


_JWT_HEADER: Final = encode_base64url(b'{"typ":"JWT","alg":"ES256"}')


class _Said(msgspec.Struct, frozen=True):
    aud: str
    exp: float
    sub: str


def _key_of(private: ec.EllipticCurvePrivateKey) -> VapidKey:
    return VapidKey(private, private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def _subject_host(text: str) -> str:
    mail = _MAIL.fullmatch(text)
    if mail is not None:
        return mail[2].lower()
    if not text.startswith("https://") or re.search(r"[^!-~]|[<>\"\\#]", text):
        raise ValueError("The VAPID subject must be a mailto: or https: address, such as mailto:push@shop.example.")
    end = re.search(r"[/?]", text[8:])
    return parse_origin(text if end is None else text[: 8 + end.start()]).host


def _parameters(header: str) -> tuple[str, bytes]:
    """Token and public key of `vapid t=..., k=...`, in either order."""
    scheme, _, rest = header.partition(" ")
    if len(header) > VAPID_HEADER_CHARS_MAX or scheme.lower() != "vapid":
        raise AuthorizationInvalid("The Authorization header is not of the vapid scheme.")
    found = [_PARAMETER.fullmatch(part) for part in rest.split(",")]
    values = {match[1]: match[2] for match in found if match is not None}
    if len(found) != len(("t", "k")) or values.keys() != {"t", "k"}:
        raise AuthorizationInvalid("The vapid header must hold exactly t and k.")
    return values["t"], _strictly_decoded(values["k"])


def _token_parts(token: str) -> tuple[object, bytes, bytes]:
    parts = token.split(".")
    if len(parts) != len(("header", "claims", "signature")):
        raise AuthorizationInvalid("The token does not have three parts.")
    head, payload, signature = map(_strictly_decoded, parts)
    try:
        return msgspec.json.decode(head), payload, signature
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise AuthorizationInvalid("The token's header is not JSON.") from None


def _strictly_decoded(text: str) -> bytes:
    try:
        return decode_base64url(text)
    except ValueError:
        raise AuthorizationInvalid("A part of the header is not base64url.") from None


def _check_signature(public: bytes, signed: bytes, signature: bytes) -> None:
    if len(signature) != _SIGNATURE_BYTES:
        raise AuthorizationInvalid("The signature is not 64 bytes (r and s).")
    r, s = (int.from_bytes(half, "big") for half in (signature[:_SCALAR_BYTES], signature[_SCALAR_BYTES:]))
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)
        key.verify(encode_dss_signature(r, s), signed, _ES256)
    except (InvalidSignature, ValueError):
        raise AuthorizationInvalid("The signature was not made with the key k.") from None


def _check_claims(said: _Said, audience: str, now_s: float) -> None:
    if said.aud != audience:
        raise AuthorizationInvalid(f"The audience is {said.aud!r}, not {audience!r}.")
    if said.exp <= now_s:
        raise AuthorizationInvalid("The token has expired.")
    if said.exp > now_s + VAPID_TOKEN_LIFE_S_MAX:
        raise AuthorizationInvalid("The token lives longer than 24 hours.")
    try:
        check_subject(said.sub)
    except ValueError as wrong:
        raise AuthorizationInvalid(str(wrong)) from None
