"""How much of what there may be: apps, devices, messages."""

from typing import Final

# --- apps -------------------------------------------------------------------------------------------------------------
APP_NAME_CHARS_MAX: Final = 100
ORIGINS_PER_APP_MAX: Final = 100
CREDENTIALS_PER_APP_MAX: Final = 100
"""Live and retired; a subscription names one by a smallint."""
API_KEYS_PER_APP_MAX: Final = 100
TOPICS_PER_APP_MAX: Final = 500
SLUG_CHARS_MAX: Final = 64
BUCKETS: Final = 1024
"""Slices of the key space. Fixed for ever: stored in every hot key."""

# --- devices ----------------------------------------------------------------------------------------------------------
TOPICS_PER_DEVICE_MAX: Final = 50
TAGS_PER_DEVICE_MAX: Final = 100
TAG_BYTES_MAX: Final = 1024
"""One tag's value; its name takes at most 64 characters."""
CONSENT_BYTES_MAX: Final = 2048
CONSENTS_PER_DEVICE_MAX: Final = 1_000
"""Records of one device in the ledger; somebody who leaves and comes back every day fills it in a year and a half."""
CONSENTS_SHOWN_MAX: Final = 10_000
"""Records of one person that are shown at once."""
WITHDRAWALS_DAYS: Final = 400
"""So long an address is remembered whose owner left; a browser that is not used for a year has another one."""
EXTERNAL_ID_BYTES_MAX: Final = 256
"""A shop's own name for a person."""
SUBSCRIPTIONS_PER_PERSON_MAX: Final = 100
LANGUAGE_CHARS_MAX: Final = 35
"""RFC 5646 section 4.4.1: the length that fits every reasonable tag."""
TIMEZONE_CHARS_MAX: Final = 64

# --- messages ---------------------------------------------------------------------------------------------------------
NAMED_RECIPIENTS_MAX: Final = 10_000
"""Users or subscriptions that one message may name."""
SHORT_WAY_RECIPIENTS_MAX: Final = 100
"""Up to so many named recipients are planned within the request and sent by the process that took it."""
TITLE_CHARS_MAX: Final = 1000
BODY_CHARS_MAX: Final = 3000
"""A push message holds under 4 kB; the exact check is on the encoded payload."""
TEXT_LANGUAGES_MAX: Final = 100
"""Languages of one text."""
ACTION_ID_CHARS_MAX: Final = 64
ACTION_TITLE_CHARS_MAX: Final = 200
COLLAPSE_KEY_CHARS_MAX: Final = 64
"""What Apple's collapse id holds; Web Push gets a hash of it."""
SOUND_CHARS_MAX: Final = 100
"""The name of a sound file in an app."""
NOTIFICATION_TAG_CHARS_MAX: Final = 256
BADGE_COUNT_MAX: Final = 99_999
AUDIENCE_LANGUAGES_MAX: Final = 100
PROVIDER_EXTRA_BYTES_MAX: Final = 4096
"""Provider-only fields of one message, as JSON."""
SCHEDULE_PAST_S_MAX: Final = 60
"""A time to send at that lies so little in the past is a slow clock, and means now."""
ACTIONS_MAX: Final = 4
"""Browsers show two; more are passed on in case one shows more."""
DATA_BYTES_MAX: Final = 2048
TTL_S_MAX: Final = 28 * 86_400
"""Google's services refuse more (2,419,200 s); Mozilla clamps at 30 days."""
TTL_S_DEFAULT: Final = 3 * 86_400
NOW_OR_NEVER_S: Final = 60
"""TTL 0 asks the push service not to wait for the device; the gateway itself may still take so long."""
SCHEDULE_DAYS_MAX: Final = 366
TOPIC_TERMS_MAX: Final = 50
"""Names in one topic expression."""
TOPIC_DEPTH_MAX: Final = 8
"""Brackets inside brackets in one topic expression."""
PAYLOAD_BYTES_MAX: Final = 3993
"""Plaintext that fits RFC 8291: 4,096 bytes less 86 of header, 1 of padding and 16 of tag."""

# --- filters ----------------------------------------------------------------------------------------------------------
FILTER_DEPTH_MAX: Final = 8
"""Groups inside groups."""
FILTER_CONDITIONS_MAX: Final = 100
FILTER_VALUES_MAX: Final = 100
"""Values of one `in` or `has_any`."""
FILTER_NUMBER_MAX: Final = 2**53 - 1
"""Beyond it JSON readers disagree about which number is meant."""
ESTIMATE_ROWS: Final = 12_000
"""Devices that an estimate looks at: a share of a half is known to 3 %, one of a hundredth to 24 %, in about 30 ms."""
ESTIMATE_STRETCHES: Final = 16
"""Places of an app that a sample is taken from; each costs a descent of an index or two."""
ESTIMATE_OWNERS_MAX: Final = 500
"""Of so many of them it is looked up which other devices their people have; the rest are taken to be like these."""
ESTIMATE_EXACT_ROWS_MAX: Final = 25_000
"""An app of so many devices is counted instead."""
ESTIMATE_ZONES_MAX: Final = 100
"""Time zones that an estimate names; the rest is one number."""
EXACT_COUNTS_MAX: Final = 2
"""Exact counts of one process at once: each reads a whole app."""
PERIOD_CHARS_MAX: Final = 40
PERIOD_DAYS_MAX: Final = 36_600
"""A century."""
