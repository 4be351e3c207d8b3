"""How a rate a minute becomes groups: small ones at even distances rather than 500 at once.

In any minute at most the rate and one group leave (a generic cell rate algorithm without a burst, ITU-T I.371 annex A).
"""

from gateway.model.limits import GROUP_RECIPIENTS_MAX, THROTTLED_GROUPS_PER_MINUTE

_MINUTE_S = 60.0


def group_of(per_minute: int, *, at_most: int) -> int:
    """Recipients that are sent to together."""
    return max(1, min(at_most, GROUP_RECIPIENTS_MAX, per_minute // THROTTLED_GROUPS_PER_MINUTE))


def distance_s(per_minute: int, recipients: int) -> float:
    """Seconds that pass from the beginning of a group to that of the next one."""
    return recipients * _MINUTE_S / per_minute
