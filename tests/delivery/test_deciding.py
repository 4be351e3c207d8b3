"""What rules say of a group before anybody of it is tried."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from gateway.delivery.deciding import decided
from gateway.delivery.group import Decision, Group, Prepared
from gateway.model.delivery import Code, Device
from gateway.model.work import Chunk
from gateway.policy.ending import Again, End, Fate

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
HELD = Again("quiet", 60.0, is_counted=False, is_exact=True)
SKIPPED = End(Code.SKIPPED_LEFT)


class Saying:
    """A rule that says what it was told to say, and remembers whom it was asked about."""

    def __init__(self, fates: Mapping[int, Fate] | None = None, given: Mapping[int, dict[str, Any]] | None = None):
        self.decision = Decision(fates or {}, given or {})
        self.asked: list[int] = []

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        del ready, chunk
        self.asked = [device.subscription_id for device in devices]
        assert now == NOW
        return self.decision


async def _decided(*rules: Saying) -> tuple[Group, list[Fate | None]]:
    group = Group([Device(number, "stub", 1, b"", 0, None, None) for number in (1, 2, 3)], [], 3, is_last=True)
    return await decided(rules, cast("Prepared", None), cast("Chunk", None), group, now=NOW)


async def test_the_first_rule_that_holds_somebody_has_the_say():
    """Whoever is held or skipped is not shown to later rules: nothing is given away to who gets no message."""
    first, second = Saying({2: HELD}), Saying({2: SKIPPED, 3: SKIPPED})
    group, fates = await _decided(first, second)
    assert fates == [None, HELD, SKIPPED]
    assert [device.subscription_id for device in group.devices] == [1, 2, 3]
    assert (first.asked, second.asked) == ([1, 2, 3], [1, 3])


async def test_nobody_left_nobody_asked():
    """A rule costs a statement at times: none for a group that is held as a whole."""
    rest = Saying()
    _, fates = await _decided(Saying({1: HELD, 2: HELD, 3: HELD}), rest)
    assert fates == [HELD] * 3
    assert rest.asked == []


async def test_what_rules_give_comes_together():
    """Each recipient has what every rule gave to it, and others have nothing of it."""
    group, fates = await _decided(Saying(given={1: {"coupon": "A"}}), Saying(given={1: {"variant": "b"}, 3: {"x": 1}}))
    assert fates == [None] * 3
    assert [device.given for device in group.devices] == [{"coupon": "A", "variant": "b"}, None, {"x": 1}]
