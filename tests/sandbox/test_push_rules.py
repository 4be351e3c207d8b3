"""The sandbox refuses what any real push service may refuse."""

import pytest

from gateway.sandbox import Sandbox
from gateway.wire.vapid import VapidKey, VapidSigner
from sandbox.actors import AppServer, Clock, FirefoxLine, sealed

HOUR = 3600


async def test_a_right_message_is_accepted(sandbox: Sandbox, server: AppServer) -> None:
    """201, with the address of the message and the life it got."""
    (device,) = sandbox.mint(1, server.key.public)

    answer = await server.send(device)

    assert answer.status == 201
    assert answer.headers["TTL"] == "60"
    assert answer.headers["Location"].startswith(f"{sandbox.origin}/m/")


async def test_a_life_too_long_is_shortened(sandbox: Sandbox, server: AppServer) -> None:
    """30 days are kept at most, and the answer says so."""
    (device,) = sandbox.mint(1, server.key.public)
    assert (await server.send(device, TTL="99999999")).headers["TTL"] == str(30 * 86_400)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("TTL", None),
        ("TTL", ""),
        ("TTL", "-1"),
        ("TTL", "1.5"),
        ("TTL", "soon"),
        ("Topic", "x" * 33),
        ("Topic", ""),
        ("Topic", "sale today"),
        ("Topic", "sale="),
        ("Urgency", "urgent"),
        ("Urgency", "low,high"),
        ("Content_Encoding", None),
        ("Content_Encoding", "aesgcm"),
        ("Content_Encoding", "aes128gcm, gzip"),
    ],
)
async def test_a_bad_header_is_a_400(sandbox: Sandbox, server: AppServer, header: str, value: str | None) -> None:
    """Missing, malformed or out of its alphabet: refused with a sentence, and not in the ledger."""
    (device,) = sandbox.mint(1, server.key.public)

    answer = await server.send(device, **{header: value})

    assert answer.status == 400
    assert answer.json["message"]
    assert sandbox.ledger.counters["accepted"] == 0


@pytest.mark.parametrize(("header", "value"), [("Topic", "A_z-9" * 6 + "AB"), ("Urgency", "very-low"), ("TTL", "0")])
async def test_the_edge_of_what_is_right_is_taken(sandbox: Sandbox, server: AppServer, header: str, value: str) -> None:
    """32 characters of topic, each urgency, no life at all."""
    (device,) = sandbox.mint(1, server.key.public)
    assert (await server.send(device, **{header: value})).status == 201


async def test_a_body_may_have_4096_bytes(sandbox: Sandbox, server: AppServer) -> None:
    """3,993 bytes of plaintext fill the body; a byte more is a 413."""
    (device,) = sandbox.mint(1, server.key.public)
    largest = sealed(device, b"x" * 3993)

    assert len(largest) == 4096
    assert (await server.post(device["endpoint"], largest)).status == 201
    assert (await server.post(device["endpoint"], largest + b"x")).status == 413


async def test_a_body_that_is_no_record_is_a_400(sandbox: Sandbox, server: AppServer) -> None:
    """Plain text, a cut-off body and a second record are found before any browser sees them."""
    (device,) = sandbox.mint(1, server.key.public)
    right = sealed(device, b"{}")
    two_records = right[:16] + (20).to_bytes(4, "big") + right[20:] + b"x" * 20

    for body in (b"hello", right[:100], two_records):
        assert (await server.post(device["endpoint"], body)).status == 400


async def test_a_message_without_body_needs_no_encoding(sandbox: Sandbox, server: AppServer) -> None:
    """An empty push is a push."""
    (device,) = sandbox.mint(1, server.key.public)
    assert (await server.post(device["endpoint"], b"", Content_Encoding=None)).status == 201


async def test_an_unsigned_message_is_a_401(sandbox: Sandbox, server: AppServer) -> None:
    """No VAPID, none of the right scheme, and a spoilt signature are refused alike."""
    (device,) = sandbox.mint(1, server.key.public)
    right = server.headers(device["endpoint"])["Authorization"]
    spoilt = right.replace(", k=", "AA, k=")

    for value in (None, "Bearer abc", right.replace("vapid", "WebPush"), spoilt):
        assert (await server.send(device, Authorization=value)).status == 401


async def test_a_signature_for_another_service_is_a_401(sandbox: Sandbox, server: AppServer, clock: Clock) -> None:
    """The audience must be the endpoint's own origin, to the port."""
    (device,) = sandbox.mint(1, server.key.public)
    for audience in (
        "https://fcm.googleapis.com",
        "http://localhost",
        sandbox.origin.replace("localhost", "127.0.0.1"),
    ):
        elsewhere = server.signer.authorization(audience, clock())
        assert (await server.send(device, Authorization=elsewhere)).status == 401


async def test_a_signature_ends_although_it_was_good_before(sandbox: Sandbox, server: AppServer, clock: Clock) -> None:
    """The verdict on a header is remembered, its end of life is not forgotten."""
    (device,) = sandbox.mint(1, server.key.public)
    header = server.headers(device["endpoint"])["Authorization"]
    assert (await server.send(device, Authorization=header)).status == 201

    clock.advance(13 * HOUR)

    assert (await server.send(device, Authorization=header)).status == 401


async def test_a_signature_from_the_far_future_is_a_401(sandbox: Sandbox, server: AppServer, clock: Clock) -> None:
    """More than 24 hours ahead is refused."""
    (device,) = sandbox.mint(1, server.key.public)
    early = server.signer.authorization(sandbox.origin, clock() + 13 * HOUR)
    assert (await server.send(device, Authorization=early)).status == 401


async def test_another_key_than_the_subscriptions_is_a_403(sandbox: Sandbox, server: AppServer, clock: Clock) -> None:
    """Well signed by somebody else is still not allowed."""
    (device,) = sandbox.mint(1, server.key.public)
    stranger = VapidSigner(VapidKey.generate(), "mailto:push@shop.example")
    header = stranger.authorization(sandbox.origin, clock())
    assert (await server.send(device, Authorization=header)).status == 403


async def test_an_unknown_endpoint_is_a_404(sandbox: Sandbox, server: AppServer) -> None:
    """Made-up tokens, also ones that look like a virtual device's."""
    (device,) = sandbox.mint(1, server.key.public)
    for endpoint in (sandbox.webpush_url + "nobody", device["endpoint"][:-1], sandbox.webpush_url + "d0.1.abc"):
        assert (await server.post(endpoint, sealed(device, b"{}"))).status == 404


async def test_a_retired_endpoint_is_a_410(sandbox: Sandbox, server: AppServer) -> None:
    """Gone for good."""
    (device,) = sandbox.mint(1, server.key.public)
    sandbox.mailbox.retire(device["endpoint"].rpartition("/")[2])
    assert (await server.send(device)).status == 410


async def test_an_unsubscribed_endpoint_is_a_410(sandbox: Sandbox, server: AppServer, firefox: FirefoxLine) -> None:
    """What a browser gave back is gone, not unknown."""
    endpoint = (await firefox.register("c-1", server.key.public_base64url))["pushEndpoint"]
    assert (await server.post(endpoint, b"")).status == 201
    await firefox.hear()
    await firefox.unregister("c-1")
    assert (await server.post(endpoint, b"")).status == 410


async def test_only_post_is_taken(sandbox: Sandbox, server: AppServer) -> None:
    """A GET of an endpoint tells nothing."""
    (device,) = sandbox.mint(1, server.key.public)
    async with server.http.get(device["endpoint"]) as answer:
        assert answer.status == 405
