"""What is known of people, and what they do."""

from typing import Final

ATTRIBUTES_PER_PERSON_MAX: Final = 100
ATTRIBUTE_BYTES_MAX: Final = 1024
"""One attribute's or tag's value as JSON; its name takes at most 64 characters."""
ATTRIBUTE_NAME_CHARS_MAX: Final = 64
LIST_TEXTS_MAX: Final = 100
"""Texts of one value that is a list."""
NUMBER_MAX: Final = 2**53
"""Beyond it a JSON number is not the same in every language (RFC 8259 section 6)."""
ALIASES_PER_PERSON_MAX: Final = 20
EMAIL_CHARS_MAX: Final = 254
"""RFC 5321 section 4.5.3.1.3, less the brackets."""
PHONE_DIGITS_MAX: Final = 15
"""E.164."""
PHONE_DIGITS_MIN: Final = 7
USERS_BULK_MAX: Final = 1_000
"""People of one bulk call."""
PEOPLE_WRITE_ATTEMPTS_MAX: Final = 5
"""How often a change of people is tried when others change the same ones in the same moment."""

# --- events -----------------------------------------------------------------------------------------------------------
EVENTS_PER_REQUEST_MAX: Final = 1_000
EVENTS_PER_DEVICE_REQUEST_MAX: Final = 20
EVENT_NAME_CHARS_MAX: Final = 64
EVENT_ID_CHARS_MAX: Final = 128
EVENT_BYTES_MAX: Final = 4096
"""The properties of one event as JSON."""
EVENT_KEPT_DAYS: Final = 90
"""An event older than this is refused: it could not be told from a repetition."""
EVENT_AHEAD_S: Final = 3600
"""What another machine's clock may be ahead of ours."""
EVENT_KINDS_PER_PERSON_MAX: Final = 40
"""Kinds of events that a person's facts tell of; the one not heard of for the longest makes room."""
EVENT_DAYS_MAX: Final = 90
"""Days of one kind that the facts tell of one by one; older ones are in the totals only."""
EVENT_LATEST_MAX: Final = 5
"""Times of one kind whose days are kept in order: filters for up to so many times within a period find them there."""
EVENT_VALUE_MAX: Final = 1e12
EVENT_ITEMS_MAX: Final = 200
"""Items of one event, as many as Google Analytics 4 takes."""
EVENT_QUEUE_MAX: Final = 10_000
"""Events waiting for their transaction; beyond it their callers hear 429 and keep them."""
EVENT_BATCH_MAX: Final = 500
"""Events of one flush."""
EVENT_FLUSH_S: Final = 0.05
"""From one flush to the next; who comes after a pause waits for nobody."""
EVENT_RETRY_S: Final = 5
"""What callers hear how long to keep them."""
DEVICE_SECRET_CHARS_MAX: Final = 100
"""A genuine one has 65."""
EVENTS_FROM_DEVICE_EVERY_S: Final = 1.0
EVENTS_FROM_DEVICE_BURST: Final = 60
"""Requests with events that one device may make: so many at once, then one each so many seconds."""
DEVICE_EVENTS_DAYS: Final = 30
"""How long what a device tracked waits for a login."""
DEVICE_EVENTS_ADOPTED_MAX: Final = 1_000
"""Events of a device that become the person's at a login: the latest; what it tracked before them is forgotten."""
EVENTS_SHOWN_MAX: Final = 100
"""Events of a person on one page."""

# --- what people choose -----------------------------------------------------------------------------------------------
PAUSE_S_MAX: Final = 366 * 86_400
"""The longest pause; who wants no more of it leaves."""
CHANNELS_MAX: Final = 16
"""Channels that somebody may switch off; more than there are providers."""

# --- copies on devices, and forgetting --------------------------------------------------------------------------------
COPY_PEOPLE: Final = 500
"""People whose devices one step of the fan-out brings up to date."""
COPY_STEPS_MAX: Final = 40
"""Such steps of one round."""
COPY_STALE_S: Final = 2.0
"""After so long the loop takes a fan-out to be abandoned by the request that began it."""
ERASE_ROWS: Final = 1_000
"""Rows that one statement of an erasure deletes or blanks out."""
ERASE_STEPS_MAX: Final = 100
"""Such statements of one go."""
ERASE_PEOPLE: Final = 20
"""Erasures that one round works on."""
PERSON_EXPORT_ROWS: Final = 500
"""Rows that the export of one person reads at once."""
EXPORTED_MESSAGES_MAX: Final = 10_000
"""Messages that the export of one person looks through, the newest first."""
