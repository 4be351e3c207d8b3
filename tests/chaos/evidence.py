"""The judge of every run: ten invariants over what outsiders saw, I1 to I10.

It knows nothing of the gateway's code. Its material are the client's own list of 202s, the ledger of the push services,
the rows of Postgres, and the list of what was killed, when. Real processes (`books.py` gathers their evidence) and the
simulator are judged by the same functions. Each answers the violations in words; none is a good answer.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

GROUP: Final = 500
"""Recipients that are read, sent and settled together."""
_SLACK_S: Final = 2.0
"""Clocks of different processes, and the way from the last check of the time to the push service's own."""
_LEAVE_SLACK_S: Final = 10.0
"""A group that was read before somebody left may still be on its way so long."""
_SHOWN_MAX: Final = 5


class Push(msgspec.Struct, frozen=True, gc=False):
    """One message that a push service took. `answer_lost`: it kept its answer to itself, on a test's order."""

    app: int
    message: int
    subscription: int
    at_s: float
    lane: str = ""
    answer_lost: bool = False


class End(msgspec.Struct, frozen=True, gc=False):
    """What a row says became of one recipient: the word that it is counted under."""

    message: int
    subscription: int
    state: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A message as its sender knows it, with the counts that it is told. Empty counts: nobody asked."""

    app: int
    expires_at_s: float
    not_before_s: float = 0.0
    counts: Mapping[str, int] = {}


class Kill(msgspec.Struct, frozen=True):
    """A death, and how many groups the dead process may have had in flight.

    for_s: a sleep, from which it woke. recipients: how many exactly were in flight, where somebody knows.
    """

    at_s: float
    groups: int
    for_s: float = 0.0
    recipients: int | None = None

    @property
    def copies_max(self) -> int:
        """How many may be sent again for it."""
        return self.groups * GROUP if self.recipients is None else self.recipients


class Budget(msgspec.Struct, frozen=True):
    """What a lane may do: pushes a second, and how many at once after a rest."""

    rate: float
    burst: float


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a run."""

    promised: frozenset[int] = frozenset()
    """Messages that a client holds a 202 for."""
    orders: Mapping[int, Order] = {}
    pushes: Sequence[Push] = ()
    """In order of time."""
    ends: Sequence[End] = ()
    open_chunks: Mapping[int, int] = {}
    """Chunks of each message that are not done although everything had time to be."""
    kills: Sequence[Kill] = ()
    owners: Mapping[int, int] = {}
    """Whose each subscription is: the app."""
    left_at_s: Mapping[int, float] = {}
    """When those who left did so."""
    dropped: frozenset[int] = frozenset()
    """Subscriptions that the gateway closed by itself."""
    declared_gone: frozenset[int] = frozenset()
    """Subscriptions that a push service declared gone."""
    budgets: Mapping[str, Budget] = {}


def accepted_is_durable(evidence: Evidence) -> list[str]:
    """I1: every message with a 202 is in the database, and reached the ledger or has ends in the rows.

    Where everybody left or the message was cancelled before anybody's turn, the counts say so.
    """
    seen = {push.message for push in evidence.pushes} | {end.message for end in evidence.ends}
    seen |= {message for message, order in evidence.orders.items() if _was_nobodys(order.counts)}
    lost = evidence.promised - evidence.orders.keys()
    silent = (evidence.promised - lost) - seen
    return [*_some("has a 202 and no row", sorted(lost)), *_some("has a 202 and came to nothing", sorted(silent))]


def _was_nobodys(counts: Mapping[str, int]) -> bool:
    return bool(counts) and counts["audience"] == counts["cancelled"] + counts["skipped"]


def copies_need_a_kill(evidence: Evidence) -> list[str]:
    """I2: one copy for each recipient, and one more for each kill between the first copy and the last."""
    at_s: dict[tuple[int, int], list[float]] = defaultdict(list)
    excused: Counter[tuple[int, int]] = Counter()
    for push in evidence.pushes:
        at_s[push.message, push.subscription].append(push.at_s)
        excused[push.message, push.subscription] += push.answer_lost
    many = {
        key: len(times) - excused[key]
        for key, times in at_s.items()
        if len(times) - excused[key] > 1 + _kills_between(evidence.kills, times[0], times[-1])
    }
    return _some("(message, recipient): copies", list(many.items()))


def _kills_between(kills: Sequence[Kill], first_s: float, last_s: float) -> int:
    return sum(kill.at_s <= last_s + _SLACK_S and kill.at_s + kill.for_s >= first_s - _SLACK_S for kill in kills)


def extras_are_bounded(evidence: Evidence) -> list[str]:
    """I3: all copies beyond the first together are no more than what the killed processes had in flight."""
    bound = sum(kill.copies_max for kill in evidence.kills)
    found = extras_of(evidence)
    return [f"{found} extra copies, at most {bound} are excused"] if found > bound else []


def extras_of(evidence: Evidence) -> int:
    """Copies beyond the first, without those whose first answer a push service kept to itself."""
    lost = sum(push.answer_lost for push in evidence.pushes)
    return max(0, len(evidence.pushes) - lost - len({(p.message, p.subscription) for p in evidence.pushes}))


