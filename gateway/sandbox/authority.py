"""A throw-away certificate authority, so that https push services can be played on loopback.

The authority's private key never leaves memory and is dropped once the leaf is signed: nobody can use the CA file
that lies on disk to vouch for anything else. Validity is two days, names are fixed. Client certificates, as Apple gives
to apps, come from a second authority whose key lives as long as the sandbox and which nobody but the sandbox trusts.
Sources: RFC 5280 sections 4.2.1.3 (key usage), 4.2.1.6 (names), 4.2.1.9 (basic constraints).
"""

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PUSH_NAMES: Final = (
    "jmt17.google.com",
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "web.push.apple.com",
    "wns2-am3p.notify.windows.com",
)
"""Hosts of endpoints that browsers hand out: Debian's Chromium, Chrome, Firefox, Safari, Edge. Services differ in what
they answer, and a gateway reads an answer by its host."""
GOOGLE_NAMES: Final = ("oauth2.googleapis.com",)
"""Where service accounts get their tokens. `fcm.googleapis.com` is a push name already: it serves browsers too."""
APPLE_NAMES: Final = ("api.push.apple.com", "api.sandbox.push.apple.com", "api.development.push.apple.com")
"""Apple's service for apps; the last one is the second's other name."""
APPLE_PORTS: Final = (443, 2197)
_LEAF_NAMES: Final = (*PUSH_NAMES, *GOOGLE_NAMES, *APPLE_NAMES, "localhost")
_LIFE: Final = timedelta(days=2)
_ENVIRONMENT_OIDS: Final = {
    "sandbox": x509.ObjectIdentifier("1.2.840.113635.100.6.3.1"),
    "production": x509.ObjectIdentifier("1.2.840.113635.100.6.3.2"),
}
_DER_NULL: Final = b"\x05\x00"


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """Where the authority's certificate lies, and server contexts whose certificate it signed."""

    ca_path: Path
    server_context: ssl.SSLContext
    mcs_context: ssl.SSLContext
    """Without ALPN, as Chromium's message connection wants it."""
    apple_context: ssl.SSLContext
    """HTTP/2 only; takes client certificates of `clients`."""
    clients: "ClientAuthority"


class ClientCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A client certificate with its key, both PEM. `fingerprint` is the SHA-256 of its DER form."""

    certificate_pem: str
    key_pem: str
    fingerprint: bytes

    def __repr__(self) -> str:
        """Without the key."""
        return f"ClientCertificate({self.fingerprint.hex()})"


class ClientAuthority:
    """Signs client certificates for apps."""

    def __init__(self, now: datetime) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._now = now
        self._certificate = _ca(self._key, now)

    @property
    def pem(self) -> str:
        """Its certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, bundle: str, *, environments: Sequence[str]) -> ClientCertificate:
        """A certificate for one app, named and marked as Apple does: the bundle in UID, an extension by environment."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, bundle),
                x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {bundle}"),
            ]
        )
        builder = _builder(subject, self._certificate.subject, key.public_key(), self._now).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        for environment in environments:
            mark = x509.UnrecognizedExtension(_ENVIRONMENT_OIDS[environment], _DER_NULL)
            builder = builder.add_extension(mark, critical=False)
        leaf = builder.sign(self._key, hashes.SHA256())
        return ClientCertificate(
            certificate_pem=leaf.public_bytes(serialization.Encoding.PEM).decode(),
            key_pem=_private_pem(key).decode(),
            fingerprint=leaf.fingerprint(hashes.SHA256()),
        )


def make_authority(directory: Path, *, now: datetime) -> Authority:
    """A fresh authority and a leaf for the push names, localhost and 127.0.0.1, written into `directory`."""
    ca_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _ca(ca_key, now)
    leaf = _leaf(leaf_key, ca_key, ca, now, names=_LEAF_NAMES)
    ca_path, chain_path = directory / "sandbox-ca.pem", directory / "sandbox-leaf.pem"
    ca_path.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain_path.touch(mode=0o600)
    chain_path.write_bytes(_private_pem(leaf_key) + leaf.public_bytes(serialization.Encoding.PEM))
    clients = ClientAuthority(now)
    return Authority(
        ca_path=ca_path,
        server_context=_context(chain_path, ["h2", "http/1.1"]),
        mcs_context=_context(chain_path, []),
        apple_context=_context(chain_path, ["h2"], client_ca=clients.pem),
        clients=clients,
    )


def _context(chain_path: Path, protocols: list[str], *, client_ca: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain_path)
    if protocols:
        context.set_alpn_protocols(protocols)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=client_ca)
    return context


def _ca(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Steeple sandbox, trust it nowhere else")])
    return (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePrivateKey,
    ca_key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    now: datetime,
    *,
    names: Sequence[str],
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Steeple sandbox")])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    return (
        _builder(subject, ca.subject, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - timedelta(hours=1))
        .not_valid_after(now.astimezone(UTC) + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
