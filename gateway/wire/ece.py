"""Encrypts a Web Push body so that only the browser can read it.

Sources: RFC 8188 (aes128gcm content coding), RFC 8291 (its keys for Web Push, section 3.4 and appendix A).
One record, a fresh sender key and a fresh salt for each body. HKDF is five HMACs: each HKDF output we need fits one
SHA-256 block, so "expand" is a single HMAC with counter byte 1.
"""

import os
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.wire.ecdh import IN_USE, POINT_BYTES, parse_point, point_of

RECORD_BYTES: Final = 4096
"""The record size we announce; a push service must take bodies of this size (RFC 8030, section 7.2)."""
AUTH_BYTES: Final = 16
"""The receiver's authentication secret, RFC 8291 section 3.2."""
SALT_BYTES: Final = 16
TAG_BYTES: Final = 16
HEADER_BYTES: Final = SALT_BYTES + 4 + 1 + POINT_BYTES
"""Salt, record size, key length, sender key: RFC 8188 section 2.1."""
PLAINTEXT_BYTES_MAX: Final = RECORD_BYTES - HEADER_BYTES - 1 - TAG_BYTES
"""3,993: the whole body, header included, stays within the 4,096 bytes that each service takes."""

_ECDH: Final = ec.ECDH()
_UNCOMPRESSED: Final = 0x04
_HEADER_TAIL: Final = RECORD_BYTES.to_bytes(4, "big") + bytes([POINT_BYTES])
_KEY_INFO: Final = b"WebPush: info\x00"
_CEK_INFO: Final = b"Content-Encoding: aes128gcm\x00\x01"
_NONCE_INFO: Final = b"Content-Encoding: nonce\x00\x01"
_LAST_RECORD: Final = b"\x02"
_RECORD_BYTES_MIN: Final = 18
_SALTS_DRAWN: Final = 64
_salts: Final[list[bytes]] = []
_BLOCK_BYTES: Final = 64
"""Of SHA-256."""
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
"""Tables for `bytes.translate`: a key with ipad and opad of RFC 2104."""
_NOT_ON_CURVE: Final = "The p256dh key is not a point on the curve P-256."


class Undecipherable(ValueError):
    """The body is no single-record aes128gcm body made for this key."""


class Agreement(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A fresh sender key and what was agreed with one receiver. For one body only, then forget it.

    It needs no content, so it may be made before the message is written: see `agreements`.
    """

    sender_public: bytes
    keying_material: bytes

    def __repr__(self) -> str:
        """Without the secret: such objects end up in tracebacks."""
        return "Agreement()"


def check_receiver(p256dh: bytes, auth: bytes) -> None:
    """Nothing, if a browser may own these keys.

    Raises:
        ValueError: a sentence that says which key is wrong and how.
    """
    _check_shape(p256dh, auth)
    try:
        parse_point(p256dh)
    except ValueError:
        raise ValueError(_NOT_ON_CURVE) from None


def encrypt(plaintext: bytes, *, p256dh: bytes, auth: bytes) -> bytes:
    """The aes128gcm body of `plaintext` for the browser that owns these keys.

    Raises:
        ValueError: wrong keys, or more than `PLAINTEXT_BYTES_MAX` bytes.
    """
    return seal(plaintext, agree(p256dh, auth))


def agree(p256dh: bytes, auth: bytes) -> Agreement:
    """A new sender key, agreed with this receiver. Costs nearly all of the time of an encryption.

    Parsed receivers are not kept: one takes 2 KB, and whoever sends to a million devices meets none of them twice.

    Raises:
        ValueError: a sentence that says which key is wrong and how.
    """
    _check_shape(p256dh, auth)
    try:
        sender_public, secret = IN_USE.agree(p256dh)
    except ValueError:
        raise ValueError(_NOT_ON_CURVE) from None
    return Agreement(sender_public, keying_material(secret, auth, p256dh, sender_public))


def seal(plaintext: bytes, agreement: Agreement, *, salt: bytes | None = None) -> bytes:
    """The aes128gcm body of `plaintext`; use each agreement once. `salt`: 16 random bytes, drawn when None.

    Raises:
        ValueError: more than `PLAINTEXT_BYTES_MAX` bytes.
    """
    if len(plaintext) > PLAINTEXT_BYTES_MAX:
        raise ValueError(f"The payload has {len(plaintext)} bytes; at most {PLAINTEXT_BYTES_MAX} fit a push.")
    salt = salt or _new_salt()
    key, nonce = _record_keys(agreement.keying_material, salt)
    return b"".join((salt, _HEADER_TAIL, agreement.sender_public, IN_USE.seal(key, nonce, plaintext + _LAST_RECORD)))


def _new_salt() -> bytes:
    """16 random bytes, used once. Asking the kernel for each costs more than the AES that they are for."""
    if not _salts:
        drawn = os.urandom(SALT_BYTES * _SALTS_DRAWN)
        _salts.extend(drawn[at : at + SALT_BYTES] for at in range(0, len(drawn), SALT_BYTES))
    return _salts.pop()


def decrypt(body: bytes, *, private_key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What the browser would read in `body`: for the sandbox and for tests.

    Raises:
        Undecipherable: not one record, not for this key, or changed on its way.
    """
    salt, sender_public, record = _split(body)
    try:
        sender = parse_point(sender_public)
    except ValueError:
        raise Undecipherable("The sender key in the header is no point on the curve P-256.") from None
    receiver_public = point_of(private_key.public_key())
    material = keying_material(private_key.exchange(_ECDH, sender), auth, receiver_public, sender_public)
    key, nonce = _record_keys(material, salt)
    try:
        padded = AESGCM(key).decrypt(nonce, record, None)
    except InvalidTag:
        raise Undecipherable("The record was not made for this key, or was changed.") from None
    return _without_padding(padded)


def keying_material(secret: bytes, auth: bytes, receiver_public: bytes, sender_public: bytes) -> bytes:
    """IKM of RFC 8291, section 3.4: what both sides make of the ECDH secret."""
    return _hmac(_hmac(auth, secret), _KEY_INFO + receiver_public + sender_public + b"\x01")


def _record_keys(material: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Content key and nonce of record 0, RFC 8188 sections 2.2 and 2.3."""
    inner, outer = _pads(_hmac(salt, material))
    key = sha256(outer + sha256(inner + _CEK_INFO).digest()).digest()
    nonce = sha256(outer + sha256(inner + _NONCE_INFO).digest()).digest()
    return key[:16], nonce[:12]


def _hmac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104) for keys of up to 64 bytes: `hmac.digest` takes half as long again, five times a body."""
    inner, outer = _pads(key)
    return sha256(outer + sha256(inner + data).digest()).digest()


def _pads(key: bytes) -> tuple[bytes, bytes]:
    padded = key.ljust(_BLOCK_BYTES, b"\x00")
    return padded.translate(_INNER), padded.translate(_OUTER)


def _check_shape(p256dh: bytes, auth: bytes) -> None:
    if len(auth) != AUTH_BYTES:
        raise ValueError(f"The auth secret must be {AUTH_BYTES} bytes, not {len(auth)}.")
    if len(p256dh) != POINT_BYTES:
        raise ValueError(f"The p256dh key must be {POINT_BYTES} bytes, not {len(p256dh)}.")
    if p256dh[0] != _UNCOMPRESSED:
        raise ValueError("The p256dh key must be an uncompressed point: its first byte is 0x04.")


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
