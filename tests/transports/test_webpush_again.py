"""What a sender does beside one request: keys made ahead, a second try at once, and what it tells the operator."""

from typing import Any

import msgspec
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.model.delivery import Accepted, Push, Rejected, Retry, Suspect
from gateway.transports.base import Credential, Transport
from gateway.transports.webpush import Provider
from gateway.wire import ece
from gateway.wire.base64url import encode_base64url
from gateway.wire.ecdh import point_of
from gateway.wire.egress import EgressPolicy
from gateway.wire.exchange import Answer, WireFailure
from tests.transports.fakes import NOW_S, FakeHttp, wire_on
from tests.transports.samples import minted

MOZILLA = "https://updates.push.services.mozilla.com/wpush/v2/abc"
APPLE = "https://web.push.apple.com/QAbc"
WINDOWS = "https://wns2-par02p.notify.windows.com/w/?token=BQYAAA%3d%3d"
AUTH = bytes(range(16))
BROWSER = ec.generate_private_key(ec.SECP256R1())
CREATED = Answer(201, {}, b"")
UNAUTHORIZED = Answer(401, {}, b"")
TOPIC_REFUSED = Answer(400, {}, b'{"reason":"BadWebPushTopic"}')


class Clock:
    """Unix time that a test moves."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def credential() -> Credential:
    return minted("webpush")


def made(*answers: Answer) -> tuple[Transport, FakeHttp, Clock]:
    http, clock = FakeHttp(*answers), Clock()
    client: Any = http
    return Provider(wire_on(client, EgressPolicy.of(defaults=Provider.hosts), clock)), http, clock


def wire_of(transport: Transport, endpoint: str = MOZILLA) -> bytes:
    keys = {"p256dh": encode_base64url(point_of(BROWSER.public_key())), "auth": encode_base64url(AUTH)}
    return transport.address({"endpoint": endpoint, "keys": keys}).wire


def push_to(transport: Transport, endpoint: str = MOZILLA, *, ttl_s: int = 3600, topic: str | None = "order-7") -> Push:
    return Push(1, 1, wire_of(transport, endpoint), b"text", ttl_s, "normal", topic)


async def test_a_key_made_ahead_serves_one_push(credential: Credential):
    """It is used by the next push to that browser, and by no other; the browser reads both."""
    transport, http, _ = made(CREATED)
    push = push_to(transport)

    assert transport.make_ahead(push.wire)
    assert not transport.make_ahead(push.wire)
    for _ in range(2):
        assert await transport.send(push, credential) == Accepted()

    bodies = [body for _, _, body in http.requests]
    assert [ece.decrypt(body, private_key=BROWSER, auth=AUTH) for body in bodies] == [b"text", b"text"]
    assert bodies[0][21:86] != bodies[1][21:86]
    assert transport.make_ahead(push.wire)
    await transport.aclose()


async def test_a_push_that_is_too_long_fails_alone_with_a_key_made_ahead(credential: Credential):
    """As without one."""
    transport, http, _ = made(CREATED)
    push = msgspec.structs.replace(push_to(transport), payload=b"x" * 3994)
    transport.make_ahead(push.wire)

    assert await transport.send(push, credential) == Rejected("key_material", is_unsent=True)
    assert http.requests == []
    await transport.aclose()


async def test_for_a_damaged_device_nothing_is_made_ahead():
    """Its own push will say what is wrong."""
    transport, _, _ = made(CREATED)
    wire = wire_of(transport)

    assert not transport.make_ahead(wire[:1] + b"\x04" + bytes(64) + wire[66:])


async def test_a_signature_that_is_refused_is_renewed_once(credential: Credential):
    """Clocks differ: what one service takes for ended is signed anew, and the push goes out in the same moment."""
    transport, http, clock = made(CREATED, UNAUTHORIZED, CREATED)
    push = push_to(transport)
    await transport.send(push, credential)
    clock.now_s += 60

    assert await transport.send(push, credential) == Accepted()

    first, refused, newer = [headers["authorization"] for _, headers, _ in http.requests]
    assert first == refused != newer
    assert http.requests[1][2] == http.requests[2][2]


async def test_a_fresh_signature_that_is_refused_is_not_renewed(credential: Credential):
    """Another one would be refused as well: a million devices cost no million signatures."""
    transport, http, clock = made(UNAUTHORIZED)
    push = push_to(transport)

    assert await transport.send(push, credential) == Suspect("vapid_refused")
    clock.now_s += 59
    assert await transport.send(push, credential) == Suspect("vapid_refused")

    assert len(http.requests) == 2
    assert len({headers["authorization"] for _, headers, _ in http.requests}) == 1


async def test_two_refusals_are_the_end_of_it(credential: Credential):
    """One more try, and no third."""
    transport, http, clock = made(CREATED, UNAUTHORIZED)
    push = push_to(transport)
    await transport.send(push, credential)
    clock.now_s += 3600

    assert await transport.send(push, credential) == Suspect("vapid_refused")
    assert len(http.requests) == 3


async def test_a_topic_that_apple_refuses_costs_no_push(credential: Credential):
    """It goes out again without: an older push is then not replaced, but the new one is shown."""
    transport, http, _ = made(TOPIC_REFUSED, CREATED)

    with structlog.testing.capture_logs() as said:
        assert await transport.send(push_to(transport, APPLE), credential) == Accepted()

    assert ["topic" in headers for _, headers, _ in http.requests] == [True, False]
    assert [(line["event"], line["host"]) for line in said] == [("push_service_refused", "web.push.apple.com")]


@pytest.mark.parametrize(("endpoint", "topic"), [(APPLE, None), (MOZILLA, "order-7")], ids=["no topic", "not Apple"])
async def test_nothing_is_tried_again_that_would_be_the_same(credential: Credential, endpoint: str, topic: str | None):
    """Where there was no Topic, or nobody who refuses ours."""
    transport, http, _ = made(TOPIC_REFUSED)

    assert await transport.send(push_to(transport, endpoint, topic=topic), credential) == Rejected(
        "request_refused", alarm=True
    )
    assert len(http.requests) == 1


async def test_a_service_that_keeps_pushes_for_less_is_told_of_once(credential: Credential):
    """Whoever asks for four weeks and gets one should know; a shorter life says nothing new."""
    transport, _, _ = made(Answer(201, {"ttl": "604800"}, b""))

    with structlog.testing.capture_logs() as said:
        for ttl_s in (2_419_200, 2_419_200, 3600):
            assert await transport.send(push_to(transport, ttl_s=ttl_s), credential) == Accepted()

    assert said == [
        {
            "event": "life_shortened",
            "log_level": "warning",
            "room": "transports",
            "host": "updates.push.services.mozilla.com",
            "asked_s": 2_419_200,
            "kept_s": 604_800,
        }
    ]


@pytest.mark.parametrize("ttl", ["3600", "7200", "", "soon", "-1", "9" * 400, "٣"])
async def test_a_life_that_is_kept_is_nothing_to_tell(credential: Credential, ttl: str):
    """As long as asked or longer, or no number at all."""
    transport, _, _ = made(Answer(201, {"ttl": ttl}, b""))

    with structlog.testing.capture_logs() as said:
        assert await transport.send(push_to(transport), credential) == Accepted()

    assert said == []


async def test_the_words_of_a_refusal_reach_the_operator_once(credential: Credential):
    """Windows says why in headers alone; a million devices may get the same words."""
    headers = {"x-wns-error-description": "Ttl conflicts", "x-wns-msg-id": "5F0", "ms-cv": "ab.1", "server": "x"}
    transport, _, _ = made(Answer(400, headers, b"x" * 4096))

    with structlog.testing.capture_logs() as said:
        for _ in range(3):
            outcome = await transport.send(push_to(transport, WINDOWS), credential)
            assert outcome == Rejected("request_refused", alarm=True)

    (line,) = said
    assert (line["status"], line["x_wns_error_description"], line["x_wns_msg_id"]) == (400, "Ttl conflicts", "5F0")
    assert line["ms_cv"] == "ab.1"
    assert "server" not in line
    assert len(line["said"]) == 200


@pytest.mark.parametrize("status", [410, 429, 500])
async def test_what_happens_every_day_is_not_told(credential: Credential, status: int):
    """Devices that leave and services that are busy are counted, not logged."""
    transport, _, _ = made(Answer(status, {}, b"words"))

    with structlog.testing.capture_logs() as said:
        assert not isinstance(await transport.send(push_to(transport), credential), (Accepted, Rejected))

    assert said == []


async def test_a_push_may_have_gone_out_only_where_it_left(credential: Credential):
    """Whoever waited for a connection until the deadline has sent nothing: no second copy is possible."""
    http: Any = _NeverLeft()
    transport = Provider(wire_on(http, EgressPolicy.of(defaults=Provider.hosts), Clock()))

    assert await transport.send(push_to(transport), credential) == Retry("timeout", unknown=False)


class _NeverLeft(FakeHttp):
    async def post(self, *_arguments: Any, **_named: Any) -> Answer:
        raise WireFailure("timeout", "push.example: no connection became free", is_unsent=True)
