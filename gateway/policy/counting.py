"""From tallies to the counts of a message.

A tally is {"<provider>.<platform>.<code>": n}; a message with variants has ".<arm>" behind the code: which one it was
(`model.variant`). Every recipient is counted once: when it comes to its end, in the chunk it was in then. What a
message's chunks still hold is pending, so that at every moment

    audience = skipped + pending + sent + failed + gone + expired + cancelled
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from gateway.model.delivery import REASONS, Code, state_of
from gateway.model.subscriber import PLATFORM_NAMES
from gateway.model.work import ChunkSum

STATES: Final = ("skipped", "pending", "sent", "failed", "gone", "expired", "cancelled")
_NOBODY: Final = "-.0"
"""Provider and platform of recipients who were never read: they left, or the message was cancelled first."""


class Counts(msgspec.Struct, frozen=True):
    """The figures of a message, as `GET /v1/messages/{id}` shows them."""

    counts: dict[str, int]
    skipped_by: dict[str, int]
    failed_by: dict[str, int]
    per_channel: dict[str, dict[str, int]]
    per_platform: dict[str, dict[str, int]]


def tally_key(provider: str, platform: int, code: int, arm: int = 0) -> str:
    """The key that a recipient's end is counted under. arm: which variant it was (`model.variant`), 0 where none."""
    return f"{provider}.{platform}.{code}.{arm}" if arm else f"{provider}.{platform}.{code}"


def unread_key(code: Code) -> str:
    """The same for recipients who were never read."""
    return f"{_NOBODY}.{int(code)}"


def folded(chunks: Iterable[ChunkSum]) -> tuple[int, dict[str, int]]:
    """The audience and the tally of all chunks together; what a cancelled chunk still held counts as cancelled."""
    audience = 0
    tally: Counter[str] = Counter()
    for chunk in chunks:
        tally.update(chunk.tally)
        if chunk.attempt == 0:
            audience += max(chunk.expected, chunk.seen)
        if chunk.is_cancelled and not chunk.is_done and chunk.expected > chunk.seen:
            tally[unread_key(Code.CANCELLED)] += chunk.expected - chunk.seen
    return audience, dict(tally)


def counts_of(audience: int, tally: Mapping[str, int]) -> Counts:
    """The figures from an audience and its tally."""
    counts: dict[str, int] = dict.fromkeys(STATES, 0)
    by_reason: dict[str, Counter[str]] = {"skipped": Counter(), "failed": Counter()}
    per_channel: dict[str, Counter[str]] = {}
    per_platform: dict[str, Counter[str]] = {}
    for key, n in tally.items():
        provider, platform, code = key.split(".")[:3]
        state = state_of(int(code))
        counts[state] += n
        if state in by_reason:
            by_reason[state][REASONS[Code(int(code))]] += n
        if not key.startswith(_NOBODY):
            per_channel.setdefault(provider, Counter())[state] += n
            per_platform.setdefault(PLATFORM_NAMES.get(int(platform), "other"), Counter())[state] += n
    counts["pending"] = max(audience - sum(counts.values()), 0)
    return Counts(
        {"audience": audience, **counts},
        dict(by_reason["skipped"]),
        dict(by_reason["failed"]),
        {name: dict(values) for name, values in per_channel.items()},
        {name: dict(values) for name, values in per_platform.items()},
    )


def counts_of_arms(tally: Mapping[str, int]) -> dict[int, dict[str, int]]:
    """What became of those who got each variant, by arm; those who were never read had none yet."""
    arms: dict[int, Counter[str]] = {}
    for key, n in tally.items():
        _, _, code, *arm = key.split(".")
        if arm:
            arms.setdefault(int(arm[0]), Counter())[state_of(int(code))] += n
    return {arm: dict(counts) for arm, counts in arms.items()}
