"""Names of topics, segments and lists."""

import re
from typing import Final

from gateway.model.limits import SLUG_CHARS_MAX

SLUG: Final = re.compile(rf"[a-z0-9](?:[a-z0-9._-]{{0,{SLUG_CHARS_MAX - 1}}})")
"""Lower-case letters, digits, dot, dash, underscore; a letter or digit first."""
