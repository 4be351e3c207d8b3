"""How long until the next try, and when there is none.

After the nth fruitless try a wait between half of base x 2^n seconds and all of it: jitter, so that what failed
together does not come back together, and a floor, since a wait near zero would only meet the same fault again.
"""

import random
from typing import Final

from gateway.model.limits import (
    ATTEMPTS_MAX,
    RETRY_AFTER_S_MAX,
    RETRY_BASE_S,
    RETRY_BASE_THROTTLED_S,
    RETRY_CAP_S,
)

_DOUBLINGS_MAX: Final = 20
_SHARED_STEPS_S: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)


def wait_s(*, reason: str, attempt: int, asked_s: float | None, dice: random.Random) -> float:
    """Seconds until the try after `attempt` (0 for the first). What the service asked for is never undercut."""
    base_s = (
        RETRY_BASE_THROTTLED_S if reason in {"throttled", "vapid_refused", "registration_refused"} else RETRY_BASE_S
    )
    ceiling_s = min(RETRY_CAP_S, base_s * 2 ** min(attempt, _DOUBLINGS_MAX))
    if asked_s is not None:
        return min(asked_s, RETRY_AFTER_S_MAX) + dice.uniform(0, min(ceiling_s, 1 + asked_s / 10))
    return ceiling_s / 2 + dice.uniform(0, ceiling_s / 2)


def shared_wait_s(seconds: float) -> int:
    """The step of waiting that recipients of one group share, so that they are tried again together."""
    return next((step for step in _SHARED_STEPS_S if seconds <= step), _SHARED_STEPS_S[-1])


def is_given_up(*, strikes: int) -> bool:
    """Whether a recipient with so many counted attempts is given up. Attempts on a lane that is down do not count."""
    return strikes >= ATTEMPTS_MAX
