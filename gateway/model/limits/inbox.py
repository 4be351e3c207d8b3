"""The inbox in the page: how far back it goes, how much one reader may cost, how long a visitor is known."""

from typing import Final

INBOX_DAYS: Final = 30
"""A message stays in the inbox for so long after it was planned, and no longer than it says itself."""
INBOX_CAMPAIGNS_MAX: Final = 500
"""The newest messages of an app that are for more than names: readers look through so many and no further."""
INBOX_NAMED_MAX: Final = 100
"""The newest messages that name one reader."""
INBOX_LOOKED_AT: Final = 100
"""Messages that are looked at together, newest first, until a page is full; unread ones are counted among these."""
INBOX_YIELD_EVERY: Final = 10
"""Messages after which everybody else in the process gets a turn: each takes a fraction of a millisecond."""
INBOX_SHELF_KEPT_S: Final = 5.0
"""How long a process goes on with what it knows of an app's messages: a new one may take so long to be seen."""
INBOX_MOVING_S: Final = 10
"""While a message is still going out, an answer about who got it holds for so long."""
INBOX_KEPT_MESSAGES_MAX: Final = 20_000
"""Messages of all apps that a process remembers at once; with more it forgets all and asks the store again."""
INBOX_DEVICES_MAX: Final = 20
"""The devices of a person whose messages are looked for, the latest to log in first."""
INBOX_MARKS_MAX: Final = 200
"""Messages that a reader marked one by one; more than a reader sees. With more the first ones marked are forgotten."""
INBOX_MARKED_AT_ONCE_MAX: Final = 100
INBOX_POLL_S: Final = 60
"""How often an open page that shows banners asks at first; it waits longer while nothing happens."""
VISITOR_DAYS: Final = 180
"""A visitor who was not seen for so long is forgotten."""
VISITOR_SEEN_S: Final = 86_400
"""How exactly it is known when a visitor was last seen: a write a day at most."""
VISITORS_PER_PERSON_MAX: Final = 100
"""As for devices: one more takes the place of the one that was not seen for the longest."""
VISITORS_EVERY_S: Final = 5.0
"""One address makes a new visitor of an app so often in the long run: a browser needs one in half a year."""
VISITORS_BURST: Final = 100
"""And so many at once: a school behind one address."""
