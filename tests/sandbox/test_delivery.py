"""What becomes of an accepted message between the push service and a browser."""

from base64 import urlsafe_b64decode

from gateway.sandbox import Ledger, Sandbox
from sandbox.actors import AppServer, Clock, FirefoxLine

BODY = b"\0" * 16 + (4096).to_bytes(4, "big") + b"\x41\x04" + b"k" * 64 + b"c" * 30
"""Framed like a record; nobody opens it here."""


def fates(sandbox: Sandbox) -> list[str]:
    assert sandbox.ledger.path is not None
    return [entry.fate for entry in Ledger.read(sandbox.ledger.path)]


async def endpoint_of(firefox: FirefoxLine, server: AppServer, channel: str = "c-1") -> str:
    return (await firefox.register(channel, server.key.public_base64url))["pushEndpoint"]


async def test_a_browser_on_the_line_gets_it_at_once(sandbox: Sandbox, server: AppServer, firefox: FirefoxLine) -> None:
    """With its own channel, its bytes unchanged."""
    endpoint = await endpoint_of(firefox, server)

    await server.post(endpoint, BODY)

    heard = await firefox.hear()
    assert heard["channelID"] == "c-1"
    assert urlsafe_b64decode(heard["data"] + "==") == BODY
    assert heard["headers"] == {"encoding": "aes128gcm"}
    assert fates(sandbox) == ["delivered"]


async def test_it_waits_for_a_browser_that_is_away(sandbox: Sandbox, server: AppServer, firefox: FirefoxLine) -> None:
    """Kept, and delivered once to the same browser when it returns."""
    endpoint = await endpoint_of(firefox, server)
    await firefox.hang_up()
    await server.post(endpoint, BODY)

    await firefox.come()
    await firefox.ack(await firefox.hear())
    await firefox.hang_up()
    await firefox.come()

    assert await firefox.hears_nothing()
    assert fates(sandbox) == ["stored"]


async def test_an_unconfirmed_message_comes_again(server: AppServer, firefox: FirefoxLine) -> None:
    """A line that broke before the browser had said so loses nothing."""
    endpoint = await endpoint_of(firefox, server)
    await server.post(endpoint, BODY)
    first = await firefox.hear()
    await firefox.hang_up()

    await firefox.come()

    assert (await firefox.hear())["version"] == first["version"]


async def test_ttl_0_is_dropped_when_the_browser_is_away(
    sandbox: Sandbox, server: AppServer, firefox: FirefoxLine
) -> None:
    """Now or never."""
    endpoint = await endpoint_of(firefox, server)
    await firefox.hang_up()

    assert (await server.post(endpoint, BODY, TTL="0")).status == 201

    await firefox.come()
    assert await firefox.hears_nothing()
    assert fates(sandbox) == ["dropped"]


async def test_a_message_past_its_life_is_not_delivered(server: AppServer, firefox: FirefoxLine, clock: Clock) -> None:
    """The browser comes too late for one and in time for the other."""
    endpoint = await endpoint_of(firefox, server)
    await firefox.hang_up()
    await server.post(endpoint, BODY, TTL="60")
    await server.post(endpoint, BODY[:-1], TTL="600")
    clock.advance(61)

    await firefox.come()

    assert urlsafe_b64decode((await firefox.hear())["data"] + "==") == BODY[:-1]
    assert await firefox.hears_nothing()


async def test_a_topic_replaces_what_still_waits(server: AppServer, firefox: FirefoxLine) -> None:
    """Of one topic only the newest arrives; other topics and none are left alone."""
    endpoint = await endpoint_of(firefox, server)
    await firefox.hang_up()
    for body, topic in ((b"1", "cart"), (b"2", None), (b"3", "sale"), (b"4", "cart")):
        await server.post(endpoint, BODY + body, Topic=topic)

    await firefox.come()

    heard = [urlsafe_b64decode((await firefox.hear())["data"] + "==")[-1:] for _ in range(3)]
    assert heard == [b"2", b"3", b"4"]
    assert await firefox.hears_nothing()


async def test_a_topic_holds_within_one_subscription_only(server: AppServer, firefox: FirefoxLine) -> None:
    """Two people's carts do not replace each other."""
    endpoints = [await endpoint_of(firefox, server, channel) for channel in ("c-1", "c-2")]
    await firefox.hang_up()
    for endpoint in endpoints:
        await server.post(endpoint, BODY, Topic="cart")

    await firefox.come()

    assert {(await firefox.hear())["channelID"] for _ in endpoints} == {"c-1", "c-2"}


async def test_an_undelivered_message_can_be_taken_back(server: AppServer, firefox: FirefoxLine) -> None:
    """DELETE of its Location, once."""
    endpoint = await endpoint_of(firefox, server)
    await firefox.hang_up()
    location = (await server.post(endpoint, BODY)).headers["Location"]

    for status in (204, 404):
        async with server.http.delete(location) as answer:
            assert answer.status == status

    await firefox.come()
    assert await firefox.hears_nothing()


async def test_a_forgotten_browser_gets_a_new_id(sandbox: Sandbox, server: AppServer, firefox: FirefoxLine) -> None:
    """So it knows that all its subscriptions are lost; their endpoints are gone."""
    endpoint, before = await endpoint_of(firefox, server), firefox.uaid

    assert sandbox.forget_subscriptions() == 1

    assert await firefox.closed()
    assert await firefox.come() != before
    assert (await server.post(endpoint, BODY)).status == 410


async def test_a_cut_line_keeps_the_id(sandbox: Sandbox, server: AppServer, firefox: FirefoxLine) -> None:
    """What comes while the browser is cut off waits, and the subscription holds."""
    endpoint, before = await endpoint_of(firefox, server), firefox.uaid

    sandbox.drop_lines()
    await server.post(endpoint, BODY)

    assert await firefox.closed()
    assert await firefox.come() == before
    await firefox.hear()


async def test_what_the_browser_said_can_be_read(sandbox: Sandbox, server: AppServer, firefox: FirefoxLine) -> None:
    """Acknowledged with its code, for tests that look at both ends."""
    await server.post(await endpoint_of(firefox, server), BODY)
    await firefox.ack(await firefox.hear())
    assert [(ack.kind, ack.channel, ack.code) for ack in sandbox.acks] == [("ack", "c-1", 100)]


async def test_a_key_that_is_none_is_refused(firefox: FirefoxLine) -> None:
    """A page that subscribes with nonsense gets no endpoint."""
    assert (await firefox.register("c-1", "bm9uc2Vuc2U"))["status"] == 400


async def test_a_line_that_talks_nonsense_is_closed(firefox: FirefoxLine) -> None:
    """Hostile input ends the line, not the sandbox."""
    await firefox.say({"messageType": ["hello"]})
    assert await firefox.closed()
    assert await firefox.come()
