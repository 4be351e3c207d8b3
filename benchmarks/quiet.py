"""A benchmark prints figures; what the gateway's own functions log is of interest only when something is wrong."""

import logging
import sys

import structlog


def quiet_logs() -> None:
    """Warnings and worse only, and not among the figures."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
