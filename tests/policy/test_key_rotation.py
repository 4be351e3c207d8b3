"""When a key that has been succeeded may go."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.model.limits import KEY_IDLE_DAYS
from gateway.policy.key_rotation import may_retire_at, share_of

_NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
_IDLE = timedelta(days=KEY_IDLE_DAYS)


@pytest.mark.parametrize(
    ("is_current", "devices", "seen_days_ago", "expected"),
    [
        (True, 0, None, None),
        (True, 5, 400, None),
        (False, 0, None, _NOW),
        (False, 5, 0, _NOW + _IDLE),
        (False, 5, 100, _NOW + _IDLE - timedelta(days=100)),
        (False, 5, KEY_IDLE_DAYS + 30, _NOW),
    ],
)
def test_an_old_key_may_go_when_nobody_who_needs_it_comes_any_more(
    *, is_current: bool, devices: int, seen_days_ago: int | None, expected: datetime | None
) -> None:
    """Never the current one; at once where it is not needed; else half a year after the last visit."""
    seen = None if seen_days_ago is None else _NOW - timedelta(days=seen_days_ago)
    assert may_retire_at(is_current=is_current, devices=devices, last_seen_at=seen, now=_NOW) == expected


def test_shares_are_of_the_channel() -> None:
    """A third is a third, and nothing of nothing is nothing."""
    assert (share_of(1, total=3), share_of(3, total=3), share_of(0, total=0)) == (0.3333, 1.0, 0.0)
