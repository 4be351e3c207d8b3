"""Liquid for texts: its documented examples, the languages of the people, and no way of taking long."""

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.errors import Invalid
from gateway.policy.liquid import TextUnmade
from gateway.policy.liquid_filters import FILTERS
from gateway.policy.scope import Scope, Values
from gateway.policy.text_template import has_fields, parse
from tests.policy.people import somebody

_CPU_S_MAX = 0.5
"""A text takes some milliseconds at most; a machine under load takes more."""
_READING_S_MAX = 0.1
_TEXT_CHARS = 3_000

DOCUMENTED: list[tuple[str, dict[str, Any], str]] = [
    ('{{ "Ground control to Major Tom." | split: " " | join: "," }}', {}, "Ground,control,to,Major,Tom."),
    ('{{ "adam!" | capitalize | prepend: "Hello " }}', {}, "Hello Adam!"),
    ('{{ "/my/fancy/url" | append: ".html" }}', {}, "/my/fancy/url.html"),
    ("{{ 4 | at_least: 5 }}{{ 4 | at_most: 3 }}", {}, "53"),
    ("{{ 1.2 | ceil }}{{ 183.357 | floor }}", {}, "2183"),
    ("{{ product_price | default: 2.99 }}", {}, "2.99"),
    ("{{ 20 | divided_by: 7 }} {{ 20 | divided_by: 7.0 | round: 2 }}", {}, "2 2.86"),
    ("{{ 3 | modulo: 2 }}{{ 16 | minus: 4 }}{{ 4 | plus: 2 }}{{ 3 | times: 2 }}", {}, "11266"),
    ('{{ "I strained to see the train" | remove: "rain" }}', {}, "I sted to see the t"),
    ('{{ "Take my protein pills" | replace_first: "my", "your" }}', {}, "Take your protein pills"),
    ('{{ "Liquid" | slice: 2, 5 }}', {}, "quid"),
    ('{{ "Ground control to Major Tom." | truncate: 20 }}', {}, "Ground control to..."),
    ('{{ "Ground control to Major Tom." | truncatewords: 3 }}', {}, "Ground control to..."),
    ('{{ "ada@shop.example" | url_encode }}', {}, "ada%40shop.example"),
    ('{{ "Have <em>you</em> read?" | strip_html }}', {}, "Have you read?"),
    ("{{ a | uniq | sort | reverse | first }}", {"a": ["ants", "bugs", "bees", "bugs"]}, "bugs"),
    ('{{ p | map: "category" | compact | join: ", " }}', {"p": [{"category": "x"}, {}, {"category": "y"}]}, "x, y"),
    ('{{ p | where: "type", "kitchen" | map: "title" }}', {"p": [{"type": "kitchen", "title": "Pan"}, {}]}, "Pan"),
    ("{% if kind == 'a' %}A{% elsif kind %}B{% else %}C{% endif %}", {"kind": "b"}, "B"),
    ("{% unless sold %}there{% endunless %}", {}, "there"),
    ("{% case n %}{% when 1 %}one{% when 2 or 3 %}few{% else %}many{% endcase %}", {"n": 3}, "few"),
    ("{% for i in (1..5) %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}", {}, "123"),
    ("{% for p in a limit:2 offset:1 %}{{ p }}{% endfor %}", {"a": [1, 2, 3, 4]}, "23"),
    ("{% for p in a %}{{ forloop.index }}{{ p }} {% else %}none{% endfor %}", {"a": []}, "none"),
    ("{% assign x = 'a' | upcase %}{% capture y %}{{ x }}!{% endcapture %}{{ y }}", {}, "A!"),
    ("{% raw %}{{ as is }}{% endraw %}{% comment %}no{% endcomment %}", {}, "{{ as is }}"),
    ("{{- 'a' -}}  b", {}, "ab"),
]


def _said(text: str, variables: dict[str, Any] | None = None, *, language: str | None = None, **who: Any) -> str:
    values = Values(variables=variables or {}, currency="EUR", timezone="Europe/Amsterdam")
    return parse(text).fill(Scope(somebody(**who), values, language))


