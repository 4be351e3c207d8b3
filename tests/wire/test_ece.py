"""The payload is readable by the browser it was made for, and by nobody else."""

import base64
import hmac
from collections.abc import Iterator
from itertools import count

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pywebpush import WebPusher

from gateway.model import limits
from gateway.wire import ece
from gateway.wire.ecdh import IN_USE, Mode

AUTH = bytes(range(16))
BROWSER = ec.generate_private_key(ec.SECP256R1())
P256DH = BROWSER.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@pytest.fixture(params=["off", "auto"], autouse=True, scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Everything here holds with `cryptography` alone, and with the fast engine."""
    mode: Mode = request.param
    name = IN_USE.use(mode)
    assert (name == "cryptography") == (mode == "off"), IN_USE.why
    yield name
    IN_USE.use("off")


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(b64(text), "big"), ec.SECP256R1())


VECTOR_PLAINTEXT = b"When I grow up, I want to be a watermelon"
VECTOR_AUTH = b64("BTBZMqHH6r4Tts7J_aSIgg")
VECTOR_BROWSER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
VECTOR_RECEIVER = b64("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
VECTOR_BODY = b64(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
    "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_example_of_the_standard_comes_out_byte_for_byte():
    """RFC 8291, appendix A: its sender key and salt in the place of fresh ones."""
    sender = private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
    sender_public = sender.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret = sender.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), VECTOR_RECEIVER))
    material = ece.keying_material(secret, VECTOR_AUTH, VECTOR_RECEIVER, sender_public)

    body = ece.seal(VECTOR_PLAINTEXT, ece.Agreement(sender_public, material), salt=b64("DGv6ra1nlYgDCS1FRnbzlw"))

    assert body == VECTOR_BODY


def test_the_browser_of_the_example_reads_what_we_encrypt():
    """RFC 8291, appendix A: its receiver, a fresh key of ours."""
    body = ece.encrypt(VECTOR_PLAINTEXT, p256dh=VECTOR_RECEIVER, auth=VECTOR_AUTH)

    assert ece.decrypt(body, private_key=private_key(VECTOR_BROWSER), auth=VECTOR_AUTH) == VECTOR_PLAINTEXT


def test_the_example_of_the_standard_can_be_read():
    """RFC 8291, appendix A, from the browser's side."""
    browser = private_key(VECTOR_BROWSER)

    assert ece.decrypt(VECTOR_BODY, private_key=browser, auth=VECTOR_AUTH) == VECTOR_PLAINTEXT


@given(st.binary(max_size=ece.PLAINTEXT_BYTES_MAX))
def test_another_implementation_reads_what_we_encrypt(plaintext: bytes):
    """http_ece, the library below pywebpush, gets the very text that we put in."""
    body = ece.encrypt(plaintext, p256dh=P256DH, auth=AUTH)

    assert http_ece.decrypt(body, private_key=BROWSER, auth_secret=AUTH) == plaintext
    assert len(body) == len(plaintext) + ece.HEADER_BYTES + 17


@pytest.mark.parametrize("size", [0, 1, ece.PLAINTEXT_BYTES_MAX - 1, ece.PLAINTEXT_BYTES_MAX])
def test_every_size_up_to_the_largest_survives_the_trip(size: int):
    """Zeros at the end are part of the message, not padding."""
    plaintext = bytes(size)

    body = ece.encrypt(plaintext, p256dh=P256DH, auth=AUTH)

    assert ece.decrypt(body, private_key=BROWSER, auth=AUTH) == plaintext
    assert len(body) <= 4096


@given(st.binary(min_size=1, max_size=3000))
def test_we_read_what_another_implementation_encrypts(plaintext: bytes):
    """The encoder of pywebpush is the sender here; the sandbox reads with our code."""
    keys = {"p256dh": ece_text(P256DH), "auth": ece_text(AUTH)}
    encoded = WebPusher({"endpoint": "https://push.example/x", "keys": keys}).encode(plaintext, "aes128gcm")

    assert encoded is not None
    assert ece.decrypt(encoded["body"], private_key=BROWSER, auth=AUTH) == plaintext


def ece_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@given(st.binary(max_size=64), st.binary(max_size=300))
def test_hmac_is_the_one_of_the_standard_library(key: bytes, data: bytes):
    """Ours is written out because it is faster, and for no other reason."""
    assert ece._hmac(key, data) == hmac.digest(key, data, "sha256")


def test_one_byte_too_many_is_refused():
    """A message that would not fit one push is an error, not two records."""
    with pytest.raises(ValueError, match="3994 bytes; at most 3993"):
        ece.encrypt(bytes(ece.PLAINTEXT_BYTES_MAX + 1), p256dh=P256DH, auth=AUTH)


def test_the_limit_that_callers_see_is_the_limit_of_the_format():
    """The figure in the list of limits follows from RFC 8291; the two must not drift apart."""
    assert ece.PLAINTEXT_BYTES_MAX == limits.PAYLOAD_BYTES_MAX


def test_no_two_bodies_share_a_key_or_a_salt():
    """The same text twice looks like two different texts to whoever carries it."""
    one, two = (ece.encrypt(b"same", p256dh=P256DH, auth=AUTH) for _ in range(2))

    assert one[:16] != two[:16]
    assert one[21:86] != two[21:86]


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("p256dh", "auth", "says"),
    [
        (P256DH, AUTH[:-1], "auth secret must be 16 bytes, not 15"),
        (P256DH, AUTH + b"\x00", "auth secret must be 16 bytes, not 17"),
        (P256DH[:-1], AUTH, "p256dh key must be 65 bytes, not 64"),
        (P256DH + b"\x00", AUTH, "65 bytes, not 66"),
        (b"", AUTH, "65 bytes, not 0"),
        (b"\x00", AUTH, "65 bytes, not 1"),
        (BROWSER.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint), AUTH, "65 bytes, not 33"),
        (b"\x06" + P256DH[1:], AUTH, "first byte is 0x04"),
        (_flipped(P256DH, 64), AUTH, "not a point on the curve"),
        (b"\x04" + bytes(64), AUTH, "not a point on the curve"),
        (b"\x04" + b"\xff" * 64, AUTH, "not a point on the curve"),
    ],
    ids=count(),  # keys are made anew for each run: their text would name a test differently in each worker
)
def test_keys_that_no_browser_has_are_refused(p256dh: bytes, auth: bytes, says: str):
    """Points off the curve, the identity and odd lengths are named at subscribe time, before they are stored."""
    with pytest.raises(ValueError, match=says):
        ece.check_receiver(p256dh, auth)
    with pytest.raises(ValueError, match=says):
        ece.encrypt(b"x", p256dh=p256dh, auth=auth)


