"""Every bound of the gateway, with its unit and the reason for its size.

One file, so that an operator can read what the gateway takes, and a reviewer can see that nothing is unbounded.
"""

from typing import Final

# --- requests ---------------------------------------------------------------------------------------------------------
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
CONNECTIONS_MAX: Final = 10_000
"""Open connections of one API process; more are closed at once."""
CONNECTIONS_PER_ADDRESS_MAX: Final = 1_000
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
PROGRESS_STREAMS_MAX: Final = 100
"""Progress streams of one process; each looks at the database twice a second while its message moves."""
PROGRESS_INTERVAL_S: Final = 0.5
PROGRESS_HEARTBEAT_S: Final = 15.0
"""A comment line so that proxies keep a quiet stream open."""
PROGRESS_STREAM_S_MAX: Final = 3_600.0
"""A stream ends after so long; the client connects again."""
URL_BYTES_MAX: Final = 2048
"""Endpoints and links; longer ones break proxies, and no push service hands them out."""

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

# --- delivery ---------------------------------------------------------------------------------------------------------
GROUP_RECIPIENTS_MAX: Final = 500
"""Recipients read, sent and settled together: what a crash may repeat, per group in flight."""
GROUPS_IN_FLIGHT_MAX: Final = 4
"""Groups a worker process holds at once."""
GROUP_RECIPIENTS_MIN: Final = 50
"""So many places have to be free before the next group is read: a statement for a few recipients is a waste."""
RUNNERS_PER_GROUP_MAX: Final = 500
"""Recipients of a group that are tried side by side; lanes and connections set the bounds that matter."""
LATE_AFTER_S: Final = 2.0
"""A group waits so long for its slowest; then they go on in a chunk of their own, and the others are settled."""
AHEAD_S: Final = 600
"""So long before a scheduled message idle workers begin to make keys for it."""
CLAIM_CANDIDATES_MAX: Final = 256
"""Messages that one look for due work goes through; the next look goes on behind them."""
CHUNK_RECIPIENTS_AIM: Final = 8_000
"""Recipients behind one range chunk: few rows per send, and still work for every core."""
LIST_CHUNK_RECIPIENTS_MAX: Final = 500
"""Ids in a chunk that names its recipients (retries, few people)."""
LEASE_S: Final = 60
"""A claimed chunk belongs to its worker for so long, on database time; renewed by each settled group."""
BORN_CLAIMED_LEASE_S: Final = 30
"""The same for a message that the accepting process sends itself."""
SEND_DEADLINE_S: Final = 10.0
"""One request to a push service, from connect to the last byte of the answer."""
ANSWER_BYTES_MAX: Final = 4096
"""What is read of a push service's answer."""
RETRY_BASE_S: Final = 1.0
RETRY_BASE_THROTTLED_S: Final = 60.0
"""First wait after a 429 that names no time (Firebase's advice, and harmless elsewhere)."""
RETRY_CAP_S: Final = 900.0
RETRY_AFTER_S_MAX: Final = 3600
"""A push service that asks for more is asked again after an hour."""
ATTEMPTS_MAX: Final = 8
"""Counted attempts before a recipient is given up as failed."""
LANE_IN_FLIGHT_MAX: Final = 2_000
"""Requests under way at once per lane and process: as many as a process may have under way at all."""
LANE_IN_FLIGHT_START: Final = 128
"""The same before a lane knows what its service bears: enough for full speed at usual answer times."""
LANE_WAIT_S_MAX: Final = 1.0
"""A push waits so long for its turn on a slow lane; beyond it is put off, so that others of its group go on."""
LANE_PUT_OFF_S_MAX: Final = 300.0
"""The longest that a push is put off because its lane is slow: it may get faster meanwhile."""
LANE_RATE_MIN: Final = 1.0
"""Pushes a second that a service which throttles still gets: less, and a small message takes hours."""
LANES_MAX: Final = 20_000
"""Lanes that a process remembers; beyond it those with nothing to remember are forgotten."""
LANES_STANDING_MAX: Final = 20_000
"""Lanes that processes tell each other of."""
AMBIGUOUS_WINDOW: Final = 200
"""Answers of a credential that are looked back on when some blame either the device or our key."""
AMBIGUOUS_ANSWERS_MIN: Final = 20
AMBIGUOUS_SHARE_MAX: Final = 0.2
"""Above this share the credential is at fault: the lane stops and no device is dropped."""
SUSPECT_GAP_S: Final = 3600
"""A device is dropped on a second ambiguous answer at least so long after the first."""

