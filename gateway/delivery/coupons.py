"""Codes for a group of people: exactly one for each (message, person), whoever asks and however often.

Taking a code and entering it with the person are two transactions, as the two lie in different buckets. What may go
wrong between them:

- The process dies. The code is under a lease; the reaper frees it, or confirms it if it was entered meanwhile.
- Two workers hold two devices of one person. The key of `coupon_given` lets one of them enter; the other puts its code
  back and reads what was entered.
- The lease runs out while a slow worker goes on. The code's row names nobody, or somebody else: confirming fails, what
  the worker entered is taken out again, and the person gets another code. Nobody was shown the first, as only confirmed
  codes are shown.
"""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.model.app import App
from gateway.model.coupon import ConfirmedCode, GivenCode, Pool, TakenCode
from gateway.model.ids import bucket_of_message, bucket_of_text
from gateway.model.limits import COUPON_LEASE_S, COUPON_PLACES_KEPT_MAX, COUPON_ROUNDS_MAX
from gateway.store import coupon_codes, coupon_given
from gateway.store.database import Database


class Asked(msgspec.Struct, frozen=True):
    """A message, its pool and the app, as far as codes are concerned."""

    app: App
    message_id: int
    pool: Pool

    def bucket_of(self, owner: str) -> int:
        """Where it stands what this person was given."""
        return bucket_of_text(owner.encode(), home=self.app.home, spread=self.app.spread)


class CodeGiver:
    """Gives codes for one process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._places: dict[tuple[int, int, int], str] = {}
        """(app, pool, bucket) -> the last code taken there: what lies before it is mostly dead index entries."""

    async def codes_for(
        self, asked: Asked, devices: Mapping[str, Sequence[int]], *, first_bucket: int, may_take: bool
    ) -> dict[str, ConfirmedCode]:
        """Everybody's code, by owner; who is not in the answer got none, as the pool is empty or (`may_take`) closed.

        devices: by owner those that are about to show it. A message that is over gives no new codes, so ask only while
        its chunk is held.
        """
        held = await self._held(asked, list(devices))
        confirmed = await self._confirmed(asked, held)
        await self._add_devices(asked, held, devices)
        for _ in range(COUPON_ROUNDS_MAX):
            left = [owner for owner in devices if owner not in confirmed]
            if not left or not may_take:
                break
            taken = await self._take(asked, left, first_bucket)
            if not taken:
                break
            confirmed |= await self._confirmed(asked, await self._entered(asked, taken, devices))
        return confirmed

    async def _held(self, asked: Asked, owners: Sequence[str]) -> dict[str, GivenCode]:
        return await coupon_given.of_owners(
            self._db,
            app_id=asked.app.id,
            buckets=sorted({asked.bucket_of(owner) for owner in owners}),
            message_id=asked.message_id,
            owners=owners,
        )

    async def _confirmed(self, asked: Asked, held: Mapping[str, GivenCode]) -> dict[str, ConfirmedCode]:
        """Those of them whose codes are theirs; what turned out not to be is taken out, so that it can be done anew."""
        if not held:
            return {}
        confirmed = await coupon_codes.confirm(
            self._db, app_id=asked.app.id, message_id=asked.message_id, given=list(held.values())
        )
        wrong = [(asked.bucket_of(owner), owner, one.code) for owner, one in held.items() if owner not in confirmed]
        if wrong:
            await coupon_given.delete(self._db, app_id=asked.app.id, message_id=asked.message_id, rows=wrong)
        return confirmed

    async def _add_devices(
        self, asked: Asked, held: Mapping[str, GivenCode], devices: Mapping[str, Sequence[int]]
    ) -> None:
        """Notes further devices of people who have their code: it comes back only if none of them got it."""
        fresh = [
            (asked.bucket_of(owner), owner, device)
            for owner, one in held.items()
            for device in devices.get(owner, ())
            if device not in one.devices
        ]
        if fresh:
            await coupon_given.add_devices(self._db, app_id=asked.app.id, message_id=asked.message_id, rows=fresh)

    async def _take(self, asked: Asked, owners: Sequence[str], first_bucket: int) -> list[TakenCode]:
        """A code for each of them as far as there are any, from this bucket first and then from all others."""
        await coupon_given.note_use(
            self._db,
            app_id=asked.app.id,
            bucket=bucket_of_message(asked.message_id),
            message_id=asked.message_id,
            pool_id=asked.pool.id,
        )
        if len(self._places) > COUPON_PLACES_KEPT_MAX:
            self._places.clear()
        taken: list[TakenCode] = []
        waiting = list(owners)
        for bucket in [first_bucket, *(one for one in asked.app.buckets if one != first_bucket)]:
            while waiting:
                place = self._places.get((asked.app.id, asked.pool.id, bucket), "")
                found = await self._take_behind(asked, waiting, bucket, place)
                taken += found
                owned = {one.owner for one in found}
                waiting = [owner for owner in waiting if owner not in owned]
                if not found and not place:
                    break
                # Behind the last one there may be none; codes that came back lie before it.
                self._places[asked.app.id, asked.pool.id, bucket] = max((one.code for one in found), default="")
            if not waiting:
                break
        return taken

    async def _take_behind(self, asked: Asked, owners: Sequence[str], bucket: int, place: str) -> list[TakenCode]:
        return await coupon_codes.take(
            self._db,
            app_id=asked.app.id,
            bucket=bucket,
            pool_id=asked.pool.id,
            after=place,
            message_id=asked.message_id,
            owners=[(owner, asked.bucket_of(owner)) for owner in owners],
            lease_s=COUPON_LEASE_S,
        )

    async def _entered(
        self, asked: Asked, taken: Sequence[TakenCode], devices: Mapping[str, Sequence[int]]
    ) -> dict[str, GivenCode]:
        """What these people have now: the codes just taken, or those that somebody else entered before us."""
        ours = await coupon_given.insert(
            self._db,
            app_id=asked.app.id,
            message_id=asked.message_id,
            pool_id=asked.pool.id,
            rows=[(asked.bucket_of(one.owner), one, devices[one.owner][0]) for one in taken],
        )
        too_late = [one for one in taken if one.owner not in ours]
        if too_late:
            await coupon_codes.put_back(
                self._db, app_id=asked.app.id, pool_id=asked.pool.id, message_id=asked.message_id, taken=too_late
            )
        held = await self._held(asked, [one.owner for one in too_late]) if too_late else {}
        held |= {
            one.owner: GivenCode(one.owner, asked.pool.id, one.code, one.bucket, (devices[one.owner][0],))
            for one in taken
            if one.owner in ours
        }
        await self._add_devices(asked, held, devices)
        return held