def test_the_keys_of_a_browser_are_taken():
    """The check lets real keys through."""
    ece.check_receiver(P256DH, AUTH)


_BODY = ece.encrypt(b"hello", p256dh=P256DH, auth=AUTH)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        _BODY[:86],
        _BODY[:-1],
        _flipped(_BODY, 0),
        _flipped(_BODY, 90),
        _flipped(_BODY, len(_BODY) - 1),
        _flipped(_BODY, 20),
        _flipped(_BODY, 40),
        _BODY[:16] + bytes(4) + _BODY[20:],
        _BODY[:16] + (20).to_bytes(4, "big") + _BODY[20:],
        _BODY + bytes(4096),
    ],
    ids=count(),  # keys are made anew for each run: their text would name a test differently in each worker
)
def test_a_changed_body_cannot_be_read(body: bytes):
    """Cut, changed, without a key or with a second record: an error, never some other text."""
    with pytest.raises(ece.Undecipherable):
        ece.decrypt(body, private_key=BROWSER, auth=AUTH)


def test_a_body_for_somebody_else_cannot_be_read():
    """Another browser's key does not open it."""
    with pytest.raises(ece.Undecipherable):
        ece.decrypt(_BODY, private_key=ec.generate_private_key(ec.SECP256R1()), auth=AUTH)


def test_what_was_agreed_does_not_show_in_a_traceback():
    """The secret of a message stays out of logs."""
    agreement = ece.agree(P256DH, AUTH)

    assert repr(agreement) == "Agreement()"
