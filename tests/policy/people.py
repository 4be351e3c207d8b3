"""Somebody to say something to."""

from typing import Any

from gateway.model.delivery import Device


def somebody(
    attributes: dict[str, Any] | None = None,
    *,
    locale: str | None = "en",
    tags: dict[str, Any] | None = None,
    given: dict[str, Any] | None = None,
    **facts: Any,
) -> Device:
    """A device whose person is known by these attributes; `tags` are the device's own."""
    return Device(
        7, "stub", 1, b"", 1, locale, None, "cust-17", None, "NL",
        attrs=None if tags is None else {"tags": tags}, facts={"attributes": attributes or {}, **facts}, given=given,
    )  # fmt: skip
