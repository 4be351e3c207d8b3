"""Every bound of the sandbox: what it remembers, how long it hangs, how much it takes. Units last."""

from typing import Final

LIFE_S_MAX: Final = 30 * 86_400
"""Longer lives are shortened, as Mozilla's autopush and Apple do."""
AGENTS_MAX: Final = 10_000
"""User agents that the sandbox remembers; the oldest is forgotten first."""
CHANNELS_PER_AGENT_MAX: Final = 1_000
STORED_PER_CHANNEL_MAX: Final = 500
"""Messages kept for one channel until its user agent comes; the oldest is dropped first."""
GONE_TOKENS_MAX: Final = 1_000_000
"""Tokens whose 410 is remembered; older ones answer 404."""
MINT_MAX: Final = 10_000_000
"""Virtual devices of one order. They cost no memory: a token proves itself."""
RECEIVER_KEYS_MAX: Final = 4_096
"""Real key pairs that the virtual devices of one order share."""
BATCHES_MAX: Final = 1_000
"""Orders of virtual devices in one sandbox."""
RULES_MAX: Final = 100
"""Fault rules in force at once."""
HANG_S_MAX: Final = 300
"""A hanging answer is given up after so long, so that no connection stays for ever."""
HUGE_BODY_BYTES_MAX: Final = 64 * 1024 * 1024
VERIFIED_HEADERS_MAX: Final = 10_000
"""Authorization headers whose verdict is remembered."""
ACKS_MAX: Final = 10_000
"""What user agents said about messages; the oldest is forgotten first."""
REQUEST_BYTES_MAX: Final = 64 * 1024
"""Body of one HTTP/2 request: far above what any push service takes, so that it gets to say so itself."""
PHONES_MAX: Final = 1_000
"""Phones that remember what they showed."""
SHOWN_MAX: Final = 100
"""Notifications on the screen of one phone; the oldest goes first."""
STORED_PER_PHONE_MAX: Final = 100
"""Messages that wait for an Android that is offline, as Google's documentation says of its own."""
ACCOUNTS_MAX: Final = 1_000
"""Keys, certificates, service accounts handed out by one sandbox, each kind."""
PROVIDER_TOKENS_MAX: Final = 10_000
"""Tokens of senders that are remembered; the oldest is forgotten first."""
FCM_PROJECT_PUSHES_A_MINUTE: Final = 600_000
"""Google, "Throttling and quotas": what a project gets by default."""
MCS_FRAME_BYTES_MAX: Final = 64 * 1024
"""One frame from Chromium; real ones are under 4 KiB."""
