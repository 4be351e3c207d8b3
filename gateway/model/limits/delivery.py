"""How messages get on their way, and what push services and devices say of them."""

from typing import Final

# --- delivery ---------------------------------------------------------------------------------------------------------
GROUP_RECIPIENTS_MAX: Final = 500
"""Recipients read, sent and settled together: what a crash may repeat, per group in flight."""
GROUPS_IN_FLIGHT_MAX: Final = 4
"""Groups a worker process holds at once."""
GROUP_RECIPIENTS_MIN: Final = 50
"""So many places have to be free before the next group is read: a statement for a few recipients is a waste."""
RUNNERS_PER_STEP: Final = 64
"""Recipients of a group that are tried side by side at first; more every few moments while answers take long."""
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
LANE_IN_FLIGHT_MIXED: Final = 16
"""The fewest at once where some pushes fail and others of the same second get through."""
LANE_WAIT_S_MAX: Final = 1.0
"""A push waits so long for its turn on a slow lane; beyond it is put off, so that others of its group go on."""
LANE_PUT_OFF_S_MAX: Final = 60.0
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
INQUIRY_DEVICES_MAX: Final = 20
"""Devices that are looked up before a lane is stopped for what was said of them."""
INQUIRY_KNOWN_MIN: Final = 3
"""So many devices that were reached before have to be refused, with nobody reached in between: one or two just died."""
INQUIRY_S: Final = 3.0
"""How long a lane that nobody got through on waits to hear of them; then it stops, as it would for known ones."""
INQUIRY_DAYS: Final = 31
"""How far back is looked for what reached them."""
INQUIRY_GROUPS: Final = 5
"""Settled groups in which somebody is looked for who was reached with a key."""
SUSPECT_GAP_S: Final = 3600
"""A device is dropped on a second ambiguous answer at least so long after the first."""

# --- receipts ---------------------------------------------------------------------------------------------------------
RECEIPTS_PER_REQUEST_MAX: Final = 20
RECEIPT_TOKEN_DAYS: Final = 30
CLICK_LINK_DAYS: Final = 90
"""A link by way of the gateway leads somewhere for as long as its message is kept; it counts as long as a receipt."""
CLICK_BASE_CHARS_MAX: Final = 100
"""Of the address that such links begin with."""
RECEIPT_TOKEN_CHARS_MAX: Final = 200
"""A genuine one has 55."""
RECEIPT_QUEUE_MAX: Final = 10_000
"""Genuine receipts waiting for their transaction, half of them of one app; beyond it devices hear 429 and keep them."""
RECEIPT_RETRY_S: Final = 5
"""What they hear how long to keep them."""
RECEIPT_BATCH_MAX: Final = 500
"""Receipts of one flush."""
RECEIPT_FLUSH_S: Final = 0.05
"""A receipt waits at most so long for company."""

# --- push services ----------------------------------------------------------------------------------------------------
PUSH_BODY_BYTES_MAX: Final = 4096
"""Body that a push service must take at least, RFC 8030 section 7.2; ours take no more."""
APNS_PAYLOAD_BYTES_MAX: Final = 4_096
"""Apple, "Generating a remote notification"; VoIP has more."""
APNS_VOIP_PAYLOAD_BYTES_MAX: Final = 5_120
FCM_PAYLOAD_BYTES_MAX: Final = 4_096
"""Google, "About FCM messages"; to a topic it is less."""
FCM_TOPIC_PAYLOAD_BYTES_MAX: Final = 2_048

# --- receipts of large messages ---------------------------------------------------------------------------------------
RECEIPTS_PER_S_AIM: Final = 1_000
"""So many devices of one message should report within a second: a fifth of what one core takes in."""
SPREAD_S_MIN: Final = 2
"""A shorter spread is no use: push services deliver less evenly than that by themselves."""
SPREAD_S_MAX: Final = 25
"""A worker lives so long after its push: Firefox ends an idle one after 30 seconds. The push is not kept open, as
Chromium would hold back the next one. `sdk-js/src/payload.js` has its copy of it."""

# --- recall -----------------------------------------------------------------------------------------------------------
RECALL_LOOK_AGAIN_S: Final = 0.5
"""A recall is looked at so often while groups of the message that it takes back are still under way."""
RECALL_BUCKETS_AT_ONCE: Final = 32
"""Whose people are written down by one statement: of the largest app that is a few hundred thousand."""
