"""How much a person, a site or a shop's own server gets of it at a time."""

from typing import Final

CAPS_OF_APP_MAX: Final = 10
"""Frequency caps that an app may set."""
CAPS_OF_PERSON_MAX: Final = 5
"""Frequency caps that a person may choose."""
CAP_MAX: Final = 1_000
"""The most messages that a cap allows in its period; with more it is none."""
CAP_PERIOD_S_MIN: Final = 60
CAP_PERIOD_S_MAX: Final = 31 * 86_400
"""Outcomes are read this far back at most, and kept for longer."""
RECENT_IDS_MAX: Final = 4_000_000
"""Outcomes that a process remembers for caps, of all stretches together: 8 bytes each, 500 where one got it alone."""
RECENT_STRETCHES_MAX: Final = 4_096
"""Stretches of buckets that a process remembers outcomes of."""
RECENT_ROWS_MAX: Final = 200_000
"""Rows of outcomes read for one stretch at a time; the oldest of more are not counted."""
APPROVAL_OVER_MAX: Final = 1_000_000_000
"""The largest audience that an app may set as the size from which a message needs approval."""
EXPIRED_TOGETHER_MAX: Final = 100
"""Messages that nobody approved in time and that are ended in one round."""
PER_MINUTE_MAX: Final = 10_000_000
"""Recipients a minute that a message may be throttled to; beyond it there is nothing to throttle."""
THROTTLED_GROUPS_PER_MINUTE: Final = 120
"""A throttled message goes out in groups of half a second's worth, so that it flows."""
THROTTLE_LOOK_AHEAD_S: Final = 0.5
"""A group waits so long for its moment; where that is further off, the worker turns to other work."""
THROTTLE_LOOKS_S: Final = 5.0
"""A worker looks so often whether a throttled message may go on: its rate may have been changed."""
RESTING_MESSAGES_MAX: Final = 10_000
"""Messages that a process knows to be waiting for their next moment."""
TORN_SOON_S: Final = 5.0
"""What the dead left is waited for if it goes on within so long; a night or a slow rate is no reason to wait."""
TORN_ROWS_MAX: Final = 100
"""Chunks of the dead that are looked at in a stretch."""
