"""Faults and delays on order: which requests get a wrong, late, broken or endless answer.

Three ways to order one: rules (in Python or by `PUT /sandbox/faults`), or the address itself: a token that begins
with `fault-410-` answers 410, `fault-503-120s-` 503 with `Retry-After: 120`, `fault-delay-250ms-` waits and then goes
on, `fault-hang-`, `fault-reset-`, `fault-dribble-` and `fault-huge-` do as they say. All chance is seeded.
This file only decides; `answers.py` does it over HTTP/1.1, `http2_faults.py` over HTTP/2 (RFC 9113).
"""

import random
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Annotated, Final, Literal

import msgspec

from gateway.sandbox.limits import HANG_S_MAX, HUGE_BODY_BYTES_MAX, RULES_MAX

Kind = Literal["delay", "status", "hang", "reset", "dribble", "huge", "reset_stream", "goaway", "streams", "freeze"]
RetryAfterForm = Literal["seconds", "date", "garbage", "negative", "huge"]
GoawayLast = Literal["before", "this", "all"]
"""The last stream that a GOAWAY says was taken: the one before this request, this one, or the newest that came."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What happens to a request.

    `delay`: only `latency_ms`. `streams`: the connection's limit of streams changes, and the request goes on.
    Everything else replaces the answer, after the latency.

    Over HTTP/1.1 `reset_stream` and `freeze` are a `reset` and a `hang`, `goaway` closes the connection behind the
    answer, `streams` does nothing.
    """

    kind: Kind = "status"
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 500
    reason: str = ""
    """The service's own word for it (`Unregistered`, `QUOTA_EXCEEDED`): status and body follow from it."""
    gone_at_s: float | None = None
    """Since when the device is gone, in an answer that tells it (Unix seconds); None: since now."""
    headers: dict[str, str] = {}
    body: str = ""
    retry_after_s: Annotated[int, msgspec.Meta(ge=0)] | None = None
    retry_after_form: RetryAfterForm = "seconds"
    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=HANG_S_MAX * 1000)] = 0
    jitter_ms: Annotated[float, msgspec.Meta(ge=0, le=HANG_S_MAX * 1000)] = 0
    """Up to so much is added to the latency, evenly spread."""
    hang_s: Annotated[float, msgspec.Meta(ge=0, le=HANG_S_MAX)] = HANG_S_MAX
    body_bytes: Annotated[int, msgspec.Meta(ge=1, le=HUGE_BODY_BYTES_MAX)] = 8 * 1024 * 1024
    """How much `huge` answers."""
    dribble_ms: Annotated[float, msgspec.Meta(ge=0, le=60_000)] = 500
    """Pause between two bytes of a `dribble`."""
    error_code: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)] = 0
    """Of `reset_stream` and `goaway`, RFC 9113 section 7: 7 is REFUSED_STREAM, 2 INTERNAL_ERROR, 0 NO_ERROR."""
    goaway_last: GoawayLast = "all"
    goaway_reason: str = ""
    """Apple says why: `{"reason": "..."}` in the additional data."""
    goaway_answers: bool = True
    """Streams up to the last one are still answered; False: the connection ends at once, and nobody knows."""
    streams: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 1
    """The new limit of `streams`."""
    streams_for_s: Annotated[float, msgspec.Meta(ge=0, le=HANG_S_MAX)] = 0
    """After so long the limit is what it was; 0: it stays."""
    after_accept: bool = False
    """Take the message first (hand on, write down), then spoil the answer: accepted, and the sender cannot know."""

    @property
    def lets_answer_through(self) -> bool:
        """The request is treated as ever, and its right answer goes out beside the fault."""
        return self.kind == "goaway" and self.goaway_last != "before"


