"""When messages go out: quiet hours, local times, recurring sends."""

from typing import Final

QUIET_COUNTRIES_MAX: Final = 250
"""Countries with quiet hours of their own; there are 249."""
QUIET_STEPS_MAX: Final = 400
"""Nights and quiet days in a row that are looked past: more than a year of them is no pause but a mistake."""
COUNTRY_ZONES_MAX: Final = 40
"""Zones of one country; the most are Russia's and America's, under 30 each."""
HOLIDAY_YEARS_KEPT_MAX: Final = 512
"""Calendars of a country and year that a process keeps; each takes a millisecond to work out."""
LOCAL_TIME_GRACE_S: Final = 300
"""An hour that passed so lately still counts as now: planning takes a moment."""
PARTS_MAX: Final = 256
"""Groups of people of one message that are due at the same moment: half-hours of a week."""
ZONE_KEYS_MAX: Final = 4_096
"""Different places that one plan tells apart; devices may say anything, and the rest counts as unknown."""
PART_CHUNK_RECIPIENTS_MAX: Final = 4_000
"""Ids in a list that a plan writes: 32 kB, and a thousand of them hold four million people."""
RECURRENCES_MAX: Final = 1_000
"""Occurrences of one series."""
RECURRENCE_RULE_CHARS_MAX: Final = 400
RECURRENCE_EXCLUSIONS_MAX: Final = 100
RECURRENCE_YEARS_MAX: Final = 5
"""How far ahead a series may reach."""
RECURRENCE_LATE_S_MAX: Final = 3_600
"""An occurrence that was missed for longer (a pause, an outage) is left out rather than sent late."""
BEST_TIME_SEEN_MIN: Final = 3
"""Visits and clicks before a person's own hours say anything."""
BEST_TIME_HOUR_DEFAULT: Final = "10:00"
"""The hour where nothing is known of anybody."""
BEST_TIME_SAMPLE_MAX: Final = 20_000
"""Devices that an app's own best hour is worked out from."""
PREVIEW_HOURS_MAX: Final = 336
"""Hours that a preview tells apart: two weeks."""
PREVIEW_ZONES_MAX: Final = 40
"""Zones that it tells apart; the others are one sum."""