@pytest.mark.parametrize(("text", "variables", "said"), DOCUMENTED, ids=[row[0][:40] for row in DOCUMENTED])
def test_documented_examples_hold(text: str, variables: dict[str, Any], said: str):
    """What shopify.github.io/liquid shows of the tags and filters that are kept."""
    assert _said(text, variables) == said


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("{{ 1234.5 | money }}", "en", "€1,234.50"),
        ("{{ 1234.5 | money: 'USD' }}", "nl", "US$\N{NO-BREAK SPACE}1.234,50"),
        ("{{ 1234.5 | number }}", "de", "1.234,5"),
        ("{{ 0.25 | percent }}", "en", "25%"),
        ("{{ '2026-12-01' | date }}", "en", "Dec 1, 2026"),
        ("{{ '2026-12-01T23:30:00Z' | date: 'short' }}", "nl", "02-12-2026"),
        ("{{ '2026-12-01T23:30:00Z' | date: 'time' }}", "nl", "00:30"),
        ("{{ '2026-12-01T23:30:00Z' | date: '%A %-d %B, %H:%M' }}", "fr", "mercredi 2 décembre, 00:30"),
        ("{{ 1 | plural: 'item', 'items' }}/{{ 2 | plural: 'item', 'items' }}", "en", "item/items"),
        ("{{ 3 | plural: one: '# plik', few: '# pliki', many: '# plików', other: '#' }}", "pl", "3 pliki"),
        ("{{ 5 | plural: one: '# plik', few: '# pliki', many: '# plików', other: '#' }}", "pl", "5 plików"),
        ("{{ user.nothing | money }}|{{ user.nothing | date }}", "en", "|"),
        ("{{ user.nothing | money | default: 'free' }}", "en", "free"),
    ],
)  # fmt: skip
def test_money_dates_and_plurals_are_in_the_language_of_the_text(text: str, language: str, said: str):
    """As CLDR writes them; a moment is told in the zone of the person, else of the app."""
    assert _said(text, language=language) == said


def test_the_region_of_a_device_counts_within_its_language():
    """An Austrian who reads the German text writes money as Austrians do, and a Briton who reads it does not."""
    austrian, briton = (_said("{{ 1234.5 | money }}", language="de", locale=where) for where in ("de-AT", "en-GB"))
    assert austrian == "€\N{NO-BREAK SPACE}1.234,50"
    assert briton == "1.234,50\N{NO-BREAK SPACE}€"


@pytest.mark.parametrize(
    "text",
    [
        "{% include 'x' %}", "{% render 'x' %}", "{% liquid echo 1 %}", "{% tablerow i in a %}{% endtablerow %}",
        "{% increment x %}", "{{ x | base64_decode }}", "{{ x | safe }}", "{% for i in (1..user.n) %}{% endfor %}",
        "{{ (1..100000000000) | join }}", "{% for i in (1..201) %}{% endfor %}", "{% if a %}" * 11 + "{% endif %}" * 11,
    ],
)  # fmt: skip
def test_what_is_not_for_texts_is_refused(text: str):
    """No file, no other template, no state, no range that somebody's value makes long."""
    with pytest.raises(Invalid):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 60 + "{{ x }}",
        "{% assign x = 'aaaaaaaaaa' | replace: 'a', 'aaaaaaaaaa' %}{{ x | replace: 'a', x | replace: 'a', x }}",
        "{{ 9 | times: 99999999999 | times: 99999999999 }}",
        "{% for i in (1..100) %}{% for j in (1..100) %}{{ j }}{% endfor %}{% endfor %}",
        "{% for i in (1..200) %}{{ i }}{% endfor %}" * 2,
        "{% for i in (1..200) %}" + "{{ 1 }}" * 400 + "{% endfor %}",
        "{{ 5 | round: -999999999 }}",
        "{{ 'x' | date: 'short' }}",
        "{{ 'x' | money }}",
        "{{ 1 | divided_by: 0 }}",
        "{{ 1 | money: 'euro' }}",
        "{{ '2026-12-01' | date: '%Q' }}",
    ],
)  # fmt: skip
def test_what_takes_too_much_or_cannot_work_ends_at_once(text: str):
    """Doubling texts, numbers without end, loops in loops: each ends within milliseconds, with a reason."""
    before_s = time.process_time()
    with pytest.raises(TextUnmade) as unmade:
        _said(text)
    assert time.process_time() - before_s < _CPU_S_MAX
    assert unmade.value.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{% for i in (1..200) %}" + "{% if x == y %}{% endif %}" * 20 + "{% endfor %}", "steps"),
        ("{% for i in (1..100) %}{% for j in (1..100) %}{% endfor %}{% endfor %}", "rounds"),
        ("{% assign a = 'aaaaaaaaaaaaaaaaaaaaaaaa' %}{% for i in (1..200) %}" + "{{ a }}" * 5 + "{% endfor %}", "long"),
        ("{% assign a = 'aaaaaaaaaa' %}" + "{% assign a = a | append: a %}" * 20, "long"),
        ("{{ 999999999 | times: 999999999 | times: 999999999 }}", "large"),
    ],
)
def test_each_bound_holds_by_itself(text: str, reason: str):
    """Steps, rounds, what is written, values on the way, numbers."""
    with pytest.raises(TextUnmade, match=reason):
        _said(text, {"x": 1, "y": 2})


