"""Why a lane stands still or is slowed, in a sentence for the operator; and a number for those who wait for it.

The reasons are words that providers give with their outcomes; docs/operations/running.md says what to do about each.
"""

import hashlib
from typing import Final

SEVERAL: Final = 0
"""The mark of those among whom some wait for one lane and some for another."""
_MARK_BITS: Final = 31
_MEANINGS: Final = {
    "throttled": "The push service asked to slow down; sending goes on by itself, at the rate it takes.",
    "site_limited": "The push service lets this key send only so much, and has for minutes: it holds the site's"
    " notifications for unwanted. Send fewer; sending goes on at the rate it takes.",
    "unavailable": "The push service says that it is overloaded; it is tried again by itself.",
    "server_error": "The push service answers with errors; it is tried again by itself.",
    "timeout": "The push service does not answer in time; it is tried again by itself.",
    "broken": "The push service breaks connections off; it is tried again by itself.",
    "unprocessed": "The push service sends requests back unread; it is tried again by itself.",
    "unreachable": "No connection to the push service comes about; it is tried again by itself.",
    "unresolved": "The push service's name is not found; look at this machine's name server.",
    "token_unavailable": "The provider gives out no access token at the moment; it is tried again by itself.",
    "tls": "The push service's certificate is not trusted; look for a proxy that opens connections, and at the clock.",
    "blocked": "The push service has blocked this sender; ask it why.",
}
_OF_STATE: Final = {
    "running": "The lane runs, slowed.",
    "parked": "The push service wants no pushes at the moment; it is tried again by itself.",
    "stopped": "The push service refuses this key or its settings: mend it, then resume. Messages are kept.",
}


def meaning_of(*, state: str, reason: str) -> str:
    """What a lane in this state for this reason tells the operator."""
    return _MEANINGS.get(reason) or _OF_STATE[state]


def mark_of(credential_id: int, origin: str) -> int:
    """The number of an app's lane on chunks that wait for it, 1 to 2**31 - 1. Two that share one wake each other."""
    digest = hashlib.blake2b(f"{credential_id}.{origin}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % ((1 << _MARK_BITS) - 1) + 1
