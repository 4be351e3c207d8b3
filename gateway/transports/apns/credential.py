"""What Apple admits a sender by: the key of a team (`.p8`), or the certificate of an app.

Sources: Apple, "Establishing a token-based connection to APNs" and "Establishing a certificate-based connection to
APNs"; the extensions of certificates from Apple's WWDR certification practice statement (arc 1.2.840.113635.100.6.3).
Whatever is wrong is said in a sentence that never quotes the material.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from msgspec import Meta

from gateway.model.errors import Invalid
from gateway.wire.exchange import TlsIdentity
from gateway.wire.jwt import read_signing_key

Environment = Literal["production", "sandbox"]
ENVIRONMENTS: Final[tuple[Environment, ...]] = get_args(Environment)
BUNDLE_IDS_MAX: Final = 100
"""Apps of one key; a team has rarely more than a few."""
_ID = Annotated[str, Meta(pattern=r"^[A-Z0-9]{10}$")]
BUNDLE_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,153}[A-Za-z0-9])?", re.ASCII)
"""Letters, digits, hyphens, dots; App Store Connect takes at most 155 characters."""

_SANDBOX_MARK: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.3.1")
_PRODUCTION_MARK: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.3.2")
_TOPICS: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.3.6")
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
_SEQUENCE: Final = 0x30
_UTF8_STRING: Final = 0x0C
_LONG_FORM: Final = 0x80
_HOW: Final = (
    "Give JSON with `p8` (the text of the .p8 file), `key_id`, `team_id` and `bundle_ids`; or with `certificate` "
    "(PEM, with its key); or with `pkcs12` (base64) and `password`."
)


class _KeyForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key as the operator brings it, and as it is stored."""

    p8: str
    key_id: _ID
    team_id: _ID
    bundle_ids: Annotated[tuple[str, ...], Meta(min_length=1, max_length=BUNDLE_IDS_MAX)]
    environments: Annotated[tuple[Environment, ...], Meta(min_length=1, max_length=2)] = ENVIRONMENTS


class _CertificateForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A certificate as the operator brings it; stored as `certificate` and `key`, unencrypted PEM."""

    certificate: str = ""
    key: str = ""
    pkcs12: str = ""
    password: str | None = None


_Form = TypeVar("_Form", _KeyForm, _CertificateForm)


class Signing(msgspec.Struct, frozen=True, eq=False):
    """The key of a team, with the two ids that its tokens name."""

    key_id: str
    team_id: str
    key: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        """Without the key: such objects end up in tracebacks."""
        return f"Signing({self.team_id}, {self.key_id})"


class Access(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A credential, read. It has either a `signing` key or a TLS `identity`.

    `name` is what its tokens and connections are known by. It holds a hash of the key: whoever claims somebody else's
    team must not get at that team's tokens.
    """

    name: str
    topics: frozenset[str]
    """Bundle ids; of a certificate all topics, such as `com.shop.app.voip`."""
    environments: frozenset[str]
    signing: Signing | None = None
    identity: TlsIdentity | None = None
    expires_at_s: float | None = None
    """Unix seconds."""

    def topic(self, bundle_id: str, ending: str, environment: str) -> str | None:
        """The topic of pushes to this app whose type has this ending; None where the credential does not cover it."""
        wanted = bundle_id if self.signing is not None else bundle_id + ending
        return bundle_id + ending if wanted in self.topics and environment in self.environments else None


def load(raw: str) -> tuple[dict[str, Any], bytes]:
    """What operators may see of a credential, and what is to be sealed. Raises `Invalid`."""
    text = raw.strip()
    if text.startswith("{"):
        return _loaded(_fields_in(text))
    if "BEGIN CERTIFICATE" in text:
        return _loaded({"certificate": text})
    if "PRIVATE KEY" in text:
        raise _wrong(f"A key alone is not enough: Apple wants to know whose it is. {_HOW}")
    raise _wrong(f"This is no credential for Apple's push service. {_HOW}")


