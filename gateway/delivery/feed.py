"""Stop 5 of a message's path: what is due, and the next group of it.

A group is read complete and as of now: whoever left since the message was planned is not in it, and nothing downstream
asks the database again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import partial
from typing import Final

import msgspec

from gateway.delivery.group import Group, Prepared
from gateway.delivery.keys import Keys, app_if_there
from gateway.delivery.names import LiveNames
from gateway.delivery.phase import in_phase
from gateway.delivery.pressure import Pressure
from gateway.delivery.rules import Rulebook
from gateway.model.app import App
from gateway.model.delivery import Device
from gateway.model.ids import new_id
from gateway.model.limits import GROUP_RECIPIENTS_MAX, LEASE_S
from gateway.model.message import Content, Message
from gateway.model.work import Chunk
from gateway.policy.personalise import made, reads_person
from gateway.policy.recall import topic_of
from gateway.policy.spreading import spread_s
from gateway.policy.variants import content_of
from gateway.policy.wording import Wording, about_message, wording_of
from gateway.store import audiences, messages
from gateway.store.database import Database
from gateway.store.messages import FIRST_VERSION
from gateway.transports.base import Compiled, Credential, Transport

_MESSAGES_KEPT_MAX: Final = 512
_CURRENT_S: Final = 2.0
"""A message that was changed under way goes on as it was for so long."""

Clock = Callable[[], float]


class _Kept(msgspec.Struct, frozen=True):
    ready: Prepared
    version: int
    current_until_s: float


class Feed:
    """Reads for the lanes of one process."""

    def __init__(
        self,
        db: Database,
        keys: Keys,
        transports: Mapping[str, Transport],
        *,
        pressure: Pressure | None = None,
        clock: Clock = time.monotonic,
        preferences: str = "",
    ) -> None:
        """`pressure`: what this process counts caps by; without it, one that nobody else knows the owner of.

        `clock`: seconds that go on. `preferences`: the address of the preference page.
        """
        self._db = db
        self._keys = keys
        self._transports = transports
        self._clock = clock
        self._preferences = preferences
        self._rulebook = Rulebook(db, keys, pressure or Pressure(db, owner=new_id(), lease_s=LEASE_S))
        self._prepared: OrderedDict[tuple[int, int], _Kept] = OrderedDict()

    async def prepared(self, app_id: int, message_id: int) -> Prepared | None:
        """The message of a chunk, compiled; None when it, or its app, is not there any more."""
        if await self.app(app_id) is None:
            return None
        kept = self._prepared.get((app_id, message_id))
        if kept is not None and self._clock() < kept.current_until_s:
            self._prepared.move_to_end((app_id, message_id))
            return kept.ready
        version = await messages.version_of(self._db, app_id=app_id, message_id=message_id)
        if kept is not None and version == kept.version:
            return self._keep(kept.ready, kept.version)
        stored = await messages.get(self._db, app_id=app_id, message_id=message_id)
        return None if stored is None else self._keep(await self.compile(stored.on_its_way()), version or 0)

    async def prepare(self, message: Message) -> Prepared:
        """Compiles a message and keeps it for its other chunks."""
        return self._keep(await self.compile(message), FIRST_VERSION)

    def _keep(self, ready: Prepared, version: int) -> Prepared:
        key = (ready.message.app_id, ready.message.id)
        self._prepared[key] = _Kept(ready, version, self._clock() + _CURRENT_S)
        self._prepared.move_to_end(key)
        if len(self._prepared) > _MESSAGES_KEPT_MAX:
            self._prepared.popitem(last=False)
        return ready

    async def compile(self, message: Message) -> Prepared:
        """Compiles a message that may not have been planned yet, and keeps nothing."""
        rules = self._rulebook.of(message)
        content = msgspec.structs.replace(message.content, spread_s=spread_s(message.recipients))
        app = await self.app(message.app_id)
        contents = [content, *(content_of(content, variant) for variant in message.terms.variants)]
        day = message.planned_at.astimezone(UTC).date()
        about = about_message(message.id, message.planned_at, message.terms.category)
        wordings = [wording_of(app, one, about, preferences=self._preferences) for one in contents]
        ready, *variants = (
            self._made(one, wording, message.id) for one, wording in zip(contents, wordings, strict=True)
        )
        return Prepared(
            message,
            day,
            ready,
            await self._keys.receipt_signer(message.app_id),
            LiveNames(self._db, app, message.audience, clock=self._clock),
            content.ttl_s,
            topic_of(message),
            rules,
            reads_person=bool(rules) or any(map(reads_person, contents, wordings)),
            variants=tuple(variants),
        )

    def _made(self, content: Content, wording: Wording, message_id: int) -> dict[str, Compiled]:
        return {
            name: _made_for(transport, content, wording, message_id) for name, transport in self._transports.items()
        }

    async def app(self, app_id: int) -> App | None:
        """The app; None if it is gone."""
        return await app_if_there(self._keys, app_id)

    async def credentials(self, app_id: int) -> Mapping[int, Credential]:
        """Every credential that recipients may name."""
        return await self._keys.credentials(app_id)

    async def next_group(self, chunk: Chunk, ready: Prepared, *, limit: int) -> Group:
        """The recipients behind the chunk's cursor, at most `limit`."""
        assert 0 < limit <= GROUP_RECIPIENTS_MAX
        if chunk.ids is not None:
            return await self._listed(chunk, chunk.ids, ready, limit)
        return await self._range(chunk, ready, limit)

    async def _listed(self, chunk: Chunk, ids: list[int], ready: Prepared, limit: int) -> Group:
        waiting = [number for number in ids if number > chunk.cursor]
        part = waiting[:limit]
        devices = await self._of_list(chunk, part, ready)
        there = {device.subscription_id for device in devices}
        missing = [number for number in part if number not in there]
        return await self._in_phase(
            chunk, ready, Group(devices, missing, part[-1] if part else chunk.hi, len(part) == len(waiting))
        )

    async def _of_list(self, chunk: Chunk, ids: list[int], ready: Prepared) -> list[Device]:
        key, audience = chunk.key, ready.message.audience
        if audience.is_named or key.attempt > 0:
            return await audiences.read_listed(
                self._db, app_id=key.app_id, bucket=key.bucket, ids=ids, reads_person=ready.reads_person
            )
        # A list of a plan stands for a range: who left the audience since is not sent to.
        return await audiences.read_members(
            self._db,
            app_id=key.app_id,
            bucket=key.bucket,
            ids=ids,
            planned_at=ready.message.planned_at,
            audience=audience,
            names=await ready.names.current(),
            reads_person=ready.reads_person,
        )

    async def _range(self, chunk: Chunk, ready: Prepared, limit: int) -> Group:
        key = chunk.key
        devices = await audiences.read_range(
            self._db,
            app_id=key.app_id,
            bucket=key.bucket,
            after=chunk.cursor,
            up_to=chunk.hi,
            planned_at=ready.message.planned_at,
            audience=ready.message.audience,
            names=await ready.names.current(),
            limit=limit,
            reads_person=ready.reads_person,
        )
        is_last = len(devices) < limit
        return await self._in_phase(
            chunk, ready, Group(devices, [], chunk.hi if is_last else devices[-1].subscription_id, is_last)
        )

    async def _in_phase(self, chunk: Chunk, ready: Prepared, group: Group) -> Group:
        if ready.message.terms.experiment is None:
            return group
        devices = await in_phase(self._db, chunk, ready, group.devices)
        # Who left is told by the chunks of the experiment; those of the rest expect whom those saw.
        is_rest = chunk.is_rest and chunk.is_first_of_phase
        missing = [] if is_rest else group.missing
        return msgspec.structs.replace(
            group, devices=devices, missing=missing, passed=len(group.devices) - len(devices)
        )


def _made_for(transport: Transport, content: Content, wording: Wording, message_id: int) -> Compiled:
    """The message for the devices of one provider. Pages have a worker, which tells of clicks by itself."""
    fitting = msgspec.structs.replace(wording, clicks="") if transport.page_fields else wording
    compiled = made(content, fitting, partial(transport.compile, message_id=message_id))
    return msgspec.structs.replace(compiled, is_routed=True) if fitting.clicks else compiled
