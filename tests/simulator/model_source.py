"""Where an engine reads its messages and recipients: the model's rows, as of now, a few at a time."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Final, cast

from gateway.delivery.group import Group, Prepared
from gateway.model.audience import Audience
from gateway.model.delivery import Device
from gateway.model.message import Content, Message
from gateway.model.work import Chunk
from gateway.transports.base import Compiled, Credential
from tests.simulator.link import Link
from tests.simulator.model_service import NAME, credentials

APP: Final = 1


class _Signer:
    """Signs nothing: nobody looks."""

    def sign(
        self, *, message_id: int, subscription_id: int, day: date, kinds: int, arm: int, person: str | None = None
    ) -> str:
        """A receipt token."""
        del kinds, arm, person
        return f"{message_id}.{subscription_id}.{day}"


def message_of(number: int, ttl_s: int, now: datetime) -> Message:
    """A message as planning leaves it."""
    return Message(
        app_id=APP,
        id=number,
        content=Content(title="Evening bell", ttl_s=ttl_s),
        audience=Audience(everybody=True),
        planned_at=now,
        expires_at=now + timedelta(seconds=ttl_s),
    )


class ModelSource:
    """`delivery.ports.Source` for one process. `read` hears who was read."""

    group: ClassVar[int] = 4
    """Recipients of a group: few, so that a chunk takes several."""

    def __init__(
        self, link: Link, messages: Mapping[int, Message], *, read: Callable[[int, Collection[int]], None]
    ) -> None:
        self._link = link
        self._store = link.store
        self._messages = messages
        self._read = read

    async def prepared(self, app_id: int, message_id: int) -> Prepared | None:
        """A message, compiled."""
        del app_id
        return await self._link.call(lambda: _prepared(self._messages[message_id]))

    async def prepare(self, message: Message) -> Prepared:
        """The same for one that is at hand."""
        return _prepared(message)

    async def credentials(self, app_id: int) -> Mapping[int, Credential]:
        """The keys, known to the process."""
        del app_id
        return credentials()

    async def next_group(self, chunk: Chunk, ready: Prepared, *, limit: int) -> Group:
        """The next few behind the cursor."""
        del ready
        few = min(limit, self.group)
        group = await self._link.call(
            lambda: self._range(chunk, few) if chunk.ids is None else self._listed(chunk, chunk.ids, few)
        )
        self._read(chunk.key.message_id, [device.subscription_id for device in group.devices])
        return group

    def _range(self, chunk: Chunk, few: int) -> Group:
        live = [one for number in range(chunk.cursor + 1, chunk.hi + 1) if (one := self._live(number)) is not None]
        part = live[:few]
        is_last = len(part) < few
        return Group(part, [], chunk.hi if is_last else part[-1].subscription_id, is_last)

    def _listed(self, chunk: Chunk, ids: list[int], few: int) -> Group:
        waiting = [number for number in ids if number > chunk.cursor]
        part = waiting[:few]
        there = {number: one for number in part if (one := self._live(number)) is not None}
        missing = [number for number in part if number not in there]
        return Group([*there.values()], missing, part[-1] if part else chunk.hi, len(part) == len(waiting))

    def _live(self, number: int) -> Device | None:
        known = self._store.devices.get(number)
        return known.device if known is not None and known.state == 0 else None


def _prepared(message: Message) -> Prepared:
    return Prepared(
        message=message,
        day=message.planned_at.astimezone(UTC).date(),
        compiled={NAME: Compiled(lambda _device, _token, _ttl_s: str(message.id).encode())},
        signer=cast("Any", _Signer()),
        names=cast("Any", None),
        ttl_s=message.content.ttl_s,
        collapse_key=f"{message.app_id}.{message.id}",
    )
