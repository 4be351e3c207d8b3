"""Logs and metrics: how they are set up, and every metric's name in one place.

Logs are one event per line, past tense, ids rather than prose, and never a token, endpoint, key or payload: a processor
masks the fields that could hold one. Metrics follow the naming rules of prometheus.io; a provider is a label, an app is
not (apps are unbounded). One process serves one registry; the supervisor merges them.
"""

import io
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, Literal

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry(auto_describe=True)

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"steeple_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"steeple_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str) -> Histogram:
    return Histogram(f"steeple_{name}", text, labels, registry=REGISTRY, buckets=_SECONDS)


HTTP_REQUESTS: Final = _counter("http_requests_total", "Requests answered.", "route", "method", "code")
HTTP_SECONDS: Final = _histogram("http_request_duration_seconds", "Time from request to answer.", "route")
MESSAGES_ACCEPTED: Final = _counter("messages_accepted_total", "Messages answered with 202.")
RECIPIENTS: Final = _counter("recipients_total", "Recipients that reached an end, by what became of them.", "state")
PROVIDER_REQUESTS: Final = _counter(
    "provider_requests_total", "Requests to push services, by outcome.", "provider", "outcome"
)
GROUP_SECONDS: Final = _histogram("group_duration_seconds", "From reading a group to its outcomes being recorded.")
CHUNKS_IN_FLIGHT: Final = _gauge("chunks_in_flight", "Chunks that this process is sending.")
APPS_STOPPED: Final = _gauge("apps_stopped", "Apps that send nothing, as somebody stopped them by hand.")
LANES_STANDING: Final = _gauge(
    "lanes_standing", "Lanes that do not run freely: parked (for a while), stopped, or slowed by the service.", "state"
)
LANES: Final = _gauge(
    "lanes", "Lanes in use, by push service (those not known by name: other).", "provider", "host", "state"
)
LANE_IN_FLIGHT: Final = _gauge("lane_requests_in_flight", "Requests to push services under way.", "provider", "host")
LANE_IN_FLIGHT_MAX: Final = _gauge(
    "lane_requests_in_flight_max", "How many might be under way at the moment, over all lanes.", "provider", "host"
)
LANE_RATE: Final = _gauge(
    "lane_rate_per_second",
    "The lowest rate that a push service forced on a lane; absent: none.",
    "provider",
    "host",
)
LANE_THROTTLES: Final = _counter(
    "lane_throttles_total", "Answers that asked a whole lane to slow down.", "provider", "host"
)
RETRIES: Final = _counter("retries_total", "Recipients put off for another try.", "provider", "reason")
GROUPS_SETTLED: Final = _counter("groups_settled_total", "Groups whose outcomes were recorded.")
MADE_AHEAD: Final = _counter("made_ahead_total", "Recipients that something was made for before their message was due.")
LEASES_LOST: Final = _counter(
    "leases_lost_total", "Groups whose results were dropped, as another process held the chunk."
)
SEND_LAG_SECONDS: Final = _histogram(
    "send_lag_seconds", "From a message being planned to the end of a group of its first tries."
)
SUBSCRIPTION_DROPS: Final = _counter(
    "subscription_drops_total", "Subscriptions closed, by reason.", "provider", "reason"
)
ENROLMENTS: Final = _counter("enrolments_total", "Opt-ins by what they were.", "kind")
PLACES_LOOKED_UP: Final = _counter("places_looked_up_total", "Addresses of devices, by what is known of them.", "found")
RECEIPTS: Final = _counter("receipts_total", "Receipts by kind and whether they counted.", "kind", "result")
OPT_IN_REPORTS: Final = _counter(
    "opt_in_reports_total",
    "Reports of what visitors answered: counted, ignored (no such prompt), refused.",
    "result",
)
EVENTS: Final = _counter("events_total", "Events by who told them and whether they counted.", "source", "result")
COUPON_POOLS_LOW: Final = _counter("coupon_pools_low_total", "Alarms of coupon pools that run low.")
COUPONS_BACK: Final = _counter(
    "coupons_back_total", "Coupon codes that came back to their pool: lease (a worker died), unsent.", "why"
)
COPY_LAG_SECONDS: Final = _gauge(
    "copy_lag_seconds", "For how long some person's devices have lacked what is known of them; 0: none do."
)
SSRF_BLOCKED: Final = _counter("ssrf_blocked_total", "Connections refused by the egress guard.", "rule")
LOOP_LAG_SECONDS: Final = _gauge("event_loop_lag_seconds", "How late a timer of the event loop came.")
LOOP_RUNS: Final = _counter("loop_runs_total", "Runs of background loops, by result.", "loop", "result")
DB_POOL: Final = _gauge("db_pool_connections", "Database connections of this process.", "state")
LOG_LINES_DROPPED: Final = _counter(
    "log_lines_dropped_total", "Log lines that could not be written: a full disk, or nobody who reads them any more."
)
BUILD_INFO: Final = _gauge("build_info", "1, labelled with the version.", "version", "role")

