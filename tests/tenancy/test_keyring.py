"""What a process knows of its apps, for how long, and that many who ask at once ask once."""

import asyncio

import pytest

from gateway.model.limits import KEPT_ENTRIES_MAX, KEPT_S, MISS_KEPT_S
from gateway.store.database import Database
from gateway.tenancy.apps import CreatedApp, change_app
from gateway.tenancy.kept import Kept
from gateway.tenancy.keyring import Keyring
from gateway.tenancy.secrets import retire, reveal_identity, rotate
from gateway.wire.vault import Vault


class Source:
    """Answers with what it holds, counts questions, and can be made to wait."""

    def __init__(self) -> None:
        self.held: dict[int, str] = {}
        self.asked = 0
        self.now_s = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.began = asyncio.Event()

    async def load(self, key: int) -> str | None:
        self.asked += 1
        found = self.held.get(key)
        self.began.set()
        await self.gate.wait()
        return found

    def clock(self) -> float:
        return self.now_s


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def kept(source: Source) -> Kept[int, str]:
    return Kept(source.load, clock=source.clock)


async def test_an_answer_holds_for_five_seconds(source: Source, kept: Kept[int, str]):
    """A change elsewhere is seen after five seconds, not at once and not never."""
    source.held[1] = "old"
    assert await kept.get(1) == "old"
    source.held[1] = "new"

    source.now_s = KEPT_S - 0.1
    assert await kept.get(1) == "old"
    source.now_s = KEPT_S
    assert await kept.get(1) == "new"


async def test_that_there_is_none_holds_for_one_second(source: Source, kept: Kept[int, str]):
    """An app that was just made is found after a second."""
    assert await kept.get(1) is None
    source.held[1] = "made"

    assert await kept.get(1) is None
    source.now_s = MISS_KEPT_S
    assert await kept.get(1) == "made"


async def test_many_who_ask_at_once_share_one_question(source: Source, kept: Kept[int, str]):
    """When an answer runs out under load, the database is asked once."""
    source.held[1] = "x"
    assert await asyncio.gather(*(kept.get(1) for _ in range(100))) == ["x"] * 100
    assert source.asked == 1


async def test_who_gives_up_waiting_does_not_take_the_answer_from_others(source: Source, kept: Kept[int, str]):
    """A caller that hangs up leaves the others their answer."""
    source.held[1] = "x"
    source.gate.clear()
    first, second = asyncio.create_task(kept.get(1)), asyncio.create_task(kept.get(1))
    await source.began.wait()

    first.cancel()
    await asyncio.wait([first])
    source.gate.set()

    assert await second == "x"


async def test_an_answer_from_before_a_change_is_not_remembered(source: Source, kept: Kept[int, str]):
    """Whoever changes something and says so never reads the old state afterwards."""
    source.held[1] = "old"
    source.gate.clear()
    under_way = asyncio.create_task(kept.get(1))
    await source.began.wait()
    source.held[1] = "new"
    kept.forget(1)
    source.gate.set()

    assert await under_way == "old"
    assert await kept.get(1) == "new"


async def test_a_fault_is_not_remembered():
    """When the database is back, so are the answers."""
    answers = iter([RuntimeError("away"), "back"])

    async def load(_key: int) -> str:
        answer = next(answers)
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    kept: Kept[int, str] = Kept(load, clock=lambda: 0.0)
    with pytest.raises(RuntimeError):
        await kept.get(1)
    assert await kept.get(1) == "back"


async def test_memory_is_bounded(source: Source, kept: Kept[int, str]):
    """A flood of made-up ids does not fill the process."""
    for key in range(KEPT_ENTRIES_MAX + 100):
        await kept.get(key)

    assert len(kept._answers) == KEPT_ENTRIES_MAX


async def test_a_change_is_seen_at_once_where_it_was_made(database: Database, vault: Vault, created: CreatedApp):
    """The process that changes an app works with the change."""
    keyring = Keyring(database, vault)
    await keyring.app(created.app.public_id)
    await keyring.app_by_id(created.app.id)

    await change_app(database, created.app, actor="test", name="store")
    keyring.forget(created.app)

    assert (await keyring.app(created.app.public_id)).name == "store"
    assert (await keyring.app_by_id(created.app.id)).name == "store"


async def test_a_secret_takes_over_while_the_old_one_still_verifies(
    database: Database, vault: Vault, created: CreatedApp
):
    """Receipts on their way keep their worth until the old secret is retired."""
    keyring = Keyring(database, vault)
    old = await keyring.receipt_signer(created.app.id)

    number = await rotate(database, vault, created.app, "receipt", actor="test")
    keyring.forget(created.app)

    assert (await keyring.receipt_signer(created.app.id)).key_id == number
    assert (await keyring.receipt_secrets(created.app.id))[old.key_id] == old.secret
    await retire(database, created.app, "receipt", old.key_id, actor="test")
    keyring.forget(created.app)
    assert set(await keyring.receipt_secrets(created.app.id)) == {number}


async def test_the_only_secret_cannot_be_retired(database: Database, created: CreatedApp):
    """Nobody locks every login out by mistake."""
    with pytest.raises(Exception, match="rotate it first"):
        await retire(database, created.app, "identity", 1, actor="test")


async def test_the_shop_signs_with_the_text_it_was_shown(database: Database, vault: Vault, created: CreatedApp):
    """What the operator copies into the shop is byte for byte what logins are checked with."""
    shown = await reveal_identity(database, vault, created.app, actor="test")

    assert await Keyring(database, vault).identity_secrets(created.app.id) == [shown.encode()]
    assert shown.isascii()


async def test_opened_secrets_show_in_no_representation(database: Database, vault: Vault, created: CreatedApp):
    """A traceback that prints what is at hand prints no key."""
    keyring = Keyring(database, vault)
    credential = await keyring.current_credential(created.app.id, "webpush")
    signer = await keyring.receipt_signer(created.app.id)

    assert credential is not None
    assert repr(credential.secret)[2:20] not in repr(credential)
    assert repr(signer.secret)[2:20] not in repr(signer)
