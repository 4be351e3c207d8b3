"""Encrypts a Web Push body so that only the browser can read it.

Sources: RFC 8188 (aes128gcm content coding), RFC 8291 (its keys for Web Push, section 3.4 and appendix A).
One record, a fresh sender key and a fresh salt for each body. HKDF is five one-shot HMACs of the standard
library: each HKDF output we need fits one SHA-256 block, so "expand" is a single HMAC with counter byte 1.
"""

import hmac
import os
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_BYTES: Final = 4096
"""The record size we announce; a push service must take bodies of this size (RFC 8030, section 7.2)."""
POINT_BYTES: Final = 65
"""An uncompressed P-256 point: 0x04, x, y."""
AUTH_BYTES: Final = 16
"""The receiver's authentication secret, RFC 8291 section 3.2."""
SALT_BYTES: Final = 16
TAG_BYTES: Final = 16
HEADER_BYTES: Final = SALT_BYTES + 4 + 1 + POINT_BYTES
"""Salt, record size, key length, sender key: RFC 8188 section 2.1."""
PLAINTEXT_BYTES_MAX: Final = RECORD_BYTES - HEADER_BYTES - 1 - TAG_BYTES
"""3,993: the whole body, header included, stays within the 4,096 bytes that each service takes."""

_CURVE: Final = ec.SECP256R1()
_ECDH: Final = ec.ECDH()
_UNCOMPRESSED: Final = 0x04
_HEADER_TAIL: Final = RECORD_BYTES.to_bytes(4, "big") + bytes([POINT_BYTES])
_KEY_INFO: Final = b"WebPush: info\x00"
_CEK_INFO: Final = b"Content-Encoding: aes128gcm\x00\x01"
_NONCE_INFO: Final = b"Content-Encoding: nonce\x00\x01"
_LAST_RECORD: Final = b"\x02"
_RECORD_BYTES_MIN: Final = 18


class Undecipherable(ValueError):
    """The body is no single-record aes128gcm body made for this key."""


class Receiver(msgspec.Struct, frozen=True, eq=False):
    """One browser's keys, checked and parsed; keeping it saves 5 us a message."""

    key: ec.EllipticCurvePublicKey
    public: bytes
    auth: bytes


class Agreement(msgspec.Struct, frozen=True, eq=False):
    """A fresh sender key and what was agreed with one receiver. For one body only, then forget it.

    It needs no content, so it may be made before the message is written: then a body costs 4 us.
    """

    sender_public: bytes
    keying_material: bytes

    def __repr__(self) -> str:
        """Without the secret: such objects end up in tracebacks."""
        return "Agreement()"


def parse_receiver(p256dh: bytes, auth: bytes) -> Receiver:
    """The keys of one subscription, ready for `agree`.

    Raises:
        ValueError: a sentence that says which key is wrong and how.
    """
    if len(auth) != AUTH_BYTES:
        raise ValueError(f"The auth secret must be {AUTH_BYTES} bytes, not {len(auth)}.")
    if len(p256dh) != POINT_BYTES:
        raise ValueError(f"The p256dh key must be {POINT_BYTES} bytes, not {len(p256dh)}.")
    if p256dh[0] != _UNCOMPRESSED:
        raise ValueError("The p256dh key must be an uncompressed point: its first byte is 0x04.")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, p256dh)
    except ValueError:
        raise ValueError("The p256dh key is not a point on the curve P-256.") from None
    return Receiver(key, p256dh, auth)


def check_receiver(p256dh: bytes, auth: bytes) -> None:
    """Nothing, if a browser may own these keys.

    Raises:
        ValueError: a sentence that says which key is wrong and how.
    """
    parse_receiver(p256dh, auth)


def encrypt(plaintext: bytes, *, p256dh: bytes, auth: bytes) -> bytes:
    """The aes128gcm body of `plaintext` for the browser that owns these keys.

    Raises:
        ValueError: wrong keys, or more than `PLAINTEXT_BYTES_MAX` bytes.
    """
    return seal(plaintext, agree(parse_receiver(p256dh, auth)))


