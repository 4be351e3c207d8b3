"""What a process remembers of apps and keys; opting in and moving devices."""

from typing import Final

# --- tenancy ----------------------------------------------------------------------------------------------------------
KEPT_S: Final = 5.0
"""How long a process goes on with what it knows of an app, a key or a credential: a change elsewhere takes so long."""
MISS_KEPT_S: Final = 1.0
"""The same for "there is no such thing": a flood of wrong ids or keys asks the database once a second for each."""
KEPT_ENTRIES_MAX: Final = 10_000
"""Apps (or keys) that a process remembers at once; the one not asked for the longest is forgotten first."""
KEY_IDLE_DAYS: Final = 180
"""An old key may go when the last device that needs it has stayed away for so long: they hardly come back."""
API_KEY_NAME_CHARS_MAX: Final = 100
API_KEY_TEXT_CHARS_MAX: Final = 128
"""Longer texts are no keys, and are not looked at."""
ORIGIN_CHARS_MAX: Final = 270
"""`https://`, the longest host name there is, and a port."""
LINK_HOSTS_PER_APP_MAX: Final = 100
SETTINGS_BYTES_MAX: Final = 16 * 1024
"""An app's settings, as JSON."""
APPS_STOPPED_MAX: Final = 10_000
"""Apps that are stopped by hand at a time; every process knows them all."""
STOP_REASON_CHARS_MAX: Final = 500
"""Why an app was stopped, in the words of whoever did it."""
SECRETS_OF_A_KIND_MAX: Final = 255
"""Secrets of one kind that an app ever has: a receipt token names its secret by one byte."""
INSERT_ATTEMPTS_MAX: Final = 8
"""How often a new row asks for the next free number while others take it in the same moment."""
TOKEN_LEASE_S: Final = 15.0
"""A process that makes a provider's access token for all has so long: above one request's deadline."""
TOKEN_POLL_S: Final = 0.1
"""Between two looks of a process that has no token and waits for the one being made elsewhere."""
TOKEN_LOOKS_MAX: Final = 400
"""Such looks: longer than two leases, in case the first owner dies."""
TOKEN_LOOK_AGAIN_S: Final = 1.0
"""A process that goes on with the old token looks so often for the one being made elsewhere."""
TOKEN_PAUSE_BASE_S: Final = 1.0
"""After a failed attempt to get a token nobody tries for so long, doubled by each further failure."""
TOKEN_PAUSE_CAP_S: Final = 60.0
PROVIDER_TOKENS_KEPT_MAX: Final = 4_096
"""Access tokens that a process remembers; with more it forgets all and asks the store again."""

# --- subscribers ------------------------------------------------------------------------------------------------------
TAG_NAME_CHARS_MAX: Final = 64
ENROL_ATTEMPTS_MAX: Final = 4
"""How often an opt-in looks again when somebody else takes or frees the same address in the same moment."""
TIMEZONES_KEPT_MAX: Final = 1_024
"""Zone names whose verdict is remembered; there are about 600."""
IMPORT_BATCH_ROWS: Final = 2_000
"""Rows of one transaction of an import: what a crash may cost, and few enough to hold locks for a blink."""
IMPORT_WRITES_MAX: Final = 2
"""Batches of an import on their way to the database at once: one is prepared while another is worked on there."""
IMPORT_STEP_LINES: Final = 64
"""Lines read between two looks at everything else that this process does: about 2 ms."""
IMPORT_ATTEMPTS_MAX: Final = 5
"""How often a batch is tried when others change the same rows in the same moment."""
EXPORT_PAGE_ROWS: Final = 1_000
"""Rows that an export reads at once."""