def test_a_text_sees_values_and_nothing_behind_them():
    """Keys and places; no attribute of any object, no clock."""
    for path in ("user.__class__", "user.keys", "device.__dict__", "user.tags.items", "x.__init__", "now", "today"):
        assert _said("{{ " + path + " }}|{{ " + path + " | upcase }}", {"x": "text"}) == "|"


@pytest.mark.parametrize(
    "text",
    [
        "{" * _TEXT_CHARS, "{{" + " " * _TEXT_CHARS, "{{" + " " * _TEXT_CHARS + "}}", "{% a" + "\n" * _TEXT_CHARS,
        "{% # " + "\t" * _TEXT_CHARS + "%}", ("{{" + " " * 60) * 48, ("{{" + " " * 60) * 47 + "x }}", "{{ " * 1_000,
        "{% if " + "(" * _TEXT_CHARS + " %}", "{% raw %}" * 330, "{{ x }}" + "{" * _TEXT_CHARS,
        "{% raw %}{{ {{ {% endraw %}" + " " * 60 + "{{ x" + " " * 60 + "}}",
    ],
)  # fmt: skip
def test_no_text_takes_long_to_be_read(text: str):
    """Whoever orders a message with hundreds of them does not hold up everybody else."""
    before_s = time.process_time()
    with contextlib.suppress(Invalid):
        parse(text)
    assert time.process_time() - before_s < _READING_S_MAX


def test_braces_that_do_not_close_may_be_shown():
    """As long as they are few: `raw` is for them."""
    assert _said("{% raw %}{{ and {% {% endraw %}{% if x %}!{% endif %}", {"x": 1}) == "{{ and {% !"
    assert _said("{% raw %}so: {{{% endraw %}") == "so: {{"


_WORDS = st.sampled_from(
    [
        *(
            "user",
            "user.name",
            "x",
            "x.y[0]",
            "recommendations",
            "forloop.index",
            "'a'",
            '"b"',
            "1",
            "2.5",
            "-3",
            "nil",
        ),
        *("true", "(1..9)", "blank", "empty", "contains", "==", "and", "or", "<", "in", ",", ":", ".", "[", "]"),
        *("limit:2", "reversed"),
        *(f"| {name}{arguments}" for name in FILTERS for arguments in ("", ": 3", ": 'a', x")),
    ]
)
_TAGS = st.sampled_from(
    [
        *("if", "elsif", "else", "endif", "unless", "endunless", "for i in", "endfor", "case", "when", "endcase", "#"),
        *("assign x =", "capture x", "endcapture", "break", "continue", "cycle", "raw", "endraw", "comment", "echo"),
    ]
)
_PIECES = st.one_of(
    st.text(max_size=8),
    st.lists(_WORDS, max_size=6).map(lambda words: "{{ " + " ".join(words) + " }}"),
    st.tuples(_TAGS, st.lists(_WORDS, max_size=4)).map(lambda parts: f"{{% {parts[0]} {' '.join(parts[1])} %}}"),
    st.sampled_from(["{{", "}}", "{%", "%}", "{{-", "-}}", "{%-", "-%}", "{#", "\ue000", "\x7f"]),
)
_BLOCKS = st.recursive(
    st.lists(_PIECES, max_size=5).map("".join),
    lambda inner: st.one_of(
        inner.map(lambda text: "{% for i in x %}" + text + "{% endfor %}"),
        inner.map(lambda text: "{% if user.name %}" + text + "{% else %}" + text + "{% endif %}"),
        inner.map(lambda text: "{% capture x %}" + text + "{% endcapture %}{{ x }}"),
    ),
    max_leaves=4,
)  # fmt: skip
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.text("9", max_size=400)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=400)
@given(text=_BLOCKS, name=_JSON, x=_JSON)
def test_any_text_with_any_values_ends_quickly(text: str, name: Any, x: Any):
    """It is read or refused, made or not made: nothing else, and never for long."""
    before_s = time.process_time()
    try:
        said = (
            parse(text).fill(Scope(somebody({"name": name}), Values(variables={"x": x}))) if has_fields(text) else text
        )
    except (Invalid, TextUnmade):
        said = ""
    assert isinstance(said, str)
    assert time.process_time() - before_s < _CPU_S_MAX


@given(text=st.text())
def test_any_characters_are_read_or_refused(text: str):
    """Also those that nobody would write."""
    for written in (text, "{{" + text + "}}", "{%" + text + "%}"):
        with contextlib.suppress(Invalid):
            parse(written)
