"""What Apple hands out, made by ourselves: keys of teams, certificates of apps, tokens of devices."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from gateway.transports.apns import Provider
from gateway.transports.base import Credential
from tests.transports.fakes import NOW_S

BUNDLE = "com.shop.app"
TOKEN = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
DEVICE = {"token": TOKEN, "environment": "production", "bundle_id": BUNDLE}
KEY_ID, TEAM_ID = "ABC123DEFG", "DEF123GHIJ"
SANDBOX_MARK, PRODUCTION_MARK, TOPICS = (f"1.2.840.113635.100.6.3.{number}" for number in (1, 2, 6))


def pem_of(key: Any, password: bytes | None = None) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def p8(**changed: Any) -> dict[str, Any]:
    """The form in which an operator brings a key."""
    form = {"p8": pem_of(ec.generate_private_key(ec.SECP256R1())), "key_id": KEY_ID, "team_id": TEAM_ID}
    return {**form, "bundle_ids": [BUNDLE], **changed}


def credential_of(form: dict[str, Any] | str, *, number: int = 1) -> Credential:
    """It, as the store gives it back."""
    minted = Provider.load(form if isinstance(form, str) else msgspec.json.encode(form).decode(), "")
    return Credential(
        app_id=1, id=number, public_id=number, provider="apns", is_current=True,
        public=minted.public, secret=minted.secret,
    )  # fmt: skip


def topics_der(*topics: str) -> bytes:
    """Apple's extension: a sequence of texts, each followed by a sequence of kinds."""
    kinds = b"\x30\x05\x0c\x03app"
    inner = b"".join(b"\x0c" + bytes([len(topic)]) + topic.encode() + kinds for topic in topics)
    assert len(inner) < 256
    return b"\x30\x81" + bytes([len(inner)]) + inner


def certificate(
    *,
    uid: str | None = BUNDLE,
    marks: tuple[str, ...] = (SANDBOX_MARK, PRODUCTION_MARK),
    topics: bytes | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    days: int = 30,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate for pushes with its key. It ends `days` after the tests' present."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.COMMON_NAME, "Apple Push Services")]
    if uid is not None:
        names.append(x509.NameAttribute(NameOID.USER_ID, uid))
    ends_at = datetime.fromtimestamp(NOW_S, UTC) + timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(names))
        .issuer_name(x509.Name(names[:1]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends_at - timedelta(days=400))
        .not_valid_after(ends_at)
    )
    extensions = {**dict.fromkeys(marks, b"\x05\x00"), **({} if topics is None else {TOPICS: topics})}
    for oid, value in extensions.items():
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()), key


def p12() -> dict[str, str]:
    """A certificate as Keychain exports it, in the form in which an operator brings it. It outlives these tests."""
    leaf, key = certificate(days=4000)
    sealed = serialization.BestAvailableEncryption(b"open sesame")
    data = pkcs12.serialize_key_and_certificates(b"push", key, leaf, None, sealed)
    return {"pkcs12": base64.b64encode(data).decode(), "password": "open sesame"}


def certificate_pem(*certificates: x509.Certificate) -> str:
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)
