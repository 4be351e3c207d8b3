"""Plain fields, compiled by us: they say what Liquid would say, and cost a tenth."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid import Environment

from gateway.model.errors import Invalid
from gateway.policy.liquid import LiquidText
from gateway.policy.scope import Scope, Values
from gateway.policy.text_template import PlainText, has_fields, parse
from tests.policy.people import somebody

_ORACLE = Environment()
_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False),
    st.text(), st.lists(st.text(max_size=5), max_size=3),
)  # fmt: skip
_NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name not in ("id", "tags"))


@given(name=_NAMES, value=_VALUES, default=st.text("ab 'é", max_size=5), other=st.text(max_size=20))
def test_a_plain_field_reads_as_in_liquid(name: str, value: Any, default: str, other: str):
    """The library is the oracle: the same text from the same value, with a default and without."""
    quiet = other.replace("{", "(")
    for text in (f'{quiet}{{{{ user.{name} | default: "{default}" }}}}', f"{{{{user.{name}}}}}{quiet}"):
        parsed = parse(text)
        said = parsed.fill(Scope(somebody({name: value}), Values()))
        assert said == _ORACLE.from_string(text).render(user={name: value}), text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{{ a }}", PlainText),
        ("{{a.b_c.d[0]}}", PlainText),
        ("{{ a | default: 'x' }} and {{ b }}", PlainText),
        ("{{ a | upcase }}", LiquidText),
        ("{{ a.size }}", LiquidText),
        ("{{- a }}", LiquidText),
        ("{{ a }}{% if b %}c{% endif %}", LiquidText),
        ("{{ true }}", LiquidText),
        ('{{ a | default: "{" }}', LiquidText),
    ],
)
def test_what_is_plain_is_compiled_and_the_rest_is_left_to_liquid(text: str, kind: type):
    """Anything that is not certainly a plain field is Liquid's."""
    assert isinstance(parse(text), kind)


@pytest.mark.parametrize("text", ["", "plain", "{ {", "}} %}", "{x}", "100 %", "{#"])
def test_a_text_without_fields_is_left_alone(text: str):
    """Nothing is parsed where nothing is to be filled in."""
    assert not has_fields(text)


@pytest.mark.parametrize(
    "text", ["{{", "{{ }}", "{{ a", "{% if %}", "{% if a %}", "{{ a | }}", "{{ a | nope }}", "{{ a..b }}"]
)
def test_a_text_that_cannot_be_read_is_refused(text: str):
    """When it is written, not when it is sent."""
    with pytest.raises(Invalid) as refusal:
        parse(text)
    assert refusal.value.code == "template_invalid"


def test_a_value_is_looked_for_where_it_is_known():
    """Attributes first, then what else is known of the person; tags of the person before those of the device."""
    device = somebody(
        {"first_name": "Ada", "language": "fr"}, language="nl", timezone="Europe/Amsterdam",
        tags={"size": "M", "only": "device"},
    )  # fmt: skip
    device.facts["tags"] = {"size": "L"}  # type: ignore[index]  # there are facts

    def said(text: str, **variables: Any) -> str:
        return parse(text).fill(Scope(device, Values(variables=variables)))

    assert said("{{ user.first_name }} {{ user.language }} {{ user.timezone }} {{ user.id }}") == (
        "Ada fr Europe/Amsterdam cust-17"
    )
    assert said("{{ user.tags.colour }}{{ user.tags.only }}") == "device"
    assert said('{{ user.tags["size"] }} {{ device.tags.only }} {{ device.platform }}') == "L device chrome_desktop"
    assert said("{{ order.lines[1].name }}", order={"lines": [{"name": "a"}, {"name": "b"}]}) == "b"
    assert said("{{ variables.order }}", order=5) == "5"
    assert said("{{ coupon.code }}{{ event.x }}{{ nothing.at.all }}") == ""


def test_what_was_given_for_this_one_message_is_there():
    """A coupon's code, an event's properties."""
    device = somebody(given={"coupon": {"code": "SAVE-1"}, "event": {"total": 3}})
    assert parse("{{ coupon.code }} {{ event.total }}").fill(Scope(device, Values())) == "SAVE-1 3"
