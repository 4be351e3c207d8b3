"""The figures of a message, from tallies: each recipient once, under the word that its code is counted by."""

import pytest

from gateway.model.delivery import REASONS, Code, state_of
from gateway.model.subscriber import Platform
from gateway.model.work import ChunkSum
from gateway.policy.counting import STATES, counts_of, folded, tally_key, unread_key

STATE_OF = {
    Code.RETRYING: "pending",
    Code.SENT: "sent",
    Code.FAILED_REJECTED: "failed",
    Code.FAILED_TOO_LARGE: "failed",
    Code.FAILED_KEY_MATERIAL: "failed",
    Code.FAILED_ATTEMPTS: "failed",
    Code.FAILED_CREDENTIAL: "failed",
    Code.FAILED_ENDPOINT_REFUSED: "failed",
    Code.FAILED_INTERNAL: "failed",
    Code.GONE: "gone",
    Code.EXPIRED: "expired",
    Code.CANCELLED: "cancelled",
    Code.SKIPPED_LEFT: "skipped",
    Code.EXPIRED_HELD: "expired",
    Code.SKIPPED_CAPPED: "skipped",
    Code.SKIPPED_QUIET: "skipped",
    Code.SKIPPED_HOLDOUT: "skipped",
    Code.SKIPPED_EXCLUDED: "skipped",
    Code.SKIPPED_COUPON: "skipped",
    Code.SKIPPED_TEMPLATE: "skipped",
    Code.SKIPPED_LATE: "skipped",
    Code.SKIPPED_OWN_PAUSE: "skipped",
    Code.SKIPPED_CHANNEL_OFF: "skipped",
}


def chunk(
    tally: dict[str, int] | None = None,
    *,
    expected: int,
    seen: int = 0,
    attempt: int = 0,
    is_done: bool = False,
    is_cancelled: bool = False,
) -> ChunkSum:
    return ChunkSum(attempt, is_done, is_cancelled, expected, seen, tally or {})


@pytest.mark.parametrize("code", list(Code))
def test_every_code_is_counted_under_one_word(code: Code):
    """Codes are stored for ever: each has its word, and a failure or a skip a reason to show."""
    assert state_of(code) == STATE_OF[code]
    assert code in REASONS or state_of(code) not in {"failed", "skipped"}


def test_figures_by_state_reason_channel_and_platform():
    """What a report shows of a message that is done."""
    tally = {
        tally_key("webpush", Platform.CHROME_ANDROID, Code.SENT): 7,
        tally_key("webpush", Platform.FIREFOX_DESKTOP, Code.GONE): 2,
        tally_key("stub", 99, Code.FAILED_TOO_LARGE): 1,
        tally_key("stub", 99, Code.FAILED_REJECTED): 1,
        unread_key(Code.SKIPPED_LEFT): 4,
    }

    counts = counts_of(15, tally)

    assert counts.counts == {
        "audience": 15,
        "skipped": 4,
        "pending": 0,
        "sent": 7,
        "failed": 2,
        "gone": 2,
        "expired": 0,
        "cancelled": 0,
    }
    assert counts.skipped_by == {"left": 4}
    assert counts.failed_by == {"too_large": 1, "rejected": 1}
    assert counts.per_channel == {"webpush": {"sent": 7, "gone": 2}, "stub": {"failed": 2}}
    assert counts.per_platform == {
        "chrome_android": {"sent": 7},
        "firefox_desktop": {"gone": 2},
        "other": {"failed": 2},
    }


def test_what_nobody_has_looked_at_yet_is_pending():
    """Right after planning, everybody is."""
    audience, tally = folded([chunk(expected=300), chunk(expected=200)])

    assert counts_of(audience, tally).counts == {**dict.fromkeys(STATES, 0), "audience": 500, "pending": 500}


def test_a_retry_is_the_same_recipient_and_not_another_one():
    """Who is tried three times is one person of the audience."""
    first = chunk({tally_key("webpush", 0, Code.SENT): 8}, expected=10, seen=10, is_done=True)
    again = chunk({tally_key("webpush", 0, Code.SENT): 1}, expected=2, seen=2, attempt=1, is_done=True)
    once_more = chunk(expected=1, attempt=2)

    audience, tally = folded([first, again, once_more])

    assert counts_of(audience, tally).counts["audience"] == 10
    assert counts_of(audience, tally).counts["sent"] == 9
    assert counts_of(audience, tally).counts["pending"] == 1


def test_people_who_joined_the_audience_after_planning_are_counted():
    """A device that took up a topic meanwhile is reached, so the audience grows by it."""
    audience, _ = folded([chunk({tally_key("webpush", 0, Code.SENT): 12}, expected=10, seen=12, is_done=True)])

    assert audience == 12


def test_cancelling_counts_who_was_not_reached_and_only_them():
    """Who got it got it; who waited in a chunk, a first one or one of retries, is cancelled."""
    half = chunk({tally_key("webpush", 0, Code.SENT): 5}, expected=10, seen=6, is_cancelled=True)
    waiting = chunk(expected=1, attempt=1, is_cancelled=True)
    done = chunk({tally_key("webpush", 0, Code.SENT): 3}, expected=3, seen=3, is_done=True, is_cancelled=True)

    audience, tally = folded([half, waiting, done])
    counts = counts_of(audience, tally).counts

    assert (counts["audience"], counts["sent"], counts["cancelled"], counts["pending"]) == (13, 8, 5, 0)