_SECRET_FIELDS: Final = re.compile(
    r"authorization|endpoint|token|secret|password|p256dh|auth|payload|api_key|master_key|dsn|database_url|private|cookie",
    re.IGNORECASE,
)
_SECRET_TEXT: Final = re.compile(
    r"stpl_(?:sk|pk|ds)_[\w-]+"
    r"|(?:vapid\s+t=|bearer\s+)\S+"
    r"|postgres(?:ql)?://\S+"
    r"|-----BEGIN[\s\S]*?-----END[^-]*-----"
    # An endpoint is a secret, whoever's it is: of any address at most the host is told.
    r"|(?<=://)[^\s/@]+@\S+"
    r"|(?P<host>https?://[^\s/@]+/)[^\s'\"<>]+",
    re.IGNORECASE,
)
_HIDDEN: Final = "[hidden]"
_NESTED_MAX: Final = 4
"""Lists in dicts in lists of a log event; what lies deeper is not shown."""


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Masks what must not reach a log, by field name and by shape, however deep it lies."""
    for field, value in event.items():
        event[field] = _masked(value) if field == "event" else _masked_field(field, value)
    return event


def _masked_field(field: object, value: Any, depth: int = 0) -> Any:
    return _HIDDEN if _SECRET_FIELDS.search(str(field)) else _masked(value, depth)


def _masked(value: Any, depth: int = 0) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _SECRET_TEXT.sub(_mask, value)
        case bytes() | bytearray() | memoryview():
            return _HIDDEN
        case _ if depth >= _NESTED_MAX:
            return _HIDDEN
        case dict():
            return {name: _masked_field(name, one, depth + 1) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(one, depth + 1) for one in value]
        case _:
            return _SECRET_TEXT.sub(_mask, repr(value))


def _mask(found: re.Match[str]) -> str:
    return (found["host"] or "") + _HIDDEN


class _Patient(io.TextIOBase):
    """A stream that takes what can be written, and counts the rest: a full disk for logs stops no push."""

    def __init__(self, stream: Any) -> None:
        # Unbuffered where it can be: what a full disk refused would wait in the buffer, and spoil the exit code.
        self._raw: Any = getattr(getattr(stream, "buffer", None), "raw", None)
        self._stream = stream

    def write(self, text: str) -> int:
        """Never raises for what becomes of the text."""
        try:
            if self._raw is None:
                return self._stream.write(text)
            rest = text.encode("utf-8", "backslashreplace")
            while rest:
                rest = rest[self._taken(rest) :]
        except OSError:
            LOG_LINES_DROPPED.inc()
        return len(text)

    def _taken(self, rest: bytes) -> int:
        taken: int | None = self._raw.write(rest)
        if taken is None:
            raise BlockingIOError("who reads the logs has fallen behind")
        return taken

    def flush(self) -> None:
        """Nothing waits here."""


def set_up_logs(style: Literal["json", "pretty"], *, role: str) -> None:
    """Structured logs on standard error for this process; the standard library's loggers go the same way."""
    stream: Any = _Patient(sys.stderr)
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        _redact,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def log(name: str) -> Any:
    """A logger; `name` is the room that speaks."""
    return structlog.get_logger(room=name)
