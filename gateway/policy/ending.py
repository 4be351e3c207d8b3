"""From a push service's answer to the recipient's fate: an end, or another try.

Attempts on a lane that is down do not count: an hour of outage is no reason to give anybody up. What is certain is said
at once: a try that could only come after the message's expiry is an expiry now.
"""

import random
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.delivery import (
    Accepted,
    Code,
    Gone,
    Misconfigured,
    Outcome,
    Rejected,
    Retry,
    Suspect,
)
from gateway.policy.circuit import Verdict, is_gone
from gateway.policy.retry import is_given_up, wait_s

_CODE_OF_REJECTION: Final = {
    "too_large": Code.FAILED_TOO_LARGE,
    "key_material": Code.FAILED_KEY_MATERIAL,
    "endpoint_refused": Code.FAILED_ENDPOINT_REFUSED,
    "credential_missing": Code.FAILED_CREDENTIAL,
    "internal": Code.FAILED_INTERNAL,
}


class End(msgspec.Struct, frozen=True, gc=False):
    """The recipient's terminal code. `is_suspect`: keep in mind that the device was doubtful.

    `at_s` (Unix time): since when the provider knows that the device is gone, where it says so.
    """

    code: Code
    is_suspect: bool = False
    at_s: float | None = None


class Again(msgspec.Struct, frozen=True, gc=False):
    """Another try after `wait_s`. `is_counted` brings the recipient nearer to being given up.

    `is_exact`: the wait ends at a moment that is meant, such as the end of a night; others are rounded up and spread.
    `lane`: the mark of the lane that is waited for (`policy.standstill`); when it runs again, the wait is over.
    """

    reason: str
    wait_s: float
    is_counted: bool
    is_suspect: bool = False
    is_exact: bool = False
    lane: int | None = None


Fate = End | Again

SHARED_HOLDS: Final = frozenset({"quiet", "local_time"})
"""Reasons to wait that everybody in a place has at the same time, whoever they are."""
SENT: Final = End(Code.SENT)
_GONE: Final = End(Code.GONE)


class Circumstances(msgspec.Struct, frozen=True):
    """What is known when an answer comes: of the chunk (attempt, strikes), the message, the lane."""

    attempt: int
    strikes: int
    expires_at: datetime
    verdict: Verdict
    lane_works: bool
    """Whether anything got through on this lane lately."""
    lane: int | None = None
    """The lane's mark."""


def fate_of(
    outcome: Outcome, around: Circumstances, *, suspect_at: datetime | None, now: datetime, dice: random.Random
) -> Fate:
    """What becomes of the recipient."""
    match outcome:
        case Accepted():
            return SENT
        case Gone(_, at_s):
            return _GONE if at_s is None else End(Code.GONE, at_s=at_s)
        case Rejected(reason):
            return End(_CODE_OF_REJECTION.get(reason, Code.FAILED_REJECTED))
        case Suspect(reason):
            return _doubtful(reason, around, suspect_at=suspect_at, now=now, dice=dice)
        case Misconfigured(reason):
            return _again(reason, around, asked_s=60.0, is_counted=False, now=now, dice=dice)
        case Retry(reason, after_s, scope):
            is_counted = scope == "push" and around.lane_works
            fate = _again(reason, around, asked_s=after_s, is_counted=is_counted, now=now, dice=dice)
            is_own = scope == "device" or (scope == "push" and after_s is not None)
            return msgspec.structs.replace(fate, lane=None) if is_own and isinstance(fate, Again) else fate


def _doubtful(
    reason: str, around: Circumstances, *, suspect_at: datetime | None, now: datetime, dice: random.Random
) -> Fate:
    if is_gone(suspect_at=suspect_at, now=now, verdict=around.verdict):
        return _GONE
    match around.verdict:
        case Verdict.DEVICE:
            return End(Code.FAILED_CREDENTIAL, is_suspect=True)
        case Verdict.CREDENTIAL:
            return _again(reason, around, asked_s=60.0, is_counted=False, now=now, dice=dice)
        case Verdict.UNKNOWN:
            fate = _again(reason, around, asked_s=None, is_counted=True, now=now, dice=dice)
            if isinstance(fate, End):
                return msgspec.structs.replace(fate, is_suspect=True)
            # If it turns out to have been the key, these go when it is mended, as all others do.
            return msgspec.structs.replace(fate, is_suspect=True, lane=around.lane)


def _again(
    reason: str, around: Circumstances, *, asked_s: float | None, is_counted: bool, now: datetime, dice: random.Random
) -> Fate:
    if is_counted and is_given_up(strikes=around.strikes + 1):
        return End(Code.FAILED_ATTEMPTS)
    seconds = wait_s(reason=reason, attempt=around.attempt, asked_s=asked_s, dice=dice)
    if (around.expires_at - now).total_seconds() <= seconds:
        return End(Code.EXPIRED)
    # What does not count against the recipient is the lane's trouble, and over when that is.
    return Again(reason, seconds, is_counted, lane=None if is_counted else around.lane)