# --- receipts ---------------------------------------------------------------------------------------------------------
RECEIPTS_PER_REQUEST_MAX: Final = 20
RECEIPT_TOKEN_DAYS: Final = 30
RECEIPT_TOKEN_CHARS_MAX: Final = 200
"""A genuine one has 55."""
RECEIPT_QUEUE_MAX: Final = 10_000
"""Genuine receipts waiting for their transaction; beyond it devices hear 429 and keep them."""
RECEIPT_BATCH_MAX: Final = 500
"""Receipts of one flush."""
RECEIPT_FLUSH_S: Final = 0.05
"""A receipt waits at most so long for company."""

# --- processes --------------------------------------------------------------------------------------------------------
DRAIN_S: Final = 20
"""Sends under way may finish for so long after SIGTERM."""
METRICS_WAIT_S: Final = 2.0
"""How long the metrics listener waits for one process."""
ACCEPT_QUEUE_MAX: Final = 2_000
"""Requests waiting for the next group commit; beyond it a caller gets a 503 at once."""
ACCEPT_BATCH_MAX: Final = 64
"""Requests in one group commit."""

# --- push services ----------------------------------------------------------------------------------------------------
PUSH_BODY_BYTES_MAX: Final = 4096
"""Body that a push service must take at least, RFC 8030 section 7.2; ours take no more."""
APNS_PAYLOAD_BYTES_MAX: Final = 4_096
"""Apple, "Generating a remote notification"; VoIP has more."""
APNS_VOIP_PAYLOAD_BYTES_MAX: Final = 5_120
FCM_PAYLOAD_BYTES_MAX: Final = 4_096
"""Google, "About FCM messages"; to a topic it is less."""
FCM_TOPIC_PAYLOAD_BYTES_MAX: Final = 2_048

# --- store ------------------------------------------------------------------------------------------------------------
STATEMENT_TIMEOUT_S: Final = 30.0
"""One statement of the pool: above the slowest report, below the patience of a load balancer (60 s)."""
LOCK_TIMEOUT_S: Final = 5.0
"""How long a statement queues behind a lock before it gives up: a pile-up behind one takes every connection."""
IDLE_IN_TRANSACTION_S: Final = 30.0
"""A transaction whose owner fell silent is ended by the server, so that it stops holding locks and dead rows."""
CONNECTION_WAIT_S: Final = 1.0
"""How long a caller waits for a connection, before it hears 503: shorter than a shop's own request deadline."""
PING_S: Final = 0.5
"""How long readiness waits for the database."""
POOL_CONNECTIONS_MAX: Final = 8
"""Connections of one process by default: 12 processes stay under Postgres' own default of 100."""
MIGRATION_LOCK_TIMEOUT_S: Final = 4.0
"""How long a migration queues for a table lock: everybody else queues behind it meanwhile."""
MIGRATION_STATEMENT_TIMEOUT_S: Final = 5.0
"""One statement of a migration, unless its file sets another: a longer one belongs into batches."""
MIGRATION_LOCK_ATTEMPTS_MAX: Final = 20
"""How often a migration asks again for a lock that it did not get."""
MIGRATION_LOCK_PAUSE_S: Final = 1.0
"""Pause between two such attempts, in which the queue behind us drains."""
MIGRATION_TURN_S: Final = 600.0
"""How long one migrating process waits for another one to finish."""
MIGRATION_FILE_BYTES_MAX: Final = 1024 * 1024
"""One migration file; a larger one is data, not schema."""

