"""kill -9 in the middle of two campaigns under a cap of one a day: everybody gets one of them, nobody is shown two.

Judged by what the push services took and what devices decrypt.
"""

import asyncio
from collections import defaultdict
from typing import Any

import pytest

from tests.chaos.books import judge, topic_of_message
from tests.chaos.crowd.conftest import DEVICES, PEOPLE, Crowd
from tests.chaos.processes import until

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]

_DONE_S = 120.0


async def test_workers_are_killed_between_two_campaigns_under_a_cap(crowd: Crowd):
    """Both go to everybody at the same instant, workers die under them: one message for each device, whatever dies.

    Of what the dead had on the way devices get a copy: under the same topic, for a push service that still has the
    first, and with the same tag, for a browser that has shown it.
    """
    serve = crowd.serve
    shop = await serve.open_shop("capped", caps='[{"per": "P1D", "max": 1, "category": "marketing"}]', spread=4)
    for _ in range(DEVICES // PEOPLE):
        await shop.fill(crowd.sandbox, PEOPLE, users="c")
    messages = await asyncio.gather(shop.send(title="Sale"), shop.send(title="Gifts"))
    topics = [await topic_of_message(serve, one) for one in messages]
    for part in (0.3, 0.6):
        await _are_out(crowd, topics, int(part * DEVICES))
        await serve.kill(await serve.pid_of("worker"))
    said = [await shop.done(one, within_s=_DONE_S) for one in messages]
    await judge(serve, [crowd.book], said, promised=messages)
    _one_each(crowd.shown(*messages), said)
    await serve.ready()


async def _are_out(crowd: Crowd, topics: list[str], n: int) -> None:
    async def are_out() -> bool:
        return sum(map(crowd.book.accepted, topics)) >= n

    await until(f"{n} pushes are out", are_out, within_s=_DONE_S, every_s=0.02)


def _one_each(pushes: list[dict[str, Any]], said: list[dict[str, Any]]) -> None:
    """Every device was shown one message, its copies replace each other, and the figures say the same."""
    got: defaultdict[str, set[str]] = defaultdict(set)
    looks: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for push in pushes:
        got[push["subscription"]].add(push["message"])
        looks[push["subscription"]].add((push["topic"], push["payload"]["notification"].get("tag", "")))
    assert len(got) == DEVICES, "somebody got nothing"
    assert [device for device, messages in got.items() if len(messages) > 1] == [], "somebody got two messages"
    assert len(pushes) > DEVICES, "the dead had nothing on the way: nothing was proved of copies"
    assert all(len(of) == 1 and all(topic and tag for topic, tag in of) for of in looks.values())
    assert sum(one["counts"]["sent"] for one in said) == DEVICES
    assert sum(one["skipped_by"].get("capped", 0) for one in said) == DEVICES
