"""Codes come into a pool: from a list that is streamed in, or made by a pattern.

Both may be repeated: a code that is there stays as it is. Batches commit one by one, and a line that is wrong is
reported and left out.
"""

from collections.abc import AsyncIterator, Sequence

import msgspec

from gateway.model.app import App
from gateway.model.coupon import NewCode, Pool
from gateway.model.errors import Conflict, GatewayError, Invalid
from gateway.model.ids import bucket_of_text
from gateway.model.limits import (
    COUPON_BATCH_ROWS,
    COUPON_CODES_PER_POOL_MAX,
    COUPON_GENERATE_MAX,
    COUPON_LINE_CHARS_MAX,
    IMPORT_ERRORS_MAX,
)
from gateway.policy.coupon_lines import read_line
from gateway.policy.coupon_pattern import Choose, check_pattern, code_of
from gateway.store import coupon_codes
from gateway.store.database import Queryable

_ROUNDS_MAX = 8
"""Batches of a generator that mostly met codes which were there already: the pattern is used up then."""


class LineFault(msgspec.Struct, frozen=True):
    """A line that was left out. Lines count from 1."""

    line: int
    code: str
    message: str


class StockReport(msgspec.Struct, frozen=True, kw_only=True):
    """imported: new codes. known: codes that were there already. errors: the first 100."""

    imported: int
    known: int
    rejected: int
    errors: list[LineFault]


async def load(db: Queryable, app: App, pool: Pool, lines: AsyncIterator[bytes]) -> StockReport:
    """Adds the codes on these lines. Raises `Conflict` when the pool is full: what was added stays."""
    room = await _room(db, app, pool)
    stock = _Stock(db, app, pool, room)
    number = 0
    async for line in lines:
        number += 1
        stock.read(line, number)
        if len(stock.batch) >= COUPON_BATCH_ROWS:
            await stock.write()
    await stock.write()
    return stock.report()


async def generate(db: Queryable, app: App, pool: Pool, *, pattern: str, codes: int, choose: Choose) -> StockReport:
    """Adds so many new codes made by a pattern. Raises `Invalid`, `Conflict`."""
    if not 0 < codes <= COUPON_GENERATE_MAX:
        raise Invalid("field_invalid", f"1 to {COUPON_GENERATE_MAX:,} codes at once.", param="count")
    there = await coupon_codes.count(db, app_id=app.id, buckets=app.buckets, pool_id=pool.id)
    check_pattern(pattern, codes=there + codes)
    _check_room(COUPON_CODES_PER_POOL_MAX - there, codes)
    made = known = rounds = 0
    while made < codes:
        batch = {code_of(pattern, choose) for _ in range(min(COUPON_BATCH_ROWS, codes - made))}
        added = await _insert(db, app, pool, [NewCode(code) for code in batch])
        made += added
        known += len(batch) - added
        rounds = rounds + 1 if added * 2 < len(batch) else 0
        if rounds > _ROUNDS_MAX:
            raise Conflict("coupon_pattern_used_up", f"{made:,} codes were made; this pattern has hardly any left.")
    return StockReport(imported=made, known=known, rejected=0, errors=[])


class _Stock:
    """An import while it runs."""

    def __init__(self, db: Queryable, app: App, pool: Pool, room: int) -> None:
        self.batch: dict[str, NewCode] = {}
        self._db, self._app, self._pool, self._room = db, app, pool, room
        self._imported = self._known = self._rejected = 0
        self._errors: list[LineFault] = []

    def read(self, line: bytes, number: int) -> None:
        """Keeps the code of a line for the next batch, or notes what is wrong with it."""
        try:
            code = read_line(line, number=number)
        except GatewayError as fault:
            self._rejected += 1
            if len(self._errors) < IMPORT_ERRORS_MAX:
                self._errors.append(LineFault(number, fault.code, fault.message))
            return
        if code is None:
            return
        if code.code in self.batch:
            self._known += 1
        self.batch.setdefault(code.code, code)

    async def write(self) -> None:
        """Stores the batch."""
        batch, self.batch = self.batch, {}
        if not batch:
            return
        _check_room(self._room, len(batch))
        added = await _insert(self._db, self._app, self._pool, list(batch.values()))
        self._room -= added
        self._imported += added
        self._known += len(batch) - added

    def report(self) -> StockReport:
        """What became of the lines."""
        return StockReport(imported=self._imported, known=self._known, rejected=self._rejected, errors=self._errors)


async def _room(db: Queryable, app: App, pool: Pool) -> int:
    return COUPON_CODES_PER_POOL_MAX - await coupon_codes.count(db, app_id=app.id, buckets=app.buckets, pool_id=pool.id)


def _check_room(room: int, codes: int) -> None:
    if codes > room:
        raise Conflict(
            "coupon_pool_full", f"A pool holds {COUPON_CODES_PER_POOL_MAX:,} codes at most; {max(room, 0):,} more fit."
        )


async def _insert(db: Queryable, app: App, pool: Pool, codes: Sequence[NewCode]) -> int:
    placed = [(bucket_of_text(one.code.encode(), home=app.home, spread=app.spread), one) for one in codes]
    return await coupon_codes.insert(db, app_id=app.id, pool_id=pool.id, codes=placed)


async def lines_of(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines in a stream of pieces cut anywhere. One that is too long comes cut down to what is refused."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
        rest = rest[: COUPON_LINE_CHARS_MAX + 1]
    if rest:
        yield rest
