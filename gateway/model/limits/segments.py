"""Saved audiences, and lists that a shop brings."""

from typing import Final

SEGMENTS_PER_APP_MAX: Final = 500
SEGMENT_DEPTH_MAX: Final = 5
"""Segments that stand on segments: each level is one more look when a send is read."""
SEGMENT_PARTS_MAX: Final = 500
"""Conditions of an audience with all its segments written out: they become arguments of one statement."""
AUDIENCE_SEGMENTS_MAX: Final = 20
"""Segments, and lists, that one audience names by its selectors."""
LISTS_PER_APP_MAX: Final = 500
LIST_IMPORT_ROWS: Final = 2_000
"""Lines of a list that are written together: a tenth of a second, in two transactions."""
LIST_FILL_HOURS_MAX: Final = 24
"""An upload that replaces a list has so long to end; after that what it had written is cleared away."""
LIST_NUMBER_KEPT_S: Final = 60
"""A number that a list gave up stays on the rows so long, far longer than a send goes on with what it knows of it."""
NAMES_KEPT_S: Final = 5.0
"""How long a running message goes on with what it knows of segments, lists and topics before it looks again."""
HOLDOUT_PERCENT_MAX: Final = 50.0
"""Of an app: a control group beyond half of everybody is a typing error."""
SEGMENT_USES_READ_MAX: Final = 1_000
"""Messages under way that are looked through before a segment goes."""
