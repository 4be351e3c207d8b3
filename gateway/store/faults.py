"""Which faults of Postgres mean "not now" (503, ask again) and which mean that we asked wrongly.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from typing import Final

import asyncpg

from gateway.model.errors import StoreUnavailable

LOST_TEXT: Final = "The connection to the database broke; whether the statement took effect is not known."
_UNAVAILABLE_CLASSES: Final = frozenset(
    {
        "08",  # connection lost or refused
        "40",  # rolled back in favour of another transaction: a deadlock, most often
        "53",  # out of disk, memory or connections
    }
)
_UNAVAILABLE_STATES: Final = frozenset(
    {
        "25006",  # read only: we hang on a replica, or a fail-over is under way
        "25P03",  # idle in transaction for too long
        "25P04",  # the transaction took too long
        "55P03",  # lock_timeout
        "57014",  # statement_timeout
        "57P01",  # shut down by an administrator
        "57P02",  # shut down by a crash
        "57P03",  # starting up or shutting down
        "57P05",  # idle session timeout
        "58000",  # system error
        "58030",  # I/O error
    }
)
_LOST_STATES: Final = frozenset({"25P03", "57P01", "57P02", "57P03", "57P05"})


def is_unavailable(fault: BaseException) -> bool:
    """Whether the fault says that Postgres is away, full, overdue or read only."""
    if isinstance(fault, asyncpg.PostgresError):
        state = _state(fault)
        return state in _UNAVAILABLE_STATES or state[:2] in _UNAVAILABLE_CLASSES
    return isinstance(fault, OSError | TimeoutError | asyncpg.InternalClientError)


def is_lost(fault: BaseException) -> bool:
    """Whether the connection is gone with the fault, so that another one may well serve."""
    if isinstance(fault, asyncpg.PostgresError):
        state = _state(fault)
        return state in _LOST_STATES or state[:2] == "08"
    # asyncpg says "internal" of a connection that is cut while its own statements are under way, as at its start.
    return isinstance(fault, ConnectionError | asyncpg.InternalClientError)


def was_deadlock(fault: BaseException) -> bool:
    """Whether the work was rolled back in favour of somebody else's: it may be done again at once."""
    return isinstance(fault.__cause__, asyncpg.DeadlockDetectedError)


def raise_if_unavailable(fault: BaseException, *, lost: bool) -> None:
    """Raises `StoreUnavailable` in the fault's place if it means "not now"; `lost`: the connection broke meanwhile."""
    if lost:
        raise StoreUnavailable(LOST_TEXT) from fault
    if is_unavailable(fault):
        raise StoreUnavailable from fault


def _state(fault: asyncpg.PostgresError) -> str:
    return str(fault.sqlstate or "")
