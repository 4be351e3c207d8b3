"""Coupons and experiments."""

from typing import Final

# --- coupons ----------------------------------------------------------------------------------------------------------
COUPON_POOLS_PER_APP_MAX: Final = 100
COUPON_CODES_PER_POOL_MAX: Final = 5_000_000
"""Its report counts them all: a second or so at this size."""
COUPON_CODE_CHARS_MAX: Final = 64
COUPON_LINE_CHARS_MAX: Final = 512
"""One line of an import of codes."""
COUPON_PATTERN_SPACE_MIN: Final = 1_000
"""Codes that a pattern can make for each one that it has to: whoever tries a thousand at random finds one."""
COUPON_GENERATE_MAX: Final = 100_000
"""Codes made by one call; for more call again."""
COUPON_BATCH_ROWS: Final = 2_000
"""Codes written by one statement."""
COUPON_LOW_MAX: Final = 1_000_000
"""The highest threshold of an alarm: so many rows are counted to see whether it is reached."""
COUPON_LEASE_S: Final = 60
"""A code that was taken and not given comes back after so long."""
COUPON_ROUNDS_MAX: Final = 4
"""How often a group looks for codes again when somebody else gave to the same people in the same moment."""
COUPON_REAP_ROWS: Final = 500
"""Taken codes that one round of the reaper looks after."""
COUPON_WALK_ROWS: Final = 500
"""People whose code is looked after together once a message is done."""
COUPON_WALK_PAGES_MAX: Final = 40
"""Such pages of one round."""
COUPON_USES_PER_ROUND_MAX: Final = 100
"""Messages that one round looks after."""
COUPON_QUIET_S: Final = 300
"""So long after the end of a message its unused codes come back: a worker that was silent may still be sending."""
COUPON_POOL_KEPT_S: Final = 5.0
"""How long a process goes on with what it knows of a pool."""
COUPON_POOLS_KEPT_MAX: Final = 1_000
COUPON_REPORT_MESSAGES_MAX: Final = 100
"""Messages that the report of a pool names, those with the most codes first."""
COUPONS_PER_EVENTS_MAX: Final = 1_000
"""Codes that one call with events can redeem."""
COUPON_PLACES_KEPT_MAX: Final = 20_000
"""Places in pools that a worker remembers; with more it forgets all and looks from the start."""
COUPON_LOW_ROWS: Final = 200
"""Pools whose alarm is looked after at once."""

# --- experiments ------------------------------------------------------------------------------------------------------
VARIANTS_MAX: Final = 10
"""Four bits of a receipt token name the variant."""
VARIANT_NAME_CHARS_MAX: Final = 32
VARIANT_WEIGHT_MAX: Final = 1_000
EXPERIMENT_SENT_MIN: Final = 100
"""A variant that was sent to fewer devices proves nothing: the first one goes on then."""
EXPERIMENT_AFTER_S_MIN: Final = 60
EXPERIMENT_AFTER_S_MAX: Final = 14 * 86_400
EXPERIMENTS_PER_ROUND_MAX: Final = 50
EXPERIMENT_EVENT_CHARS_MAX: Final = 64
CONVERSION_ROWS: Final = 2_000
"""People whose events are read at once, when an experiment is decided by conversions."""
