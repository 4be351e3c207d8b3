"""The fast engine is used where it is right, and its faults never reach a message."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from gateway.wire import ecdh
from gateway.wire.ecdh import PLAIN, Choice, Engine, Unfit

BROWSER = ec.generate_private_key(ec.SECP256R1())
POINT = ecdh.point_of(BROWSER.public_key())
OFF_CURVE = b"\x04" + bytes(63) + b"\x01"
KEY, NONCE = bytes(16), bytes(12)


class Panic(BaseException):
    """What a panic in Rust looks like from Python: no Exception."""


def fails(kind: type[BaseException]) -> Callable[..., bytes]:
    def call(*_arguments: object) -> bytes:
        raise kind("x")

    return call


def engine(**changed: Callable[..., object]) -> Engine:
    """An engine that is right but for what is changed."""
    return replace(PLAIN, name="fast 1.0", **changed)


def chosen(found: Engine) -> Choice:
    """In use, as if it had passed its test."""
    choice = Choice(lambda: found)
    assert choice.use("auto") == "fast 1.0"
    return choice


def agrees(choice: Choice) -> bool:
    point, secret = choice.agree(POINT)
    return BROWSER.exchange(ec.ECDH(), ecdh.parse_point(point)) == secret


def test_the_fast_engine_is_installed_here_and_fit():
    """Otherwise nothing would test it; its name tells the version."""
    choice = Choice()

    assert choice.use("auto").startswith("qh3 2.1.")
    assert choice.why == ""
    assert agrees(choice)


def test_nothing_is_loaded_until_somebody_asks():
    """A command line that sends nothing does not pay for it."""
    assert Choice().name == "cryptography"


def test_it_can_be_switched_off():
    """By an operator who wants one library less in the way, and by whoever compares the two."""
    choice = Choice()
    choice.use("auto")

    assert choice.use("off") == "cryptography"
    assert choice.why == "fast_ecdh is off"
    assert agrees(choice)


def _other_key(_point: bytes) -> tuple[bytes, bytes]:
    return PLAIN.agree(ecdh.point_of(ec.generate_private_key(ec.SECP256R1()).public_key()))


def _one_key_for_all() -> Callable[[bytes], tuple[bytes, bytes]]:
    key = ec.generate_private_key(ec.SECP256R1())
    return lambda point: (ecdh.point_of(key.public_key()), key.exchange(ec.ECDH(), ecdh.parse_point(point)))


def _takes_anything(point: bytes) -> tuple[bytes, bytes]:
    try:
        return PLAIN.agree(point)
    except ValueError:
        return PLAIN.agree(POINT)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (engine(agree=_other_key), "another secret"),
        (engine(agree=_one_key_for_all()), "uses a key twice"),
        (engine(agree=_takes_anything), "not on the curve"),
        (engine(agree=fails(RuntimeError)), "RuntimeError"),
        (engine(agree=fails(Panic)), "Panic"),
        (engine(seal=lambda key, nonce, text: PLAIN.seal(key, nonce, text)[:-1]), "encrypts other"),
        (engine(seal=fails(TypeError)), "TypeError"),
    ],
    ids=["another secret", "one key", "any point", "raises", "panics", "cuts the tag", "cannot seal"],
)
def test_an_engine_that_is_wrong_is_never_used(wrong: Engine, says: str):
    """Each check of the self-test finds what it is for, and `cryptography` goes on."""

    def load() -> Engine:
        ecdh.check(wrong)
        return wrong

    choice = Choice(load)

    assert choice.use("auto") == "cryptography"
    assert says in choice.why
    assert agrees(choice)


def test_an_engine_that_is_right_passes():
    """The self-test does not refuse everything."""
    ecdh.check(engine())


@pytest.mark.parametrize(
    ("named", "says"),
    [(None, "is not installed"), ("2.0.9", "has not been tried"), ("3.0.0", "has not been tried")],
)
def test_what_is_missing_or_unknown_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str | None, says: str
):
    """A new version of the package may compute something else under the same name."""
    if named is not None:
        about = tmp_path / f"qh3-{named}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: qh3\nVersion: {named}\n")
    monkeypatch.setattr("sys.path", [str(tmp_path)])

    with pytest.raises(Unfit, match=says):
        ecdh.load_fast()


@pytest.mark.parametrize("kind", [RuntimeError, Panic])
def test_an_engine_that_fails_later_costs_no_message(kind: type[BaseException]):
    """The message in hand is encrypted all the same, the engine is given up, and the operator is told once."""
    told: list[str] = []
    choice = Choice(lambda: engine(agree=fails(kind)))
    choice.use("auto", tell=told.append)

    assert agrees(choice)
    assert agrees(choice)

    assert choice.name == "cryptography"
    assert told == [choice.why] == [f"fast 1.0 failed: {kind.__name__}"]


def test_a_cipher_that_fails_later_costs_no_message():
    """The same for the other half."""
    choice = chosen(engine(seal=fails(RuntimeError)))

    assert choice.seal(KEY, NONCE, b"text") == PLAIN.seal(KEY, NONCE, b"text")
    assert choice.name == "cryptography"


def test_a_bad_point_is_the_devices_fault_and_not_the_engines():
    """One damaged row must not slow everybody down: the engine stays."""
    for choice in (Choice(), chosen(engine())):
        with pytest.raises(ValueError, match="not on the curve"):
            choice.agree(OFF_CURVE)
    assert choice.name == "fast 1.0"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_stop_is_no_fault(stop: type[BaseException]):
    """Who ends the process is not answered with another encryption."""
    choice = chosen(engine(agree=fails(stop)))

    with pytest.raises(stop):
        choice.agree(POINT)
    assert choice.name == "fast 1.0"


def test_the_two_engines_seal_alike():
    """The same bytes, for all that a message may hold."""
    choice = Choice()
    choice.use("auto")

    for size in (0, 1, 16, 4000):
        text = os.urandom(size)
        assert choice.seal(KEY, NONCE, text) == PLAIN.seal(KEY, NONCE, text)


def test_no_secret_shows_in_a_traceback():
    """Keys live inside objects that say nothing of themselves."""
    choice = Choice()
    choice.use("auto")
    _, secret = choice.agree(POINT)

    assert repr(secret)[2:-1] not in repr(choice) + repr(vars(choice))
