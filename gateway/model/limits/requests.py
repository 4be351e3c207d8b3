"""What the API takes of one request, one client, one list."""

from typing import Final

ACCEPT_LANGUAGE_CHARS_MAX: Final = 500
ACCEPTED_LANGUAGES_MAX: Final = 20
"""Of an Accept-Language header so much is read."""

PUBLIC_BODY_BYTES_MAX: Final = 64 * 1024
"""Body of a call that anybody may make. A subscription is under 2 KiB."""
SEND_BODY_BYTES_MAX: Final = 1024 * 1024
"""Body of a call with an API key: 10,000 ids of 25 bytes and a payload fit."""
BULK_BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""Body of a batch of 1,000 messages."""
IMPORT_LINE_BYTES_MAX: Final = 16 * 1024
"""One line of a streamed import; the stream itself has no bound."""
IMPORT_ERRORS_MAX: Final = 100
"""Faulty lines that an import names; the rest is counted."""
IDEMPOTENCY_KEY_BYTES_MAX: Final = 255
"""As Stripe's."""
IDEMPOTENCY_KEPT_DAYS: Final = 7
"""How long a repeated call gets the stored answer."""
PAGE_ROWS_MAX: Final = 100
"""Rows of one page of a list."""
PAGE_ROWS_DEFAULT: Final = 20
REQUEST_ID_CHARS_MAX: Final = 64
"""An X-Request-Id of the caller's own; longer or odd ones are replaced."""
HEADER_READ_S: Final = 10.0
"""A connection must bring its first request within so long, or it is closed: half-sent headers hold a socket."""
BODY_READ_S: Final = 30.0
"""A request's body must be there within so long; a streamed import may pause no longer than this."""
CLIENTS_MAX: Final = 10_000
"""Open connections of one API process; more are closed at once."""
CLIENTS_PER_ADDRESS_MAX: Final = 1_000
"""The same for one address that is no trusted proxy: browsers behind one NAT are many, but not that many."""
KEEP_ALIVE_S: Final = 75.0
"""Longer than the 60 s of common load balancers, so that they close first."""
LINGER_S: Final = 2.0
"""How long the rest of a refused body is read and thrown away, so that its sender sees the answer."""
RATE_BUCKETS_MAX: Final = 50_000
"""Callers whose rate is remembered in one process; the longest known is forgotten first."""
PUBLIC_BURST_FACTOR: Final = 5
"""A page view makes several calls at once."""
KNOWN_ORIGINS_MAX: Final = 4_096
"""Origins whose answer (ours or not) is remembered, for preflights that name no app."""
KNOWN_ORIGINS_S: Final = 10.0
"""How long a changed list of origins may go unnoticed by preflights."""
PREFLIGHT_AGE_S: Final = 86_400
"""How long a browser may keep a preflight's answer (Chromium caps it at two hours)."""
IDEMPOTENCY_TAKEOVER_S: Final = 60
"""A call that died leaves its key reserved; after so long a repetition may take it over."""
IDEMPOTENT_ANSWER_BYTES_MAX: Final = 1024 * 1024
"""A stored answer: a batch of 1,000 results is under 200 KiB."""
BATCH_MESSAGES_MAX: Final = 1_000
"""Messages of one batch."""
BATCH_IN_FLIGHT_MAX: Final = 64
"""Messages of one batch that are being accepted at once."""
SDK_FILE_BYTES_MAX: Final = 1024 * 1024
"""A built script that is served from memory; ours are under 30 KiB."""
SDK_FILES_MAX: Final = 100
"""Built scripts: the page script, its rooms, the worker."""
SDK_RELEASED_FILES_MAX: Final = 2_000
"""Files of former releases that are still served: some thirty a release, and half a MiB of memory."""
PROGRESS_STREAMS_MAX: Final = 100
"""Progress streams of one process; each looks at the database twice a second while its message moves."""
PROGRESS_INTERVAL_S: Final = 0.5
PROGRESS_HEARTBEAT_S: Final = 15.0
"""A comment line so that proxies keep a quiet stream open."""
PROGRESS_STREAM_S_MAX: Final = 3_600.0
"""A stream ends after so long; the client connects again."""
USER_AGENT_CHARS_MAX: Final = 400
"""As much of what a browser calls itself as is looked at."""
URL_BYTES_MAX: Final = 2048
"""Endpoints and links; longer ones break proxies, and no push service hands them out."""
TYPES_KEPT_MAX: Final = 256
"""Types of bodies whose fields a process remembers, to say what a wrong one takes; there are fewer."""
