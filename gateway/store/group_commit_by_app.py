"""Group commits app by app: an app whose rows somebody else has locked keeps nobody waiting but itself.

One transaction at a time for each app, a few at once for all. A single app takes up half of what may wait at most.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from gateway.model.limits import GROUP_COMMIT_APPS_KEPT_MAX
from gateway.store.group_commit import GroupCommit, Queue

Item = TypeVar("Item")
Fate = TypeVar("Fate")


class GroupCommitByApp(Generic[Item, Fate]):
    """Takes items for the whole process. Close it before the database.

    write: items of one app, all or none of them. at_once: transactions under way; the rest as of a `GroupCommit`.
    """

    def __init__(
        self,
        write: Callable[[int, Sequence[Item]], Awaitable[Sequence[Fate]]],
        *,
        flush_s: float,
        batch_max: int,
        waiting_max: int,
        at_once: int,
        retry_after_s: int,
    ) -> None:
        self._write = write
        self._flush_s = flush_s
        self._batch_max = batch_max
        self._waiting = Queue(waiting_max)
        self._places = asyncio.Semaphore(at_once)
        self._retry_after_s = retry_after_s
        self._of_app: OrderedDict[int, GroupCommit[Item, Fate]] = OrderedDict()

    async def put(self, app_id: int, items: Sequence[Item]) -> Sequence[Fate]:
        """What became of each item of this app, once all of them are committed.

        Raises:
            GatewayError: 429 while too many wait, 503 where the database is away; nothing was written then.
        """
        return await self._commit_of(app_id).put(items)

    async def aclose(self) -> None:
        """Writes what waits."""
        await asyncio.gather(*(commit.aclose() for commit in self._of_app.values()))

    def _commit_of(self, app_id: int) -> GroupCommit[Item, Fate]:
        commit = self._of_app.get(app_id)
        if commit is None:
            self._forget_some()
            commit = self._of_app[app_id] = self._made(app_id)
        self._of_app.move_to_end(app_id)
        return commit

    def _made(self, app_id: int) -> GroupCommit[Item, Fate]:
        async def write(items: Sequence[Item]) -> Sequence[Fate]:
            async with self._places:
                return await self._write(app_id, items)

        return GroupCommit(
            write,
            flush_s=self._flush_s,
            batch_max=self._batch_max,
            waiting_max=max(1, self._waiting.most // 2),
            retry_after_s=self._retry_after_s,
            shared=self._waiting,
        )

    def _forget_some(self) -> None:
        """Of too many apps those go that were not heard of for longest and have nothing waiting."""
        too_many = len(self._of_app) + 1 - GROUP_COMMIT_APPS_KEPT_MAX
        if too_many > 0:
            idle = [app_id for app_id, commit in self._of_app.items() if not commit.waiting]
            for app_id in idle[:too_many]:
                del self._of_app[app_id]
