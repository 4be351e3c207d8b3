"""Agrees on a secret with a browser's key: ECDH on P-256, each time with a key of our own that is new and thrown away.

`cryptography` is always there. `qh3` (the extra `fast`) brings AWS-LC, which needs a third less time for a message; but
what we need of it stands in a private module of a package made for HTTP/3. So it is used only in the versions that we
know, only after it agreed with `cryptography` on fresh keys, and no longer once it has failed.

Sources: SEC 1 sections 2.3.3 (points as bytes) and 3.2.2.1 (which points are keys), RFC 5116 (AES-GCM).
"""

import importlib
import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

POINT_BYTES: Final = 65
"""An uncompressed P-256 point: 0x04, x, y."""
Mode = Literal["auto", "off"]
"""auto: the fast engine where it is fit for use. off: `cryptography` alone."""

_T = TypeVar("_T")
_CURVE: Final = ec.SECP256R1()
_ECDH: Final = ec.ECDH()
_PACKAGE: Final = "qh3"
_KNOWN_VERSIONS: Final = ("2.1.",)
"""Its private module promises nothing from one version to the next."""
_TESTED_KEYS: Final = 8
_TESTED_SIZES: Final = (1, 16, 300, 3994)
_NO_POINTS: Final = (
    b"",
    b"\x00",
    b"\x04" + bytes(POINT_BYTES - 1),
    b"\x04" + b"\xff" * (POINT_BYTES - 1),
    b"\x04" + bytes(POINT_BYTES - 2) + b"\x01",
)


class Engine(msgspec.Struct, frozen=True, eq=False):
    """One way of computing what a message needs."""

    name: str
    agree: Callable[[bytes], tuple[bytes, bytes]]
    """Another's point -> the point of a new key of ours, and the secret. Raises when theirs is not on the curve."""
    seal: Callable[[bytes, bytes, bytes], bytes]
    """(16-byte key, 12-byte nonce, plaintext) -> AES-GCM ciphertext and tag."""


class Unfit(Exception):
    """Why the fast engine is not used, in a sentence."""


def parse_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """The key at an uncompressed point. Raises `ValueError` if it is not on the curve P-256."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError:
        raise ValueError("The point is not on the curve P-256.") from None


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """A key as an uncompressed point."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _agree(point: bytes) -> tuple[bytes, bytes]:
    theirs = parse_point(point)
    ours = ec.generate_private_key(_CURVE)
    return point_of(ours.public_key()), ours.exchange(_ECDH, theirs)


