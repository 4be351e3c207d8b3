"""Names of time zones: which of them this machine knows."""

import re
import zoneinfo
from functools import lru_cache
from typing import Final

from gateway.model.limits import TIMEZONE_CHARS_MAX, TIMEZONES_KEPT_MAX

_NAME: Final = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
_NO_ZONES: Final = ("posix/", "right/", "posixrules", "localtime", "Factory")


@lru_cache(maxsize=TIMEZONES_KEPT_MAX)
def is_timezone(text: str) -> bool:
    """Whether this machine knows the zone. Costs a look at the disk for a new name, nothing for a known one."""
    if len(text) > TIMEZONE_CHARS_MAX or _NAME.fullmatch(text) is None or text.startswith(_NO_ZONES):
        return False
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
