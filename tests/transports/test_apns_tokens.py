"""Who sends to Apple: one token for all processes, renewed neither too late nor too often; connections by key."""

import asyncio
from typing import Any

import jwt
import msgspec
import pytest

from gateway.model.delivery import Accepted, Misconfigured, Rejected, Retry
from gateway.model.message import Content
from gateway.transports.base import Credential
from gateway.wire.exchange import Answer
from tests.transports.apple_material import (
    BUNDLE,
    DEVICE,
    TEAM_ID,
    certificate,
    certificate_pem,
    credential_of,
    p8,
    pem_of,
)
from tests.transports.apple_world import EXPIRED, OK, Apple, Clock
from tests.transports.fakes import NOW_S, OwnTokens

MINUTE_S = 60.0


@pytest.fixture(scope="module")
def credential() -> Credential:
    return credential_of(p8())


# --- the provider token -----------------------------------------------------------------------------------------------


async def test_one_token_serves_for_forty_to_fifty_minutes(credential: Credential):
    """Apple refuses tokens of an hour, and senders with too many; each process has a moment of its own to renew it."""
    processes = [Apple(seed=seed) for seed in range(40)]
    renewed: list[int] = []
    for minutes in (0, 39, 45, 51):
        for apple in processes:
            apple.clock.now_s = NOW_S + minutes * MINUTE_S
            await apple.send(credential)
        renewed.append(sum(apple.texts[-1] != apple.texts[0] for apple in processes))

    assert renewed[1] == 0
    assert 0 < renewed[2] < 40
    assert renewed[3] == 40


async def test_all_processes_send_the_same_token(credential: Credential):
    """Two processes that share the store's tokens are one sender to Apple."""
    clock = Clock()
    tokens = OwnTokens(clock)
    one, other = Apple(tokens=tokens, clock=clock), Apple(tokens=tokens, clock=clock)
    await one.send(credential)
    await other.send(credential)

    assert one.texts == other.texts


async def test_an_expired_token_is_renewed_once_and_the_push_goes_out(credential: Credential):
    """All in flight hear it at once; one token is made, and each push is sent again with it."""
    apple = Apple()
    await apple.send(credential)
    apple.clock.now_s += 25 * MINUTE_S
    apple.http.expired = apple.texts[0]

    outcomes = await asyncio.gather(*(apple.send(credential) for _ in range(10)))

    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(set(apple.texts)) == 2
    assert apple.texts.count(apple.texts[0]) == 11


async def test_a_token_is_not_renewed_twice_within_twenty_minutes(credential: Credential):
    """A clock that is wrong makes every token look old: the lane stops, and Apple is not flooded with new ones."""
    apple = Apple(EXPIRED)

    outcomes = [await apple.send(credential) for _ in range(3)]

    assert outcomes == [Misconfigured("ExpiredProviderToken")] * 3
    assert len(set(apple.texts)) == 1
    assert len(apple.texts) == 3


async def test_a_fresh_token_that_is_refused_as_well_stops_the_lane(credential: Credential):
    """Once is enough: it is not asked a third time."""
    apple = Apple(OK, EXPIRED)
    await apple.send(credential)
    apple.clock.now_s += 25 * MINUTE_S

    assert await apple.send(credential) == Misconfigured("ExpiredProviderToken")
    assert len(set(apple.texts)) == 2
    assert len(apple.http.requests) == 3


async def test_too_many_tokens_means_a_new_connection_and_the_same_token(credential: Credential):
    """That connection is of no use for a while; connecting anew each time would be taken for an attack."""
    apple = Apple(Answer(429, {}, b'{"reason":"TooManyProviderTokenUpdates"}'))

    outcomes = []
    for wait_s in (0, 1, 70):
        apple.clock.now_s += wait_s
        outcomes.append(await apple.send(credential))
    first, second, third = (peer.key for peer in apple.http.peers)

    assert outcomes == [Retry("TooManyProviderTokenUpdates", after_s=60.0, scope="lane")] * 3
    assert first != second == third
    await apple.send(credential)
    assert apple.http.peers[-1].key != third
    assert len(set(apple.texts)) == 1


