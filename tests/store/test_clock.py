"""The database's time, carried on by this machine's: right after a round trip that took long, too."""

from datetime import UTC, datetime
from typing import Any

from gateway.store.clock import DatabaseClock

STARTED_S = 1_800_000_000.0


class SlowDatabase:
    """Its clock and the machine's show the same seconds; an answer takes as long as it is told to."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.ahead_s = 0.0
        """By so much its clock was set forward."""
        self.there_s = self.back_s = 0.001
        """How long the question is on its way, and how long until somebody reads the answer."""

    def monotonic_s(self) -> float:
        """The machine's clock."""
        return self.passed_s

    def now_s(self) -> float:
        """The database's clock."""
        return STARTED_S + self.ahead_s + self.passed_s

    async def fetchval(self, *_: Any, **__: Any) -> datetime:
        """Its time, after a while, and after another while it is read."""
        self.passed_s += self.there_s
        at = datetime.fromtimestamp(self.now_s(), UTC)
        self.passed_s += self.back_s
        return at


async def _clock_on(db: Any) -> DatabaseClock:
    clock = DatabaseClock(monotonic_s=db.monotonic_s)
    await clock.sync(db)
    return clock


def _error_s(clock: DatabaseClock, db: SlowDatabase) -> float:
    return abs(clock.now_s() - db.now_s())


async def test_a_process_that_stood_still_keeps_the_time():
    """A question waited for a connection, or its answer for a process that was busy: the clock goes on as it did."""
    db: Any = SlowDatabase()
    clock = await _clock_on(db)
    for there_s, back_s in ((0.001, 4.0), (4.0, 0.001), (2.0, 2.0)):
        db.there_s, db.back_s = there_s, back_s
        await clock.sync(db)
        assert _error_s(clock, db) <= 0.002


async def test_a_bad_beginning_is_mended():
    """The first round trip took long: the next one brings the clock as near as it was short."""
    db: Any = SlowDatabase()
    db.back_s = 4.0
    clock = await _clock_on(db)
    assert _error_s(clock, db) <= 2.001
    db.back_s = 0.001
    await clock.sync(db)
    assert _error_s(clock, db) <= 0.002


async def test_a_database_that_is_set_right_is_followed():
    """Another server, or its clock was set: by an hour forward, and back."""
    db: Any = SlowDatabase()
    clock = await _clock_on(db)
    for ahead_s in (3600.0, 0.0):
        db.ahead_s = ahead_s
        await clock.sync(db)
        assert _error_s(clock, db) <= 0.002
