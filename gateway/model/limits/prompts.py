"""Prompts that ask visitors, and the counts of what they answered."""

from typing import Final

# --- prompts ----------------------------------------------------------------------------------------------------------
PROMPTS_PER_APP_MAX: Final = 50
PROMPTS_ACTIVE_MAX: Final = 10
"""Every page reads them all, and the visitor sees the first whose rules hold."""
PROMPT_BYTES_MAX: Final = 16 * 1024
"""One prompt as pages get it, with all of its variants and languages."""
PROMPT_LANGUAGES_MAX: Final = 50
PROMPT_TITLE_CHARS_MAX: Final = 120
PROMPT_BODY_CHARS_MAX: Final = 400
PROMPT_BUTTON_CHARS_MAX: Final = 40
"""Two of them stand side by side on a phone."""
PROMPT_TOPICS_MAX: Final = 20
PROMPT_TOPIC_CHARS_MAX: Final = 80
PROMPT_PRIORITY_MAX: Final = 1_000
PROMPT_VARIANTS_MAX: Final = 5
PROMPT_PATTERNS_MAX: Final = 50
PROMPT_PATTERN_CHARS_MAX: Final = 200
PROMPT_PATTERN_STARS_MAX: Final = 5
"""`*` in one pattern: each one more is a search through the path on every page."""
PROMPT_PAGE_VIEWS_MAX: Final = 1_000
PROMPT_DELAY_S_MAX: Final = 3_600.0
PROMPT_CART_MAX: Final = 1e9
PROMPT_CORNER_PX_MAX: Final = 32
PROMPT_ICON_CHARS_MAX: Final = 300
PROMPT_BACK_OFFS_MAX: Final = 10
PROMPT_BACK_OFF_DAYS_MAX: Final = 365
PROMPT_CONTRAST_MIN: Final = 4.5
"""Of a text to what is behind it: WCAG 2.2, success criterion 1.4.3."""
PROMPT_EXPERIMENT_S_MIN: Final = 3_600
PROMPT_EXPERIMENT_S_MAX: Final = 90 * 86_400
