"""kill -9 in the middle of two campaigns under a cap of one a day: everybody gets one of them, nobody is shown two.

Judged by what the push services took and what devices decrypt.
"""

import asyncio
from collections import defaultdict
from typing import Any

import pytest

from gateway.model.limits import GROUP_RECIPIENTS_MAX
from tests.chaos.books import judge, topic_of_message
from tests.chaos.crowd.conftest import DEVICES, PEOPLE, Crowd
from tests.chaos.gateway_process import GROUPS_IN_FLIGHT
from tests.chaos.processes import until

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]

_DONE_S = 120.0
_ON_THE_WAY_S = 10.0
"""Longer than a group takes on a busy machine."""
_CLOCKS_S = 0.5
"""A kill is noted before it happens."""


async def test_workers_are_killed_between_two_campaigns_under_a_cap(crowd: Crowd):
    """Both go to everybody at the same instant, workers die under them: one message for each device is recorded.

    Nobody is shown both but of those whom a worker had on the way when it was killed, with both messages in its hands.
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
        await asyncio.gather(*map(serve.kill, await serve.pids_of("worker")))
    said = [await shop.done(one, within_s=_DONE_S) for one in messages]
    await judge(serve, [crowd.book], said, promised=messages)
    _one_each(crowd.shown(*messages), said, [kill.at_s for kill in serve.kills if kill.groups])
    await serve.ready()


async def _are_out(crowd: Crowd, topics: list[str], n: int) -> None:
    async def are_out() -> bool:
        return sum(map(crowd.book.accepted, topics)) >= n

    await until(f"{n} pushes are out", are_out, within_s=_DONE_S, every_s=0.02)


def _one_each(pushes: list[dict[str, Any]], said: list[dict[str, Any]], kills_s: list[float]) -> None:
    """Every device was shown one message, its copies replace each other, and the figures say the same."""
    got: defaultdict[str, dict[str, float]] = defaultdict(dict)
    looks: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for push in pushes:
        got[push["subscription"]].setdefault(push["message"], push["at"])
        copies = looks[push["subscription"], push["message"]]
        copies.add((push["topic"], push["payload"]["notification"].get("tag", "")))
    assert len(got) == DEVICES, "somebody got nothing"
    both = [(min(times.values()), max(times.values())) for times in got.values() if len(times) > 1]
    unexplained = [
        (first_s, second_s)
        for first_s, second_s in both
        if not any(first_s - _CLOCKS_S <= at_s <= second_s and at_s - first_s < _ON_THE_WAY_S for at_s in kills_s)
    ]
    assert unexplained == [], "a cap was broken where nothing had died"
    assert len(both) <= len(kills_s) * GROUPS_IN_FLIGHT * GROUP_RECIPIENTS_MAX // 2, "of two groups one is on the way"
    assert all(len(of) == 1 and all(topic and tag for topic, tag in of) for of in looks.values())
    assert sum(one["counts"]["sent"] for one in said) == DEVICES
    assert sum(one["skipped_by"].get("capped", 0) for one in said) == DEVICES