async def test_a_store_that_is_away_is_waited_for(credential: Credential):
    """Without a token nothing is sent, and nothing is lost."""

    class Away(OwnTokens):
        async def get(self, *_: Any, **__: Any) -> Any:
            raise ConnectionError("the store is away")

    apple = Apple(tokens=Away())

    assert await apple.send(credential) == Retry("token_unavailable", scope="lane")
    assert apple.http.requests == []


async def test_whoever_claims_another_team_does_not_get_its_token(credential: Credential):
    """Anybody can type somebody else's team and key id; the token belongs to the key itself."""
    apple = Apple()
    pretender = credential_of(p8(), number=2)
    await apple.send(credential)
    await apple.send(pretender)

    assert credential.public["team_id"] == pretender.public["team_id"]
    assert apple.texts[0] != apple.texts[1]
    assert apple.http.peers[0] != apple.http.peers[1]


# --- connections ------------------------------------------------------------------------------------------------------


async def test_teams_and_environments_have_connections_of_their_own(credential: Credential):
    """Apple ties a connection to the first key that it sees there; a new one starts with one request."""
    apple = Apple()
    other_team = credential_of(p8(team_id="ZZZZZZZZZZ"), number=2)
    other_key = credential_of(p8(key_id="ZZZZZZZZZZ"), number=3)
    same_key = msgspec.structs.replace(credential, id=4)
    for one in (credential, other_team, other_key, same_key):
        await apple.send(one)
    await apple.send(credential, {**DEVICE, "environment": "sandbox"})
    await apple.send(credential)
    peers = apple.http.peers

    assert len({peers[number] for number in (0, 1, 2, 4)}) == 4
    assert peers[0] == peers[3] == peers[5]
    assert all(peer.is_one_first and peer.identity is None for peer in peers)


async def test_a_certificate_is_shown_by_tls_and_needs_no_token():
    """Its connection is its own; the private key goes to TLS and nowhere else."""
    leaf, key = certificate()
    apple = Apple()
    headers = await apple.headers(credential_of(certificate_pem(leaf) + pem_of(key)), Content(title="x"))

    identity = apple.http.peers[0].identity
    assert identity is not None
    assert (identity.certificate_pem.decode(), identity.key_pem.decode()) == (certificate_pem(leaf), pem_of(key))
    assert "authorization" not in headers
    assert headers["apns-topic"] == BUNDLE


async def test_an_expired_certificate_is_named_as_such():
    """TLS would fail as well, without saying why; the messages stay."""
    leaf, key = certificate(days=-1)
    apple = Apple()

    assert await apple.send(credential_of(certificate_pem(leaf) + pem_of(key))) == Misconfigured("certificate_expired")
    assert apple.http.requests == []


@pytest.mark.parametrize(
    ("changed", "form"),
    [
        ({"bundle_id": "com.shop.other"}, {}),
        ({"environment": "sandbox"}, {"environments": ["production"]}),
    ],
)
async def test_a_device_that_the_credential_does_not_cover_concerns_that_device(changed: Any, form: Any):
    """Anybody can register a device of a foreign app: it must not stop the others' lane."""
    apple = Apple()

    assert await apple.send(credential_of(p8(**form)), {**DEVICE, **changed}) == Rejected(
        "credential_missing", is_unsent=True
    )
    assert apple.http.requests == []


async def test_a_changed_key_is_used_from_then_on(credential: Credential):
    """The same place in the app, another key."""
    apple = Apple()
    changed = credential_of(p8(team_id="ZZZZZZZZZZ"))
    for one in (credential, msgspec.structs.replace(credential, is_current=False), changed):
        await apple.send(one)

    teams = [jwt.decode(text, options={"verify_signature": False})["iss"] for text in apple.texts]
    assert teams == [TEAM_ID, TEAM_ID, "ZZZZZZZZZZ"]


async def test_a_damaged_credential_stops_its_lane(credential: Credential):
    """The messages stay until somebody brings the key again."""
    damaged = msgspec.structs.replace(credential, secret=b'{"key_id": "x"}')

    assert await Apple().send(damaged) == Misconfigured("credential_unreadable")
