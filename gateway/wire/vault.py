"""Seals secrets at rest: private keys, service-account files, webhook secrets.

AES-256-GCM (NIST SP 800-38D) under a master key that never enters the database. A sealed value is
`version (1) | key fingerprint (8) | nonce (12) | ciphertext | tag (16)`. The context (such as "app_1/vapid/3")
is authenticated with it, so that a value copied into another row does not open there. Nonces are random: one
key seals far fewer than the 2^32 values for which that is safe.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.model.limits import MASTER_KEY_FILE_BYTES_MAX, MASTER_KEYS_MAX
from gateway.wire.base64url import decode_base64url, encode_base64url

MASTER_KEY_BYTES: Final = 32
FINGERPRINT_BYTES: Final = 8
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

_VERSION: Final = b"\x01"
_HEAD_BYTES: Final = len(_VERSION) + FINGERPRINT_BYTES
_DISTINCT_BYTES_MIN: Final = 16
"""32 random bytes have 30 different values or so, and fewer than 16 never; placeholders such as AAAA... have."""
_FINGERPRINT_DOMAIN: Final = b"steeple master key fingerprint\x00"
_OTHERS: Final = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP


class SealBroken(Exception):
    """The sealed value was changed, cut, or belongs to another row."""


class UnknownMasterKey(Exception):
    """The value was sealed with a key we do not have; `fingerprint` says which."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__(f"This secret was sealed with the master key {fingerprint}, which was not given.")
        self.fingerprint = fingerprint


class Vault:
    """Seals with the current master key; opens with it and with older ones."""

    def __init__(self, current: bytes, older: Iterable[bytes] = ()) -> None:
        """Raises ValueError for a key that is no 32 random bytes."""
        keys = [current, *older]
        if len(keys) > MASTER_KEYS_MAX:
            raise ValueError(f"At most {MASTER_KEYS_MAX} master keys can be given.")
        self._ciphers = {_fingerprint_of(key): AESGCM(key) for key in map(_checked, keys)}
        self._current = _fingerprint_of(current)

    @property
    def fingerprint(self) -> str:
        """Names the current key without telling anything of it: 16 hex digits."""
        return self._current.hex()

    def seal(self, plaintext: bytes, *, context: str) -> bytes:
        """`plaintext`, readable only with the current key and for the same `context`."""
        head = _VERSION + self._current
        nonce = os.urandom(NONCE_BYTES)
        return head + nonce + self._ciphers[self._current].encrypt(nonce, plaintext, head + context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """What was sealed for this `context`.

        Raises:
            UnknownMasterKey: it needs a key that was not given.
            SealBroken: it was changed, cut, or sealed for another context.
        """
        fingerprint = _fingerprint_in(sealed)
        cipher = self._ciphers.get(fingerprint)
        if cipher is None:
            raise UnknownMasterKey(fingerprint.hex())
        nonce, locked = sealed[_HEAD_BYTES : _HEAD_BYTES + NONCE_BYTES], sealed[_HEAD_BYTES + NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, locked, sealed[:_HEAD_BYTES] + context.encode())
        except InvalidTag:
            raise SealBroken(f"The sealed value of {context} was changed or belongs elsewhere.") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the current key sealed it, so that `rewrap` has nothing to do.

        Raises:
            SealBroken: it is no sealed value.
        """
        return _fingerprint_in(sealed) == self._current

    def rewrap(self, sealed: bytes, *, context: str) -> bytes:
        """The same secret under the current key; raises what `open` raises."""
        return self.seal(self.open(sealed, context=context), context=context)


def sealed_fingerprint(sealed: bytes) -> str:
    """Which master key opens this value.

    Raises:
        SealBroken: it is no sealed value.
    """
    return _fingerprint_in(sealed).hex()


def generate_master_key() -> bytes:
    """32 random bytes."""
    return os.urandom(MASTER_KEY_BYTES)


def parse_master_key(text: str) -> bytes:
    """The key in base64url text, as the setting and the key file hold it.

    Raises:
        ValueError: a sentence that says what is wrong; it never quotes the text.
    """
    try:
        key = decode_base64url(text.strip())
    except ValueError:
        raise ValueError("A master key is base64url text.") from None
    return _checked(key)


def format_master_key(key: bytes) -> str:
    """The text that `parse_master_key` reads."""
    return encode_base64url(key)


def read_key_file(path: Path) -> bytes:
    """The master key in this file, if nobody but us (and root) can read or change it.

    Group readers are tolerated in one case: a file of root that we read as somebody else, which is how
    container platforms hand a secret to a process.

    Raises:
        ValueError: a sentence that says what is wrong and how to mend it.
        OSError: there is no such file, or it cannot be read.
    """
    with path.open("rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError(f"The master key file {path} is not a regular file.")
        if not _is_private(facts, os.geteuid()):
            raise ValueError(f"The master key file {path} can be used by other people: run chmod 600 on it.")
        text = file.read(MASTER_KEY_FILE_BYTES_MAX + 1)
    if len(text) > MASTER_KEY_FILE_BYTES_MAX:
        raise ValueError(f"The master key file {path} holds more than a key.")
    try:
        return parse_master_key(text.decode("ascii", "replace"))
    except ValueError as wrong:
        raise ValueError(f"The master key file {path} cannot be used. {wrong}") from None


def write_key_file(path: Path, key: bytes) -> None:
    """Writes a new key file that only we can read, safely on disk when this returns.

    Raises:
        FileExistsError: there is one; a key that seals something must not be overwritten.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(format_master_key(key).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Puts the new name on disk too, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_private(facts: os.stat_result, our_uid: int) -> bool:
    if facts.st_uid not in {our_uid, 0} or facts.st_mode & _OTHERS:
        return False
    is_handed_by_root = facts.st_uid == 0 and our_uid != 0
    return is_handed_by_root or not facts.st_mode & stat.S_IRGRP


def _checked(key: bytes) -> bytes:
    if len(key) != MASTER_KEY_BYTES:
        raise ValueError(f"A master key has {MASTER_KEY_BYTES} bytes (43 characters of base64url), not {len(key)}.")
    if len(set(key)) < _DISTINCT_BYTES_MIN:
        raise ValueError(
            "This master key is not random: use 32 random bytes, as `openssl rand -base64 32` prints them."
        )
    return key


def _fingerprint_of(key: bytes) -> bytes:
    return hashlib.sha256(_FINGERPRINT_DOMAIN + key).digest()[:FINGERPRINT_BYTES]


def _fingerprint_in(sealed: bytes) -> bytes:
    if len(sealed) < _HEAD_BYTES + NONCE_BYTES + TAG_BYTES or sealed[:1] != _VERSION:
        raise SealBroken("This is no sealed value.")
    return sealed[1:_HEAD_BYTES]