# --- wire -------------------------------------------------------------------------------------------------------------
EGRESS_RULES_MAX: Final = 1_000
"""Hosts that an operator may allow; each new origin is compared with every one."""
EGRESS_ORIGINS_KEPT_MAX: Final = 4_096
"""Origins whose permission is remembered. Wildcard hosts let strangers invent names."""
EGRESS_ADDRESSES_MAX: Final = 32
"""Addresses of one name that are looked at."""
CONNECTIONS_MAX: Final = 256
"""Open connections of one process to push services."""
CONNECT_DEADLINE_S: Final = 5.0
"""TCP and TLS together; nothing was sent yet when it passes."""
CONNECTION_IDLE_S: Final = 90.0
"""An unused HTTP/1.1 connection is closed after so long; push services keep theirs for minutes."""
DNS_KEPT_S: Final = 30
"""How long a checked answer of a name server is used for new connections."""
HEADER_NAMES_KEPT_MAX: Final = 256
"""Names of request headers whose check is remembered."""
HEADER_TABLE_BYTES_MAX: Final = 16_384
"""What we use of the other side's table of request headers, even if it offers more: tokens of a few dozen tenants."""
FIELDS_KEPT_MAX: Final = 256
"""Sets of shared request headers whose encoding one connection remembers."""
CONTENT_LENGTHS_KEPT_MAX: Final = 1_024
"""Lengths of bodies whose header one connection remembers encoded."""
HEADER_BLOCKS_KEPT_MAX: Final = 256
"""Header blocks of answers whose meaning is remembered: most answers of a second are the same."""
HEADER_BLOCK_BYTES_MAX: Final = 16_384
"""The headers of one answer as they come over HTTP/2, and as RFC 9113 section 6.5.2 counts them."""
HEADER_BLOCK_FRAMES_MAX: Final = 16
"""Frames that one header block may come in (CVE-2024-27316 and its like)."""
INTERIM_ANSWERS_MAX: Final = 8
"""Answers with a status of 1xx before the real one."""
NEEDLESS_FRAMES_MAX: Final = 1_000
"""HTTP/2 frames a second that move no request of ours on; more is an attack (CVE-2019-9512, 9515 and their like)."""
HTTP2_STREAMS_MAX: Final = 1_000
"""Requests at once on one connection, even if the other side takes more: what Apple allows."""
HTTP2_RECEIVE_WINDOW_BYTES: Final = 1024 * 1024
"""What all answers of a connection may have on the way; each alone has the 65,535 bytes of the standard."""
HTTP2_IDLE_S: Final = 600.0
"""An unused HTTP/2 connection is closed after so long; Apple asks to keep them."""
PING_AFTER_S: Final = 15.0
"""Silence after which a connection with requests on their way is asked whether it lives."""
PING_IDLE_S: Final = 60.0
"""The same without requests: what home routers and clouds forget is noticed before it is needed."""
PING_ANSWER_S: Final = 10.0
"""How long an answer to that may take."""
RECEIVE_BUFFER_BYTES: Final = 64 * 1024
"""What one connection reads at once: a few hundred answers."""
SEND_BUFFER_BYTES_MAX: Final = 256 * 1024
"""Bytes that may wait to be taken by the other side before a connection starts no more requests."""
CLOSE_S: Final = 1.0
"""How long a closed connection may take to send its goodbye."""
DEADLINE_STEP_S: Final = 0.1
"""How exactly the deadlines of requests are kept: one look at all of them costs less than a timer for each."""
IDLE_STEP_S: Final = 5.0
"""How often connections without requests are looked at."""
REQUESTS_WAITING_MAX: Final = 10_000
"""Requests that wait for room on the connections to one place."""
RESENDS_MAX: Final = 2
"""How often a request that was certainly not processed is sent again at once."""
RECONNECT_S_MIN: Final = 0.25
RECONNECT_S_MAX: Final = 30.0
"""Pause after the first failure to connect, doubled by each further one. Apple treats rapid reconnects as an attack."""
HTTP1_CONNECTING_MAX: Final = 8
"""Connections opened at once to a place that speaks HTTP/1.1; over HTTP/2 it is one."""
CONNECTION_HELD_S_MIN: Final = 1.0
"""How long a connection is safe from being given up for a place that has none."""
TLS_CONTEXTS_KEPT_MAX: Final = 256
"""Client certificates that are kept loaded."""
RESPONSE_HEADERS_MAX: Final = 64
"""Header lines of an answer; more is an attack or a mistake."""
AGREEMENTS_BYTES_MAX: Final = 64 * 1024 * 1024
"""Memory of one process for sender keys made ahead: some 220,000 of them."""
AGREEMENT_ENTRY_BYTES: Final = 300
"""What one of them takes: 64 for its name, 144 for its key and secret, and up to 92 in a table that is growing."""
AGREEMENT_LIFE_S: Final = 3600.0
"""A sender key made ahead is forgotten after half to all of this time: a stolen memory image holds no more."""
TOPICS_KEPT_MAX: Final = 1_024
"""Collapse keys whose Topic header is remembered: all recipients of a message share one."""
REFUSALS_TOLD_MAX: Final = 256
"""Different refusals of push services that one process tells of, before it may repeat itself."""
VAPID_TOKEN_RENEW_S_MIN: Final = 60.0
"""A header that a service refused is signed anew if it is this old: a younger one is refused for another reason."""
VAPID_TOKEN_LIFE_S: Final = 12 * 3600
"""RFC 8292 section 2 allows 24 h at most."""
VAPID_TOKEN_LIFE_S_MAX: Final = 24 * 3600
VAPID_ORIGINS_KEPT_MAX: Final = 256
"""Push-service origins whose signed header one signer keeps; beyond it the least used is signed anew."""
VAPID_SUBJECT_CHARS_MAX: Final = 255
VAPID_HEADER_CHARS_MAX: Final = 4_096
RSA_KEY_BITS_MIN: Final = 2_048
"""RFC 7518 section 3.3."""
RSA_KEY_BITS_MAX: Final = 8_192
"""A longer key signs for seconds."""
MASTER_KEYS_MAX: Final = 16
"""The current master key and older ones that still open rows."""
MASTER_KEY_FILE_BYTES_MAX: Final = 1_024