def access_of(secret: bytes) -> Access:
    """The credential that `load` sealed. Raises `ValueError` for anything else."""
    fields = msgspec.json.decode(secret, type=dict[str, Any])
    return _access_by_key(_form(fields, _KeyForm)) if "p8" in fields else _access_by_certificate(fields)


def _loaded(fields: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    if "p8" in fields:
        return _loaded_key(_form(fields, _KeyForm))
    if "certificate" in fields or "pkcs12" in fields:
        return _loaded_certificate(_form(fields, _CertificateForm))
    raise _wrong(_HOW)


def _fields_in(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _wrong(f"The JSON cannot be read. {_HOW}") from None


def _form(fields: Mapping[str, Any], kind: type[_Form]) -> _Form:
    try:
        return msgspec.convert(dict(fields), kind)
    except msgspec.ValidationError as fault:
        said, _, path = str(fault).partition(" - at `$")
        field = path.strip(".`").partition("[")[0]
        raise _wrong(f"{_RULES.get(field) or said[:120] + '.'}") from None


_RULES: Final = {
    "p8": "`p8` is the text of the .p8 file.",
    "key_id": "`key_id` is the 10 characters that Apple shows beside the key; they are in the file's name as well.",
    "team_id": "`team_id` is the 10 characters that Apple shows under Membership details.",
    "bundle_ids": f"`bundle_ids` is a list of 1 to {BUNDLE_IDS_MAX} apps, such as com.shop.app.",
    "environments": "`environments` is a list of `production`, `sandbox` or both.",
}


# --- keys -------------------------------------------------------------------------------------------------------------


def _loaded_key(form: _KeyForm) -> tuple[dict[str, Any], bytes]:
    form = msgspec.structs.replace(
        form,
        p8=form.p8.strip() + "\n",
        bundle_ids=tuple(dict.fromkeys(form.bundle_ids)),
        environments=tuple(one for one in ENVIRONMENTS if one in form.environments),
    )
    for bundle_id in form.bundle_ids:
        if BUNDLE_ID.fullmatch(bundle_id) is None:
            raise _wrong("A bundle id has letters, digits, dots and hyphens, such as com.shop.app.")
    try:
        key = read_signing_key(form.p8.encode(), "ES256")
    except ValueError as fault:
        raise _wrong(f"`p8` is not what Apple hands out. {fault}") from None
    public = {
        "key_id": form.key_id,
        "team_id": form.team_id,
        "bundle_ids": list(form.bundle_ids),
        "environments": list(form.environments),
        "fingerprint": _fingerprint(key.public_key()),
    }
    return public, msgspec.json.encode(form)


def _access_by_key(form: _KeyForm) -> Access:
    key = read_signing_key(form.p8.encode(), "ES256")
    return Access(
        name=f"{form.team_id}/{form.key_id}/{_fingerprint(key.public_key())}",
        topics=frozenset(form.bundle_ids),
        environments=frozenset(form.environments),
        signing=Signing(form.key_id, form.team_id, key),
    )


def _fingerprint(key: Any) -> str:
    """32 hexadecimal digits that tell keys apart."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:32]


# --- certificates -----------------------------------------------------------------------------------------------------


def _loaded_certificate(form: _CertificateForm) -> tuple[dict[str, Any], bytes]:
    key, chain = _from_pkcs12(form) if form.pkcs12 else _from_pem(form)
    if chain[0].public_key() != key.public_key():
        raise _wrong("The private key does not belong to the certificate.")
    access = _access_of(chain[0], TlsIdentity(b"", b""))
    if not access.topics or not access.environments:
        raise _wrong("The certificate is none for pushes: it names no app, or neither sandbox nor production.")
    public = {
        "bundle_ids": sorted(access.topics),
        "environments": [one for one in ENVIRONMENTS if one in access.environments],
        "expires_at": chain[0].not_valid_after_utc.isoformat(),
        "fingerprint": access.name,
    }
    pem = serialization.Encoding.PEM
    stored = {
        "certificate": b"".join(one.public_bytes(pem) for one in chain).decode(),
        "key": key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(),
    }
    return public, msgspec.json.encode(stored)


def _from_pkcs12(form: _CertificateForm) -> tuple[Any, list[x509.Certificate]]:
    password = None if form.password is None else form.password.encode()
    try:
        data = base64.b64decode(form.pkcs12, validate=True)
        key, leaf, others = pkcs12.load_key_and_certificates(data, password)
    except binascii.Error:
        raise _wrong("`pkcs12` is the .p12 file in base64.") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _wrong(
            "The PKCS 12 file cannot be opened: the password is wrong, or it is encrypted in an old way that OpenSSL "
            "no longer reads. `openssl pkcs12 -legacy -nodes -in file.p12` makes PEM of it."
        ) from None
    if key is None or leaf is None:
        raise _wrong("The PKCS 12 file lacks the certificate or its private key.")
    return key, [leaf, *others]


def _from_pem(form: _CertificateForm) -> tuple[Any, list[x509.Certificate]]:
    found = _PRIVATE_KEY.search(form.key or form.certificate)
    if found is None:
        raise _wrong("The private key of the certificate is missing: add it to the PEM text, or as `key`.")
    try:
        key = serialization.load_pem_private_key(
            found[0].encode(), None if form.password is None else form.password.encode()
        )
        chain = x509.load_pem_x509_certificates(form.certificate.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _wrong(
            "The certificate or its key cannot be read: damaged, or encrypted with another password."
        ) from None
    public = key.public_key()
    chain.sort(key=lambda one: one.public_key() != public)
    return key, chain


def _access_by_certificate(fields: Mapping[str, Any]) -> Access:
    certificate, key = str(fields["certificate"]).encode(), str(fields["key"]).encode()
    return _access_of(x509.load_pem_x509_certificate(certificate), TlsIdentity(certificate, key))


def _access_of(leaf: x509.Certificate, identity: TlsIdentity) -> Access:
    extensions = {one.oid: one.value for one in leaf.extensions}
    named = extensions.get(_TOPICS)
    topics = [] if not isinstance(named, x509.UnrecognizedExtension) else _topics_in(named.value)
    user_ids = leaf.subject.get_attributes_for_oid(NameOID.USER_ID)
    marks = {_SANDBOX_MARK: "sandbox", _PRODUCTION_MARK: "production"}
    environments = [word for oid, word in marks.items() if oid in extensions]
    if not environments and topics:
        environments = [*ENVIRONMENTS]
    return Access(
        name=hashlib.sha256(leaf.public_bytes(serialization.Encoding.DER)).hexdigest()[:32],
        topics=frozenset(topics or [str(one.value) for one in user_ids]),
        environments=frozenset(environments),
        identity=identity,
        expires_at_s=leaf.not_valid_after_utc.timestamp(),
    )


def _topics_in(der: bytes) -> list[str]:
    """The texts in a sequence of (UTF8String, sequence of kinds), as Apple lists the topics of a certificate."""
    outer = next(_elements(der), None)
    if outer is None or outer[0] != _SEQUENCE:
        return []
    return [value.decode("utf-8", "replace") for tag, value in _elements(outer[1]) if tag == _UTF8_STRING]


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and contents, one after the other, as far as they are whole."""
    at = 0
    while at + 2 <= len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & _LONG_FORM:
            count = length & ~_LONG_FORM
            length = int.from_bytes(der[at : at + count], "big")
            at += count
        if at + length > len(der):
            return
        yield tag, der[at : at + length]
        at += length


def _wrong(sentence: str) -> Invalid:
    return Invalid("key_material_invalid", sentence, param="private_key")
