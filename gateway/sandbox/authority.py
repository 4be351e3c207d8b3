"""A throw-away certificate authority, so that https push services can be played on loopback.

The authority's private key never leaves memory and is dropped once the leaf is signed: nobody can use the CA file
that lies on disk to vouch for anything else. Validity is two days, names are fixed.
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
_LEAF_NAMES: Final = (*PUSH_NAMES, "localhost")
_LIFE: Final = timedelta(days=2)


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """Where the authority's certificate lies, and a server context whose certificate it signed."""

    ca_path: Path
    server_context: ssl.SSLContext


def make_authority(directory: Path, *, now: datetime) -> Authority:
    """A fresh authority and a leaf for the push names, localhost and 127.0.0.1, written into `directory`."""
    ca_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _ca(ca_key, now)
    leaf = _leaf(leaf_key, ca_key, ca, now, names=_LEAF_NAMES)
    ca_path, chain_path = directory / "sandbox-ca.pem", directory / "sandbox-leaf.pem"
    ca_path.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain_path.touch(mode=0o600)
    chain_path.write_bytes(_private_pem(leaf_key) + leaf.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain_path)
    # The push services are spoken to in HTTP/1.1 here; Chromium's MCS connection offers no ALPN at all.
    context.set_alpn_protocols(["http/1.1"])
    return Authority(ca_path=ca_path, server_context=context)


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