def _seal(key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    return AESGCM(key).encrypt(nonce, plaintext, None)


PLAIN: Final = Engine("cryptography", _agree, _seal)


def load_fast() -> Engine:
    """The engine of the extra `fast`, once it has been tested.

    Raises:
        Unfit: it is not installed, of a version that nobody tried, or wrong.
    """
    try:
        found = version(_PACKAGE)
    except PackageNotFoundError:
        raise Unfit(f"{_PACKAGE} is not installed (the extra `fast`).") from None
    if not found.startswith(_KNOWN_VERSIONS):
        raise Unfit(f"{_PACKAGE} {found} has not been tried with this version of the gateway.")
    try:
        engine = _engine_of(importlib.import_module(f"{_PACKAGE}._hazmat"), f"{_PACKAGE} {found}")
    except (ImportError, AttributeError) as fault:
        raise Unfit(f"{_PACKAGE} {found} lacks what is needed: {fault}.") from None
    check(engine)
    return engine


def _engine_of(hazmat: Any, name: str) -> Engine:
    """`hazmat`: a module without promises, so that nothing is known of its types."""
    new_pair, new_cipher = hazmat.ECDHP256KeyExchange, hazmat.AeadAes128Gcm

    def agree(point: bytes) -> tuple[bytes, bytes]:
        pair = new_pair()
        return pair.public_key(), pair.exchange(point)

    def seal(key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
        return new_cipher(key, nonce).encrypt_with_nonce(nonce, plaintext, b"")

    return Engine(name, agree, seal)


def check(engine: Engine) -> None:
    """Nothing, if the engine computes on fresh keys what `cryptography` computes, and refuses what are no points.

    Raises:
        Unfit: it does not; the sentence says what.
    """
    try:
        _check_agreeing(engine)
        _check_sealing(engine)
    except Unfit:
        raise
    except BaseException as fault:  # noqa: BLE001 - see _reraise_stop
        _reraise_stop(fault)
        raise Unfit(f"{engine.name} fails: {type(fault).__name__}.") from None


def _check_agreeing(engine: Engine) -> None:
    seen: set[bytes] = set()
    for _ in range(_TESTED_KEYS):
        key = ec.generate_private_key(_CURVE)
        point, secret = engine.agree(point_of(key.public_key()))
        if key.exchange(_ECDH, parse_point(point)) != secret:
            raise Unfit(f"{engine.name} agrees on another secret than cryptography.")
        seen.add(point)
    if len(seen) != _TESTED_KEYS:
        raise Unfit(f"{engine.name} uses a key twice.")
    beside = point_of(ec.generate_private_key(_CURVE).public_key())
    beside = beside[:-1] + bytes([beside[-1] ^ 1])
    for wrong in (*_NO_POINTS, beside):
        if _agrees(engine, wrong):
            raise Unfit(f"{engine.name} takes a point that is not on the curve.")


def _agrees(engine: Engine, point: bytes) -> bool:
    try:
        engine.agree(point)
    except Exception:  # noqa: BLE001 - refusing is what is wanted, whatever it is called there
        return False
    return True


def _check_sealing(engine: Engine) -> None:
    for size in _TESTED_SIZES:
        key, nonce, plaintext = os.urandom(16), os.urandom(12), os.urandom(size)
        if engine.seal(key, nonce, plaintext) != PLAIN.seal(key, nonce, plaintext):
            raise Unfit(f"{engine.name} encrypts other than cryptography.")


def _reraise_stop(fault: BaseException) -> None:
    # A panic in Rust is a BaseException as well, of a class that cannot be imported; only these two must go through.
    if isinstance(fault, (KeyboardInterrupt, SystemExit)):
        raise fault


def _tell_nobody(_why: str) -> None:
    """Where nobody listens."""


class Choice:
    """The engine in use: what was chosen at the start, and `cryptography` from its first failure on."""

    def __init__(self, load: Callable[[], Engine] = load_fast) -> None:
        self._load = load
        self._tell: Callable[[str], None] = _tell_nobody
        self._engine = PLAIN
        self.why = "the fast engine was not asked for"
        """Why `cryptography` is in use, while it is."""

    @property
    def name(self) -> str:
        """What computes now: for logs and figures."""
        return self._engine.name

    def use(self, mode: Mode, *, tell: Callable[[str], None] | None = None) -> str:
        """Chooses; a matter of milliseconds, at the start of a process. Returns the name.

        `tell` hears why, should the engine have to be given up later.
        """
        self._tell = tell or _tell_nobody
        self._engine, self.why = PLAIN, "fast_ecdh is off"
        if mode == "auto":
            try:
                self._engine, self.why = self._load(), ""
            except Unfit as unfit:
                self.why = str(unfit)
        return self.name

    def agree(self, point: bytes) -> tuple[bytes, bytes]:
        """The point of a new key of ours, and the secret it has in common with theirs.

        Raises:
            ValueError: theirs is not on the curve.
        """
        try:
            return self._engine.agree(point)
        except BaseException as fault:  # noqa: BLE001 - see _reraise_stop
            _reraise_stop(fault)
            return self._without(fault, lambda: PLAIN.agree(point))

    def seal(self, key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
        """AES-128-GCM without associated data."""
        try:
            return self._engine.seal(key, nonce, plaintext)
        except BaseException as fault:  # noqa: BLE001 - see _reraise_stop
            _reraise_stop(fault)
            return self._without(fault, lambda: PLAIN.seal(key, nonce, plaintext))

    def _without(self, fault: BaseException, plainly: Callable[[], _T]) -> _T:
        """What `cryptography` says: if it fails as well, the input is wrong and the engine is not."""
        result = plainly()
        if self._engine is not PLAIN:
            self.why = f"{self._engine.name} failed: {type(fault).__name__}"
            self._engine = PLAIN
            self._tell(self.why)
        return result


IN_USE: Final = Choice()
"""The one of this process: `cryptography` until somebody calls `use`."""
