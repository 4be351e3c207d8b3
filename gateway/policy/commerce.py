"""Money and items of an event, in the schema that shops' tags speak already: Google Analytics 4, "Measure ecommerce".

`currency` is a code of ISO 4217, `value` a number, `items` a list of objects with `item_id` or `item_name`, `price` and
`quantity`. A device is held to it, so that a mistake in a tag is seen at once and not in the figures of a month.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from gateway.model.limits import EVENT_ITEMS_MAX, EVENT_VALUE_MAX

_CURRENCY: Final = re.compile(r"[A-Za-z]{3}", re.ASCII)
_FIGURES: Final = ("price", "quantity", "discount")


def fault_of(properties: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first field that is not as the schema has it, by its path, and what it should be; None where all is well."""
    currency, value = properties.get("currency"), properties.get("value")
    if currency is not None and not (isinstance(currency, str) and _CURRENCY.fullmatch(currency)):
        return "currency", "A currency is three letters, such as `EUR` (ISO 4217)."
    if value is not None and not _is_figure(value):
        return "value", "A value is a number."
    items = properties.get("items")
    return None if items is None else _fault_of_items(items)


def worth_of_items(items: object) -> float:
    """What they cost together: price times quantity, which is 1 where it is left out; 0 for what is no such list."""
    if not isinstance(items, list):
        return 0
    worth = 0.0
    for one in items[:EVENT_ITEMS_MAX]:
        if isinstance(one, dict):
            price, quantity = one.get("price", 0), one.get("quantity", 1)
            if _is_figure(price) and _is_figure(quantity):
                worth += price * quantity
    return worth if abs(worth) <= EVENT_VALUE_MAX else 0


def _fault_of_items(items: object) -> tuple[str, str] | None:
    if not isinstance(items, list):
        return "items", "Expected a list of items."
    if len(items) > EVENT_ITEMS_MAX:
        return "items", f"An event has at most {EVENT_ITEMS_MAX} items."
    for at, one in enumerate(items):
        if not isinstance(one, dict):
            return f"items[{at}]", "An item is an object."
        if not (_is_text(one.get("item_id")) or _is_text(one.get("item_name"))):
            return f"items[{at}].item_id", "An item has an `item_id` or an `item_name`."
        for name in _FIGURES:
            if name in one and not _is_figure(one[name]):
                return f"items[{at}].{name}", "Expected a number."
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_figure(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= EVENT_VALUE_MAX
