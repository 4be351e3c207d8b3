"""What the words of a message may take: templates, the values in them, links."""

from typing import Final

TEMPLATES_PER_APP_MAX: Final = 500
TEMPLATE_NAME_CHARS_MAX: Final = 100
VARIABLES_BYTES_MAX: Final = 16_384
"""Values that a message brings for its texts, as JSON."""
VARIABLES_DEPTH_MAX: Final = 8
FIELD_PATH_STEPS_MAX: Final = 8
"""Names in one field, such as the three of `user.tags.size`."""
TEXT_OUTPUT_BYTES_MAX: Final = 8_192
"""What one text may become for one person; a push holds less, and the exact check is on the payload."""
TEXT_STEPS_MAX: Final = 2_000
"""Look-ups, filters and writes of one text for one person: about two milliseconds."""
TEXT_ROUNDS_MAX: Final = 200
"""Rounds of all loops of one text for one person together."""
TEXT_NESTING_MAX: Final = 10
"""Blocks inside blocks of one text."""
TEXT_BLANKS_MAX: Final = 64
"""Blanks in a row in a text in Liquid; its reader looks at each of them from each of them."""
TEXT_UNCLOSED_MAX: Final = 2
"""Openings of braces behind which nothing closes, as they may stand in `raw`; each is looked behind up to the end."""
VALUE_CHARS_MAX: Final = 8_192
"""A text between two filters."""
VALUE_ITEMS_MAX: Final = 200
"""A list between two filters."""
NUMBER_DIGITS_MAX: Final = 18
"""A number between two filters, before its decimal point."""
DATE_PATTERN_CHARS_MAX: Final = 64
RENDERINGS_KEPT_MAX: Final = 256
"""Ready-made payloads of one message in one process: one for each language and each set of parts left out."""
TEXTS_KEPT_MAX: Final = 512
"""Parsed texts that a process remembers."""
UTM_CHARS_MAX: Final = 200
"""One value of a link's campaign parameters."""
DEEP_LINK_SCHEMES_MAX: Final = 20
"""Schemes of an app's own, such as `shopapp` in `shopapp://cart`."""
