"""Money and items as shops' tags have them."""

from typing import Any

import pytest

from gateway.policy.commerce import fault_of, worth_of_items
from gateway.policy.event_facts import amount_of

_ITEM = {"item_id": "sku-5", "item_name": "Tea pot", "price": 24.9, "quantity": 2, "discount": 2.5, "index": 0}


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"currency": "EUR", "value": 49.8, "items": [_ITEM]},
        {"currency": "eur", "value": 0, "items": []},
        {"items": [{"item_name": "Tea pot"}], "coupon": "SUMMER"},
        {"value": None, "items": None, "currency": None},
        {"items": [_ITEM] * 200},
    ],
    ids=str,
)
def test_what_a_tag_says_is_taken(properties: dict[str, Any]) -> None:
    """The examples of the schema's own documentation, whatever else they carry."""
    assert fault_of(properties) is None


@pytest.mark.parametrize(
    ("properties", "path"),
    [
        ({"currency": "EURO"}, "currency"),
        ({"currency": "€"}, "currency"),
        ({"currency": 978}, "currency"),
        ({"value": "49.80"}, "value"),
        ({"value": True}, "value"),
        ({"value": float("nan")}, "value"),
        ({"value": float("inf")}, "value"),
        ({"items": {"item_id": "a"}}, "items"),
        ({"items": [_ITEM] * 201}, "items"),
        ({"items": [_ITEM, "a"]}, "items[1]"),
        ({"items": [{"item_id": ""}]}, "items[0].item_id"),
        ({"items": [{"item_id": 5}]}, "items[0].item_id"),
        ({"items": [{"item_id": "a", "price": "4"}]}, "items[0].price"),
        ({"items": [_ITEM, {"item_id": "a", "quantity": True}]}, "items[1].quantity"),
        ({"items": [{"item_id": "a", "quantity": 1e13}]}, "items[0].quantity"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_mistake_in_a_tag_is_named(properties: dict[str, Any], path: str) -> None:
    """With the path of the field, in the words of the schema."""
    fault = fault_of(properties)
    assert fault is not None
    assert fault[0] == path


@pytest.mark.parametrize(
    ("items", "worth"),
    [
        ([_ITEM, {"item_id": "b", "price": 1}], 50.8),
        ([{"item_id": "a", "price": 0.1, "quantity": 3}], 0.3),
        ([{"item_id": "a", "price": 5, "quantity": 0}], 0),
        ([{"item_id": "a", "price": "5"}, 7, {"item_id": "b", "price": 2}], 2),
        ([{"item_id": "a", "price": 1e12, "quantity": 1e12}], 0),
        ("a lot", 0),
        (None, 0),
    ],
    ids=str,
)
def test_items_without_a_value_are_worth_what_they_cost(items: object, worth: float) -> None:
    """Price times quantity; what is no item counts nothing, and a value goes before."""
    assert amount_of({"items": items}, currency=None) == pytest.approx(worth)
    assert amount_of({"items": items, "value": 3}, currency=None) == 3
    assert amount_of({"items": items, "currency": "USD"}, currency="EUR") == 0


def test_a_list_without_end_is_not_added_up() -> None:
    """A server may send more than the schema allows; it costs no more."""
    assert worth_of_items([{"item_id": "a", "price": 1}] * 10_000) == 200