def nothing_out_of_its_time(evidence: Evidence) -> list[str]:
    """I4: nothing leaves after its message's expiry, nor before its time has come; two seconds are given."""
    wrong = [
        (push.message, round(push.at_s - order.expires_at_s, 1))
        for push in evidence.pushes
        if (order := evidence.orders.get(push.message)) is not None
        and not order.not_before_s - _SLACK_S <= push.at_s <= order.expires_at_s + _SLACK_S
    ]
    return _some("(message, seconds beyond its expiry)", wrong)


def counts_are_the_rows(evidence: Evidence) -> list[str]:
    """I5: what the sender is told equals the rows, group by group, and no recipient has two ends."""
    rows: dict[int, Counter[str]] = defaultdict(Counter)
    named: Counter[tuple[int, int]] = Counter()
    for end in evidence.ends:
        rows[end.message][end.state] += 1
        named[end.message, end.subscription] += 1
    twice = [key for key, times in named.items() if times > 1]
    wrong = [
        (message, dict(order.counts), dict(rows[message]))
        for message, order in evidence.orders.items()
        if order.counts and not _agree(order.counts, rows[message])
    ]
    return [*_some("(message, recipient) has two ends", twice), *_some("(message, told, rows)", wrong)]


def _agree(told: Mapping[str, int], rows: Counter[str]) -> bool:
    """Recipients who were counted at planning and left before their turn are told as skipped, and have no row."""
    states = ("sent", "failed", "gone", "expired")
    whole = sum(told[state] for state in told if state != "audience")
    return (
        all(told.get(state, 0) == rows[state] for state in states)
        and all(told.get(state, 0) >= rows[state] for state in ("cancelled", "skipped"))
        and told.get("audience", whole) == whole
    )


def everything_ends(evidence: Evidence) -> list[str]:
    """I6: after everything had its time no chunk is open, and no recipient is still pending."""
    pending = [(message, order.counts["pending"]) for message, order in evidence.orders.items() if _pending(order)]
    still = [(message, n) for message, n in evidence.open_chunks.items() if n]
    return [*_some("(message, pending)", pending), *_some("(message, open chunks)", still)]


def _pending(order: Order) -> int:
    return order.counts.get("pending", 0)


def who_left_is_left_alone(evidence: Evidence) -> list[str]:
    """I7: nothing to a device that left longer ago than a group takes."""
    wrong = [
        (push.message, push.subscription)
        for push in evidence.pushes
        if push.at_s > evidence.left_at_s.get(push.subscription, float("inf")) + _LEAVE_SLACK_S
    ]
    return _some("(message, recipient who had left)", wrong)


def tenants_are_apart(evidence: Evidence) -> list[str]:
    """I8: an app's messages go to its own devices only, and are signed as its own."""
    wrong = [
        (push.message, push.subscription)
        for push in evidence.pushes
        if push.app != _app_of_message(evidence, push) or evidence.owners.get(push.subscription, push.app) != push.app
    ]
    return _some("(message, recipient) of different apps", wrong)


def _app_of_message(evidence: Evidence, push: Push) -> int:
    order = evidence.orders.get(push.message)
    return push.app if order is None else order.app


def only_the_gone_are_dropped(evidence: Evidence) -> list[str]:
    """I9: the gateway closes by itself only what a push service declared gone."""
    return _some("closed, and nobody said it was gone", sorted(evidence.dropped - evidence.declared_gone))


def lanes_keep_their_rate(evidence: Evidence) -> list[str]:
    """I10: on each lane with a budget never more than burst + rate x time, whatever span one looks at."""
    return [
        f"lane {lane}: {over:.0f} pushes over its budget"
        for lane, budget in evidence.budgets.items()
        if (over := _overdrawn(budget, [push.at_s for push in evidence.pushes if push.lane == lane])) > 0
    ]


def _overdrawn(budget: Budget, times_s: Sequence[float]) -> float:
    """How deep a bucket of that size and inflow would have been overdrawn at worst."""
    level, before_s, worst = budget.burst, None, 0.0
    for at_s in sorted(times_s):
        level = min(budget.burst, level + budget.rate * (at_s - (at_s if before_s is None else before_s))) - 1
        before_s = at_s
        worst = min(worst, level)
    return -worst


INVARIANTS: Final[Mapping[str, Callable[[Evidence], list[str]]]] = {
    "I1": accepted_is_durable,
    "I2": copies_need_a_kill,
    "I3": extras_are_bounded,
    "I4": nothing_out_of_its_time,
    "I5": counts_are_the_rows,
    "I6": everything_ends,
    "I7": who_left_is_left_alone,
    "I8": tenants_are_apart,
    "I9": only_the_gone_are_dropped,
    "I10": lanes_keep_their_rate,
}


def violations(evidence: Evidence) -> Iterator[str]:
    """Everything that is wrong, each with the number of its invariant."""
    for number, holds in INVARIANTS.items():
        for wrong in holds(evidence):
            yield f"{number}: {wrong}"


def check(evidence: Evidence) -> None:
    """All ten hold."""
    found = list(violations(evidence))
    assert not found, "\n".join(found)


def _some(what: str, cases: Sequence[object]) -> list[str]:
    """One line for any number of cases, with a few of them."""
    if not cases:
        return []
    more = f" and {len(cases) - _SHOWN_MAX} more" if len(cases) > _SHOWN_MAX else ""
    return [f"{what}: {', '.join(map(str, cases[:_SHOWN_MAX]))}{more}"]