# --- command line -----------------------------------------------------------------------------------------------------
CLI_ANSWER_S: Final = 60.0
"""How long the command line waits for the gateway to say something: an import's last lines take longest."""
CLI_POLL_S: Final = 0.5
"""Between two looks at a message that is being sent."""
CLI_WAIT_S_MAX: Final = 24 * 3600.0
"""`steeple send --wait` gives up after so long; the message goes on."""
CLI_PAGES_MAX: Final = 1_000_000
"""Pages that an export follows before it takes the gateway to be going in circles."""
CLI_ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""One answer of the gateway that the command line reads."""

# --- tenancy ----------------------------------------------------------------------------------------------------------
KEPT_S: Final = 5.0
"""How long a process goes on with what it knows of an app, a key or a credential: a change elsewhere takes so long."""
MISS_KEPT_S: Final = 1.0
"""The same for "there is no such thing": a flood of wrong ids or keys asks the database once a second for each."""
KEPT_ENTRIES_MAX: Final = 10_000
"""Apps (or keys) that a process remembers at once; the one not asked for the longest is forgotten first."""
API_KEY_NAME_CHARS_MAX: Final = 100
API_KEY_TEXT_CHARS_MAX: Final = 128
"""Longer texts are no keys, and are not looked at."""
ORIGIN_CHARS_MAX: Final = 270
"""`https://`, the longest host name there is, and a port."""
LINK_HOSTS_PER_APP_MAX: Final = 100
SETTINGS_BYTES_MAX: Final = 16 * 1024
"""An app's settings, as JSON."""
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
DEMO_ANSWER_S: Final = 10.0
"""How long the demo shop waits for its gateway."""
DEMO_DEVICES_MIN: Final = 3
"""Two phones and a browser."""
DEMO_DEVICES_MAX: Final = 100_000
"""Virtual devices of a demo: enough to see a bar move."""
DEMO_START_S: Final = 120.0
"""How long the gateway of the demo may take to get ready; the first start makes a database."""

# --- pruning ----------------------------------------------------------------------------------------------------------
PRUNE_ROWS: Final = 1_000
"""Rows that one statement of pruning deletes: a few hundredths of a second."""
PRUNE_MESSAGES: Final = 200
"""Messages whose work or counts one step of pruning looks for."""
PRUNE_PROBES_MAX: Final = 4_000
"""Messages times buckets of such a step: each is a look into the index."""
PRUNE_STEPS_MAX: Final = 50
"""Steps of each kind in one round: a round a minute then deletes 70 million rows a day, and a stop waits seconds."""
