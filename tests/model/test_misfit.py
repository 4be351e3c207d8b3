"""What is said of a value that does not fit names the field, and what it takes."""

from typing import Annotated, Any, Literal

import msgspec
import pytest

from gateway.api.schema.messages import MessageFields
from gateway.model.app_settings import merged
from gateway.model.errors import Invalid
from gateway.model.misfit import wrong
from gateway.subscribers.imports import decoded


class _Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: Literal["s", "m"] = "s"
    hour: Annotated[str, msgspec.Meta(pattern="^[0-9]{2}$", description="Such as `09`.")] | None = None


class _Outer(msgspec.Struct, forbid_unknown_fields=True):
    one: _Inner | None = None
    many: list[_Inner] = []
    named: dict[str, _Inner | str] = {}
    texts: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("x",)


def _said(value: Any, *, kind: Any = _Outer, prefix: str = "") -> tuple[str, str | None, str]:
    with pytest.raises(msgspec.ValidationError) as fault:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)
    said = wrong(fault.value, kind, prefix=prefix)
    return said.code, said.param, said.message


@pytest.mark.parametrize(
    ("value", "code", "param", "message"),
    [
        ({"one": {"size": "l"}}, "field_invalid", "one.size", "The value 'l' is not one of those allowed: m, s."),
        ({"many": [{}, {"size": "l"}]}, "field_invalid", "many[1].size",
         "The value 'l' is not one of those allowed: m, s."),
        ({"named": {"a": {"hour": "9"}}}, "field_invalid", "named.hour",
         "The text has another form than this field takes. Such as `09`."),
        ({"one": {"hour": 9}}, "field_invalid", "one.hour", "Expected text or null, got a whole number."),
        ({"one": {"sise": "l"}}, "field_unknown", "one.sise", "There is no field `sise` here."),
        ({"texts": []}, "field_invalid", "texts", "It must have at least 1 entry."),
        ([], "field_invalid", None, "Expected an object, got a list."),
    ],
)  # fmt: skip
def test_a_misfit_says_where_and_what_would_fit(value: Any, code: str, param: str | None, message: str):
    """Closed lists are written out, forms have their example; a path leads there."""
    assert _said(value) == (code, param, message)


def test_a_path_begins_where_the_part_stands():
    """Of a part of a list, also where the whole part is of a wrong type."""
    assert _said(5, prefix="users[3].")[1] == "users[3]"
    assert _said({"many": [5]}, prefix="users[3].")[1] == "users[3].many[0]"
    assert _said({"x": 5}, prefix="users[3]")[1] == "users[3].x"


def test_nobody_reads_a_pattern():
    """What a tired developer wrote wrongly most often."""
    order = {"audience": {"all": True}, "title": "x"}
    for schedule, said in (
        ({"local_time": "9:00"}, "`09:00`"),
        ({"local_time": "09:00", "past": "never"}, "now, skip, tomorrow"),
        ({"recurring": {"rule": "FREQ=DAILY", "exclude": ["xmas"]}}, "`2026-12-25`"),
    ):
        _, param, message = _said({**order, "schedule": schedule}, kind=MessageFields)
        assert said in message
        assert param is not None
        assert param.startswith("schedule.")
    with pytest.raises(Invalid, match="`09:00`") as fault:
        merged({}, {"quiet_hours": {"from": "21", "to": "09:00"}})
    assert fault.value.param == "settings.quiet_hours.from"
    with pytest.raises(Invalid) as fault:
        merged({}, {"quiet_hours": {"from": "21:00", "to": "09:00", "weekend": True}})
    assert (fault.value.code, fault.value.param) == ("field_unknown", "settings.quiet_hours.weekend")


def test_a_line_of_an_import_is_told_alike():
    """In the same words as a body."""
    with pytest.raises(Invalid, match="Expected an object or null, got a whole number") as fault:
        decoded(b'{"one": 5}', msgspec.json.Decoder(_Outer))
    assert fault.value.param == "one"
