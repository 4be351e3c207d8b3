"""Who says so: before a lane is stopped for what single devices got, it is asked whether anybody knows them."""

from datetime import UTC, datetime

import pytest

from gateway.delivery.board import LaneBoard
from gateway.delivery.lane import Lane, LaneKey
from gateway.model.app import App
from gateway.model.delivery import Accepted, Code, Outcome, Retry, Suspect
from gateway.model.ids import bucket_of_id
from gateway.model.limits import INQUIRY_KNOWN_MIN, INQUIRY_S
from gateway.model.work import ChunkKey
from gateway.policy.circuit import Verdict
from gateway.store.database import Database
from gateway.store.outcomes import insert_outcomes
from tests.delivery.test_lane import Clock
from tests.store.rows import drawn_ids, enrol, make_app

REFUSED, BROKEN = Suspect("vapid_refused"), Retry("server_error")
KNOWN, STRANGERS = drawn_ids(60), drawn_ids(1_000, seed=2)
_MARKETING = 1


class Scene:
    """An app with a lane that nothing was heard on yet, in a process that started a moment ago."""

    def __init__(self, db: Database, app: App, clock: Clock) -> None:
        self.db = db
        self.app = app
        self.clock = clock
        self.board = LaneBoard(db, clock=clock)

    @property
    def lane(self) -> Lane:
        key: LaneKey = (self.app.id, 1, "https://push.example")
        return self.board.of(key)

    async def reached(self, devices: list[int]) -> None:
        """A campaign came to these yesterday, or (one of them) a single message."""
        today = datetime.now(UTC).date()
        groups = [(devices[:-1], _MARKETING), (devices[-1:], 0)]
        for number, (ids, category) in enumerate(groups):
            key = ChunkKey(self.app.id, bucket_of_id(ids[0], home=7, spread=1), number + 1, 0, ids[0], 0)
            await insert_outcomes(self.db, [(key, today, category, ids, bytes([Code.SENT]) * len(ids))])

    def hears(self, outcome: Outcome, devices: list[int]) -> None:
        """Each of these devices got this answer."""
        for one in devices:
            self.lane.note(outcome, one)


@pytest.fixture
async def scene(db: Database) -> Scene:
    """60 devices that can be reached, and a thousand that somebody made up."""
    app = await make_app(db)
    await enrol(db, app, [*KNOWN, *STRANGERS])
    return Scene(db, app, Clock())


async def test_a_thousand_strangers_do_not_stop_a_lane(scene: Scene):
    """Somebody registers a thousand addresses that are refused: those who were reached before still are."""
    await scene.reached(KNOWN)
    asked = 0
    for start in range(0, len(STRANGERS), 20):
        scene.hears(REFUSED, STRANGERS[start : start + 20])
        asked += scene.lane.held_s() > 0
        await scene.board.exchange()
        assert (scene.lane.state, scene.lane.held_s()) == ("running", 0.0)
    assert asked < 10, "strangers cost all others a second each time"
    assert scene.lane.verdict is Verdict.UNKNOWN, "nor is anybody dropped meanwhile"
    scene.hears(Accepted(), KNOWN[:1])
    assert scene.lane.try_enter()


async def test_a_key_that_known_devices_doubt_stops_the_lane(scene: Scene):
    """Among as many strangers as one likes: three who were reached before, and nobody is in between."""
    await scene.reached(KNOWN)
    scene.hears(REFUSED, [*STRANGERS[:17], *KNOWN[: INQUIRY_KNOWN_MIN - 1], STRANGERS[17]])
    assert scene.lane.held_s() == INQUIRY_S, "nobody is sent into a refusal meanwhile"
    await scene.board.exchange()
    assert scene.lane.state == "running"
    scene.hears(REFUSED, [*STRANGERS[100:139], KNOWN[-1]])
    await scene.board.exchange()
    assert (scene.lane.state, scene.lane.held_s()) == ("stopped", 60.0)


async def test_a_key_that_never_worked_stops_the_lane(scene: Scene):
    """A wrong key from the first day: everybody is a stranger, and all there is to go by."""
    scene.hears(REFUSED, STRANGERS[:20])
    await scene.board.exchange()
    assert (scene.lane.state, scene.lane.reason) == ("stopped", "vapid_refused")


async def test_another_key_of_the_app_that_works_proves_nothing(scene: Scene):
    """Devices that were reached with another key say nothing of this one."""
    await scene.reached(KNOWN)
    await scene.db.execute("UPDATE subscriptions SET credential_id = 2 WHERE id = ANY($1::bigint[])", KNOWN)
    scene.hears(REFUSED, STRANGERS[:20])
    await scene.board.exchange()
    assert scene.lane.state == "stopped"


async def test_errors_of_strangers_do_not_park_a_lane(scene: Scene):
    """Fifty in a row whose service answers 500; if they were reached before, the service fails for everybody."""
    await scene.reached(KNOWN)
    for start in range(0, 1_000, 50):
        scene.hears(BROKEN, STRANGERS[start : start + 50])
        await scene.board.exchange()
        assert (scene.lane.state, scene.lane.held_s()) == ("running", 0.0)
    scene.hears(Accepted(), KNOWN[:1])
    scene.hears(BROKEN, KNOWN[:50])
    assert scene.lane.held_s() == INQUIRY_S
    await scene.board.exchange()
    assert scene.lane.state == "parked"


async def test_who_cannot_be_asked_about_is_believed(scene: Scene):
    """The database is away: the lane stops as it would for known devices, which costs nobody a subscriber."""
    await scene.reached(KNOWN)
    scene.hears(REFUSED, STRANGERS[:20])
    scene.clock.goes_on(INQUIRY_S)
    assert scene.lane.held_s() == 0.0
    scene.hears(REFUSED, STRANGERS[20:21])
    assert scene.lane.state == "stopped"
    await scene.board.exchange()
    assert scene.lane.state == "stopped"