def agree(receiver: Receiver) -> Agreement:
    """A new sender key, agreed with this receiver. Costs nearly all of the time of an encryption."""
    return _agree_with(receiver, ec.generate_private_key(_CURVE))


def seal(plaintext: bytes, agreement: Agreement) -> bytes:
    """The aes128gcm body of `plaintext`; use each agreement once.

    Raises:
        ValueError: more than `PLAINTEXT_BYTES_MAX` bytes.
    """
    if len(plaintext) > PLAINTEXT_BYTES_MAX:
        raise ValueError(f"The payload has {len(plaintext)} bytes; at most {PLAINTEXT_BYTES_MAX} fit a push.")
    return _seal_with(plaintext, agreement, os.urandom(SALT_BYTES))


def decrypt(body: bytes, *, private_key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What the browser would read in `body`: for the sandbox and for tests.

    Raises:
        Undecipherable: not one record, not for this key, or changed on its way.
    """
    salt, sender_public, record = _split(body)
    try:
        sender = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, sender_public)
    except ValueError:
        raise Undecipherable("The sender key in the header is no point on the curve P-256.") from None
    receiver_public = _public_bytes(private_key.public_key())
    material = _keying_material(private_key.exchange(_ECDH, sender), auth, receiver_public, sender_public)
    key, nonce = _record_keys(material, salt)
    try:
        padded = AESGCM(key).decrypt(nonce, record, None)
    except InvalidTag:
        raise Undecipherable("The record was not made for this key, or was changed.") from None
    return _without_padding(padded)


def _agree_with(receiver: Receiver, sender: ec.EllipticCurvePrivateKey) -> Agreement:
    sender_public = _public_bytes(sender.public_key())
    secret = sender.exchange(_ECDH, receiver.key)
    return Agreement(sender_public, _keying_material(secret, receiver.auth, receiver.public, sender_public))


def _seal_with(plaintext: bytes, agreement: Agreement, salt: bytes) -> bytes:
    key, nonce = _record_keys(agreement.keying_material, salt)
    record = AESGCM(key).encrypt(nonce, plaintext + _LAST_RECORD, None)
    return b"".join((salt, _HEADER_TAIL, agreement.sender_public, record))


def _keying_material(secret: bytes, auth: bytes, receiver_public: bytes, sender_public: bytes) -> bytes:
    """IKM of RFC 8291, section 3.4."""
    mixed = hmac.digest(auth, secret, "sha256")
    return hmac.digest(mixed, _KEY_INFO + receiver_public + sender_public + b"\x01", "sha256")


def _record_keys(material: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Content key and nonce of record 0, RFC 8188 sections 2.2 and 2.3."""
    mixed = hmac.digest(salt, material, "sha256")
    return hmac.digest(mixed, _CEK_INFO, "sha256")[:16], hmac.digest(mixed, _NONCE_INFO, "sha256")[:12]


def _public_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _split(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Salt, sender key and the one record."""
    if len(body) < HEADER_BYTES + TAG_BYTES + 1:
        raise Undecipherable(f"A body of {len(body)} bytes is too short for an aes128gcm header and a record.")
    record_bytes = int.from_bytes(body[SALT_BYTES : SALT_BYTES + 4], "big")
    if record_bytes < _RECORD_BYTES_MIN or body[SALT_BYTES + 4] != POINT_BYTES:
        raise Undecipherable("The aes128gcm header names an impossible record size or no P-256 sender key.")
    record = body[HEADER_BYTES:]
    if len(record) > record_bytes:
        raise Undecipherable("The body has more than one record; Web Push allows one (RFC 8291, section 4).")
    return body[:SALT_BYTES], body[SALT_BYTES + 5 : HEADER_BYTES], record


def _without_padding(padded: bytes) -> bytes:
    plaintext = padded.rstrip(b"\x00")
    if not plaintext.endswith(_LAST_RECORD):
        raise Undecipherable("The record does not end as a last record does (0x02, then zeros).")
    return plaintext[:-1]
