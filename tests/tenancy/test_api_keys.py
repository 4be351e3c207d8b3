"""API keys: what they look like, who gets in with them, and for how long."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.model.errors import GatewayError
from gateway.model.limits import KEPT_S, MISS_KEPT_S
from gateway.store.database import Database
from gateway.tenancy.api_keys import ApiKeys, IssuedKey, issue, parse, revoke
from gateway.tenancy.apps import CreatedApp

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Counting:
    """A database that counts the questions it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        self.asked += 1
        return getattr(self._database, name)


@pytest.fixture
async def issued(database: Database) -> IssuedKey:
    return await issue(database, app_id=7, name="server", scopes=["read", "send"], actor="test")


async def test_a_key_opens_what_it_was_issued_for(database: Database, issued: IssuedKey):
    """The text leads to the key's app and scopes."""
    key = await ApiKeys(database).check(issued.text, now=NOW)

    assert (key.app_id, key.scopes, key.name) == (7, ("send", "read"), "server")


@pytest.mark.parametrize("place", [12, 30, 70])
async def test_a_typing_error_is_told_without_asking_the_database(database: Database, issued: IssuedKey, place: int):
    """Whoever mistypes one character hears so at once."""
    counting = Counting(database)
    wrong = issued.text[:place] + ("q" if issued.text[place] != "q" else "r") + issued.text[place + 1 :]

    with pytest.raises(GatewayError, match="typing error") as refused:
        await ApiKeys(counting).check(wrong, now=NOW)  # type: ignore[arg-type]  # counts, then hands on

    assert refused.value.code == "key_invalid"
    assert counting.asked == 0


@pytest.mark.parametrize(
    "text", ["", "stpl_sk_", "Bearer x", "stpl_pk_" + "0" * 63, "stpl_sk_" + "0" * 500, "stpl_sk_" + "é" * 63]
)
def test_what_is_no_key_is_refused(text: str):
    """Anything else in place of a key is refused, and not looked up."""
    with pytest.raises(GatewayError) as refused:
        parse(text)

    assert (refused.value.code, refused.value.status) == ("key_invalid", 401)


async def test_the_id_of_a_key_is_not_the_key(database: Database, issued: IssuedKey):
    """A well-formed key with another secret opens nothing."""
    forged = await issue(database, app_id=8, name="x", scopes=["send"], actor="test")
    await database.execute("UPDATE api_keys SET hash = $2 WHERE id = $1", forged.key.id, issued.key.hash)

    with pytest.raises(GatewayError, match="no such API key"):
        await ApiKeys(database).check(forged.text, now=NOW)


async def test_a_key_expires_to_the_second(database: Database):
    """A key is good until its last second, and not beyond."""
    end = NOW + timedelta(days=1)
    key = await issue(database, app_id=7, name="x", scopes=["send"], actor="test", expires_at=end)
    keys = ApiKeys(database)

    assert await keys.check(key.text, now=end - timedelta(seconds=1))
    with pytest.raises(GatewayError, match="expired"):
        await keys.check(key.text, now=end)


async def test_a_revoked_key_is_refused_everywhere_within_five_seconds(database: Database, issued: IssuedKey):
    """The process that revokes knows at once, every other within five seconds."""
    clock = Clock()
    here, elsewhere = ApiKeys(database, clock=clock), ApiKeys(database, clock=clock)
    for keys in (here, elsewhere):
        await keys.check(issued.text, now=NOW)

    await revoke(database, app_id=7, key_id=issued.key.id, actor="test")
    here.forget(issued.key.id)

    with pytest.raises(GatewayError, match="revoked"):
        await here.check(issued.text, now=NOW)
    clock.now_s += KEPT_S
    with pytest.raises(GatewayError, match="revoked"):
        await elsewhere.check(issued.text, now=NOW)


async def test_a_flood_with_one_key_asks_the_database_once(database: Database, issued: IssuedKey):
    """A thousand calls at once cost one look-up."""
    counting = Counting(database)
    keys = ApiKeys(counting, clock=Clock())  # type: ignore[arg-type]  # counts, then hands on

    await asyncio.gather(*(keys.check(issued.text, now=NOW) for _ in range(1000)))

    assert counting.asked <= 2, "one look-up, one note of the use"


async def test_a_flood_with_an_unknown_key_asks_once_a_second(database: Database, issued: IssuedKey):
    """Guessing costs the guesser, not the database."""
    clock = Clock()
    await database.execute("DELETE FROM api_keys WHERE id = $1", issued.key.id)
    counting = Counting(database)
    keys = ApiKeys(counting, clock=clock)  # type: ignore[arg-type]  # counts, then hands on

    for _ in range(2):
        for _ in range(100):
            with pytest.raises(GatewayError, match="no such"):
                await keys.check(issued.text, now=NOW)
        clock.now_s += MISS_KEPT_S

    assert counting.asked == 2


async def test_only_the_installation_has_admin_keys(database: Database, created: CreatedApp):
    """A key of an app can never rule over the others."""
    with pytest.raises(GatewayError, match="installation's"):
        await issue(database, app_id=created.app.id, name="x", scopes=["admin"], actor="test")

    key = await issue(database, app_id=None, name="x", scopes=["admin"], actor="test")
    assert key.key.app_id is None


async def test_a_key_and_its_scopes_are_what_was_asked_for(database: Database):
    """No scope, or one that does not exist, is refused; so is a name that nobody can read."""
    for scopes, name in (([], "x"), (["sned"], "x"), (["send"], ""), (["send"], "a\nb"), (["send"], "x" * 101)):
        with pytest.raises(GatewayError):
            await issue(database, app_id=1, name=name, scopes=scopes, actor="test")  # type: ignore[arg-type]  # on purpose


async def test_the_text_of_a_key_shows_in_no_representation(issued: IssuedKey):
    """Tracebacks and logs hold objects: none of them tells the key."""
    assert issued.text not in repr(issued)
    assert issued.text not in repr(issued.key)
