"""Processes and the command line."""

from typing import Final

# --- processes --------------------------------------------------------------------------------------------------------
DRAIN_S: Final = 20
"""Sends under way may finish for so long after SIGTERM."""
METRICS_WAIT_S: Final = 2.0
"""How long the metrics listener waits for one process."""
ACCEPT_QUEUE_MAX: Final = 2_000
"""Requests waiting for the next group commit; beyond it a caller gets a 503 at once."""
ACCEPT_BATCH_MAX: Final = 64
"""Requests in one group commit."""

# --- command line -----------------------------------------------------------------------------------------------------
CLI_ANSWER_S: Final = 60.0
"""How long the command line waits for the gateway to say something: an import's last lines take longest."""
CLI_POLL_S: Final = 0.5
"""Between two looks at a message that is being sent."""
CLI_WAIT_S_MAX: Final = 24 * 3600.0
"""`steeple send --wait` gives up after so long; the message goes on."""
CLI_PAGES_MAX: Final = 1_000_000
"""Pages that an export follows before it takes the gateway to be going in circles."""
KEY_FILE_BYTES_MAX: Final = 64 * 1024
"""A file with a key or a certificate that an operator brings; real ones have a few KiB."""
CLI_ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""One answer of the gateway that the command line reads."""
DEMO_ANSWER_S: Final = 10.0
"""How long the demo shop waits for its gateway."""
DEMO_DEVICES_MIN: Final = 3
"""Two phones and a browser."""
DEMO_DEVICES_MAX: Final = 100_000
"""Virtual devices of a demo: enough to see a bar move."""
DEMO_START_S: Final = 120.0
"""How long the gateway of the demo may take to get ready; the first start makes a database."""