class Rule(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault and which requests it strikes: those that pass all the given conditions."""

    name: str = ""
    host: str = ""
    """Only requests to this Host (without port)."""
    token_prefix: str = ""
    topic: str = ""
    """Only requests about this app: an apns-topic, or a project of FCM."""
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1
    every: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Every n-th request that matches host and token."""
    first: Annotated[int, msgspec.Meta(ge=0)] = 0
    """So many matching requests pass before the rule begins to strike."""
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """The rule is used up after so many strikes."""


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `PUT /sandbox/faults`: it replaces all rules and counts."""

    rules: Annotated[list[Rule], msgspec.Meta(max_length=RULES_MAX)] = []
    seed: int = 0


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules decided about one request.

    How long it waits, the fault that then answers, if any, and the rule by which its connection gets another limit of
    streams.
    """

    wait_s: float
    fault: Fault | None
    streams: Fault | None = None


PASS: Final = Strike(wait_s=0.0, fault=None)
_SPOKEN: Final = re.compile(
    r"fault-(?P<what>[0-9]{3}|[a-z]+)-(?:(?P<amount>[0-9]{1,6})(?P<unit>ms|s)-)?(?P<rest>.*)", re.DOTALL
)
_NEEDS_RETRY_AFTER: Final = frozenset({429, 503})


class Faults:
    """The rules in force, their counts, and the seeded chance behind them."""

    def __init__(self, rules: RuleSet | None = None) -> None:
        self._set = RuleSet()
        self._seen: list[int] = []
        self._struck: list[int] = []
        self._random = random.Random()
        self.put(rules or RuleSet())

    def put(self, rules: RuleSet) -> None:
        """Replace all rules; counts and chance begin anew."""
        self._set = rules
        self._seen = [0] * len(rules.rules)
        self._struck = [0] * len(rules.rules)
        self._random = random.Random(rules.seed)

    def report(self) -> dict[str, object]:
        """The rules with how many requests each saw and struck."""
        rows = zip(self._set.rules, self._seen, self._struck, strict=True)
        return {
            "seed": self._set.seed,
            "rules": [{**msgspec.to_builtins(rule), "seen": seen, "struck": struck} for rule, seen, struck in rows],
        }

    def strike(self, *, host: str, token: str, topic: str = "", must_name_host: bool = False) -> Strike:
        """What happens to this request: the waits of every `delay` rule that strikes, and the first other fault.

        With `must_name_host` only rules that name the host count: a storm over all pushes is none over their logins.
        """
        if not self._set.rules:
            return PASS
        wait_s = 0.0
        streams: Fault | None = None
        for index, rule in enumerate(self._set.rules):
            if must_name_host and not rule.host:
                continue
            if not self._strikes(index, rule, host=host, token=token, topic=topic):
                continue
            wait_s += self._wait_s(rule)
            if rule.kind == "streams":
                streams = rule
            elif rule.kind != "delay":
                return Strike(wait_s=wait_s, fault=rule, streams=streams)
        return Strike(wait_s=wait_s, fault=None, streams=streams)

    def _strikes(self, index: int, rule: Rule, *, host: str, token: str, topic: str) -> bool:
        if (rule.host and rule.host != host) or (rule.topic and rule.topic != topic):
            return False
        if not token.startswith(rule.token_prefix):
            return False
        self._seen[index] += 1
        nth = self._seen[index] - rule.first
        used_up = rule.times is not None and self._struck[index] >= rule.times
        if nth < 1 or nth % rule.every or used_up or self._random.random() >= rule.probability:
            return False
        self._struck[index] += 1
        return True

    def _wait_s(self, fault: Fault) -> float:
        return (fault.latency_ms + self._random.random() * fault.jitter_ms) / 1000


def spoken(token: str) -> tuple[Fault | None, str]:
    """The fault that a token asks for by its own name, and the token behind it (the whole token when it asks none)."""
    match = _SPOKEN.fullmatch(token)
    if match is None:
        return None, token
    amount_s = _amount_s(match["amount"], match["unit"])
    return _spoken_fault(match["what"], amount_s), match["rest"]


def _spoken_fault(what: str, amount_s: float | None) -> Fault | None:
    if what.isdigit():
        return _spoken_status(int(what), amount_s)
    match what:
        case "delay":
            return Fault(kind=what, latency_ms=1000 if amount_s is None else amount_s * 1000)
        case "hang":
            return Fault(kind=what, hang_s=HANG_S_MAX if amount_s is None else amount_s)
        case "dribble":
            return Fault(kind=what, dribble_ms=500 if amount_s is None else amount_s * 1000)
        case "reset" | "huge":
            return Fault(kind=what)
        case _:
            return None


def _spoken_status(status: int, amount_s: float | None) -> Fault | None:
    if not 200 <= status <= 599:  # noqa: PLR2004 - what HTTP calls a final answer
        return None
    if amount_s is not None:
        return Fault(status=status, retry_after_s=int(amount_s))
    return Fault(status=status, retry_after_s=1 if status in _NEEDS_RETRY_AFTER else None)


def _amount_s(amount: str | None, unit: str | None) -> float | None:
    if amount is None:
        return None
    return min(int(amount) / (1000 if unit == "ms" else 1), HANG_S_MAX)


def retry_after(fault: Fault, *, now: datetime) -> str | None:
    """The Retry-After header: seconds, an HTTP date (RFC 9110 section 10.2.3), or what a broken proxy sends."""
    if fault.retry_after_s is None:
        return None
    match fault.retry_after_form:
        case "seconds":
            return str(fault.retry_after_s)
        case "date":
            return format_datetime(now.astimezone(UTC) + timedelta(seconds=fault.retry_after_s), usegmt=True)
        case "garbage":
            return "soon, -1; maybe"
        case "negative":
            return str(-1 - fault.retry_after_s)
        case "huge":
            return "9" * 30
