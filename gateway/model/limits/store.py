"""Statements, locks, migrations, pruning."""

from typing import Final

# --- store ------------------------------------------------------------------------------------------------------------
STATEMENT_TIMEOUT_S: Final = 30.0
"""One statement of the pool: above the slowest report, below the patience of a load balancer (60 s)."""
LOCK_TIMEOUT_S: Final = 5.0
"""How long a statement queues behind a lock before it gives up: a pile-up behind one takes every connection."""
IDLE_IN_TRANSACTION_S: Final = 30.0
"""A transaction whose owner fell silent is ended by the server, so that it stops holding locks and dead rows."""
CONNECTION_WAIT_S: Final = 1.0
"""How long a caller waits for a connection, before it hears 503: shorter than a shop's own request deadline."""
PING_S: Final = 0.5
"""How long readiness waits for the database."""
POOL_CONNECTIONS_MAX: Final = 8
"""Connections of one process by default: 12 processes stay under Postgres' own default of 100."""
GROUP_COMMIT_APPS_KEPT_MAX: Final = 1_000
"""Apps whose pace of writing a process remembers; beyond it those that are idle are forgotten."""
MIGRATION_LOCK_TIMEOUT_S: Final = 4.0
"""How long a migration queues for a table lock: everybody else queues behind it meanwhile."""
MIGRATION_STATEMENT_TIMEOUT_S: Final = 5.0
"""One statement of a migration, unless its file sets another: a longer one belongs into batches."""
MIGRATION_LOCK_ATTEMPTS_MAX: Final = 20
"""How often a migration asks again for a lock that it did not get."""
MIGRATION_LOCK_PAUSE_S: Final = 1.0
"""Pause between two such attempts, in which the queue behind us drains."""
MIGRATION_TURN_S: Final = 600.0
"""How long one migrating process waits for another one to finish."""
MIGRATION_FILE_BYTES_MAX: Final = 1024 * 1024
"""One migration file; a larger one is data, not schema."""

# --- pruning ----------------------------------------------------------------------------------------------------------
PRUNE_ROWS: Final = 1_000
"""Rows that one statement of pruning deletes: a few hundredths of a second."""
PRUNE_MESSAGES: Final = 200
"""Messages whose work or counts one step of pruning looks for."""
PRUNE_PROBES_MAX: Final = 4_000
"""Messages times buckets of such a step: each is a look into the index."""
PRUNE_STEPS_MAX: Final = 50
"""Steps of each kind in one round: a round a minute then deletes 70 million rows a day, and a stop waits seconds."""
