"""pywebpush says the same: what the most used library for Python puts on the wire is what we put there.

Where its output is defined by what goes in (header names, the claims of the signature, the layout of the body) it is
compared; what is drawn by chance (keys, salts, signatures) is checked by reading it.
"""

from typing import Any, Final

import http_ece
import msgspec
import py_vapid
import pytest
import pywebpush
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.model.delivery import Accepted, Push
from gateway.transports.base import Credential, Transport
from gateway.transports.webpush import Provider, topic_of
from gateway.wire import ece
from gateway.wire.base64url import encode_base64url
from gateway.wire.ecdh import IN_USE, Mode, point_of
from gateway.wire.vapid import verify_authorization
from tests.transports.fakes import NOW_S, FakeHttp, made
from tests.transports.samples import SUBJECT, minted

ENDPOINT: Final = "https://updates.push.services.mozilla.com/wpush/v2/gAAAA-token_1?x=%2F"
ORIGIN: Final = "https://updates.push.services.mozilla.com"
AUTH: Final = bytes(range(16))
BROWSER: Final = ec.generate_private_key(ec.SECP256R1())
DEVICE: Final[dict[str, Any]] = {
    "endpoint": ENDPOINT,
    "keys": {"p256dh": encode_base64url(point_of(BROWSER.public_key())), "auth": encode_base64url(AUTH)},
}
PAYLOADS: Final = [b"", b"x", '{"title":"Vérzonden 📦"}'.encode(), b"\x00" * 300, b"y" * 3993]


class Taken(msgspec.Struct):
    """One POST: where, with which headers (names in lower case), with what."""

    url: str
    headers: dict[str, str]
    body: bytes


class _Session:
    """Takes what pywebpush posts."""

    def __init__(self) -> None:
        self.taken: Taken | None = None

    def post(self, url: str, data: bytes, headers: dict[str, str], **_rest: Any) -> Any:
        self.taken = Taken(url, {name.lower(): str(value) for name, value in headers.items()}, data)
        return type("Response", (), {"status_code": 201, "headers": {}, "text": "", "reason": "Created"})()


@pytest.fixture(scope="module")
def credential() -> Credential:
    return minted("webpush")


@pytest.fixture(params=["off", "auto"])
def mode(request: pytest.FixtureRequest) -> Any:
    mode: Mode = request.param
    IN_USE.use(mode)
    yield mode
    IN_USE.use("off")


def theirs(credential: Credential, payload: bytes, *, ttl_s: int, urgency: str, topic: str) -> Taken:
    """What pywebpush posts for this push, with our key, told the same hour of expiry."""
    session = _Session()
    pywebpush.webpush(
        DEVICE,
        data=payload,  # pyright: ignore[reportArgumentType] - it takes bytes as well, and a payload need not be text
        vapid_private_key=py_vapid.Vapid02.from_pem(credential.secret),
        vapid_claims={"sub": SUBJECT, "exp": int(NOW_S) + 12 * 3600 - 60},
        ttl=ttl_s,
        headers={"urgency": urgency, "topic": topic},
        requests_session=session,  # pyright: ignore[reportArgumentType] - it takes what posts
    )
    assert session.taken is not None
    return session.taken


async def ours(
    credential: Credential, payload: bytes, *, ttl_s: int, urgency: Any, topic: str, is_ahead: bool = False
) -> Taken:
    """What we post for it."""
    http = FakeHttp()
    transport: Transport = made(Provider, http)
    push = Push(1, 1, transport.address(DEVICE).wire, payload, ttl_s, urgency, topic)
    assert transport.make_ahead(push.wire) if is_ahead else True
    assert await transport.send(push, credential) == Accepted()
    await transport.aclose()
    ((target, headers, body),) = http.requests
    return Taken(target.url, headers, body)


def signed_of(authorization: str) -> tuple[str, str, str]:
    """Scheme, what is signed (as it stands there), key."""
    scheme, _, rest = authorization.partition(" ")
    named = dict(part.strip().split("=", 1) for part in rest.split(","))
    return scheme.lower(), named["t"].rpartition(".")[0], named["k"]


@pytest.mark.parametrize(("ttl_s", "urgency"), [(0, "high"), (3600, "normal"), (2_419_200, "very-low")])
async def test_the_headers_are_the_same(credential: Credential, ttl_s: int, urgency: str):
    """Names and values, but for the type of the body, which nobody reads, and the signature, which holds chance."""
    push: dict[str, Any] = {"ttl_s": ttl_s, "urgency": urgency}

    our = await ours(credential, b"text", topic="order-7", **push)
    their = theirs(credential, b"text", topic=topic_of("order-7"), **push)

    assert our.url == their.url
    assert our.headers.pop("content-type") == "application/octet-stream"
    their.headers.pop("content-type", None)
    assert signed_of(our.headers.pop("authorization")) == signed_of(their.headers.pop("authorization"))
    assert our.headers == their.headers


async def test_each_takes_the_others_signature(credential: Credential):
    """Key, audience, expiry and contact; pywebpush's own check reads ours, ours reads theirs."""
    our = (await ours(credential, b"x", ttl_s=1, urgency="normal", topic="a")).headers["authorization"]
    their = theirs(credential, b"x", ttl_s=1, urgency="normal", topic="a").headers["authorization"]

    assert py_vapid.Vapid02.verify(our.replace(", k=", ",k="))  # RFC 8292 permits the space, this reader does not
    assert verify_authorization(our, audience=ORIGIN, now_s=NOW_S) == verify_authorization(
        their, audience=ORIGIN, now_s=NOW_S
    )


@pytest.mark.parametrize("is_ahead", [False, True], ids=["now", "made ahead"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=len)
async def test_the_body_has_the_same_layout(mode: Mode, credential: Credential, payload: bytes, *, is_ahead: bool):
    """Record size, length and kind of the sender's key, and every length; salt and key are fresh on both sides."""
    push: dict[str, Any] = {"ttl_s": 60, "urgency": "normal", "topic": "a"}

    our = (await ours(credential, payload, is_ahead=is_ahead, **push)).body
    if payload:  # pywebpush sends no body for nothing
        their = theirs(credential, payload, **push).body
        assert len(our) == len(their)
        assert our[16:22] == their[16:22] == (4096).to_bytes(4, "big") + bytes([65, 4])
        assert our[:16] != their[:16]
    assert http_ece.decrypt(our, private_key=BROWSER, auth_secret=AUTH, version="aes128gcm") == payload


@pytest.mark.parametrize("payload", PAYLOADS[1:], ids=len)
def test_we_read_what_pywebpush_encrypts(mode: Mode, credential: Credential, payload: bytes):
    """The other way round; the sandbox relies on it."""
    body = theirs(credential, payload, ttl_s=60, urgency="normal", topic="a").body

    assert ece.decrypt(body, private_key=BROWSER, auth=AUTH) == payload
