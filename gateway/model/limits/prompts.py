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

# --- what visitors answered -------------------------------------------------------------------------------------------
OUTCOMES_PER_REQUEST_MAX: Final = 20
OPT_IN_PATH_CHARS_MAX: Final = 1_000
"""As a page sends it."""
OPT_IN_PAGE_CHARS_MAX: Final = 120
"""As it is counted."""
OPT_IN_SEGMENT_CHARS_MAX: Final = 40
"""A longer part of a path is somebody's number or token rather than a page."""
OPT_IN_SEGMENT_DIGITS_MAX: Final = 3
"""As is one with more digits than that."""
OPT_IN_ROWS_PER_DAY_MAX: Final = 5_000
"""Rows of one app and day that name their page; what comes then is counted without it."""
OPT_IN_QUEUE_MAX: Final = 10_000
"""Outcomes waiting for their transaction, half of them of one app; beyond it pages hear 429."""
OPT_IN_BATCH_MAX: Final = 1_000
"""Outcomes of one transaction."""
OPT_IN_FLUSH_S: Final = 0.25
"""From the beginning of one such transaction to the next: each counts the rows of its app's day."""
OPT_IN_RETRY_S: Final = 5
OPT_IN_KEPT_DAYS: Final = 400
"""A year and a month, so that this month can be held against last year's."""
OPT_IN_DAYS_DEFAULT: Final = 30
OPT_IN_PAGES_SHOWN_MAX: Final = 50
OPT_IN_ANSWERS_MIN: Final = 100
"""Fewer answers to the browser's question prove nothing about a site."""
OPT_IN_GRANT_RATE_MIN: Final = 0.3
"""Of those who answered the browser. Chrome quietens sites whose visitors hardly ever agree and names no figure; of all
questions on all sites 10 % (desktop) and 21 % (Android) were granted (I. Bilogrevic et al., USENIX Security 2021)."""
PROMPTS_PER_ROUND_MAX: Final = 50
"""Prompts whose winner one round looks for."""
PROMPT_LOOK_AGAIN_S: Final = 3_600
"""Where too few visitors were asked for a winner."""
