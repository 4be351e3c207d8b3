"""Connections to push services, encryption, signatures."""

from typing import Final

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
LATE_SWEEPS_MAX: Final = 5
"""So often in a row a look at deadlines that comes late itself ends nobody's request."""
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
AGREEMENTS_BYTES_MAX: Final = 128 * 1024 * 1024
"""Memory of one process for sender keys made ahead: some 440,000 of them."""
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
