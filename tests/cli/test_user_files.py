"""Files of users as spreadsheets and shops write them."""

from typing import Any

import click
import msgspec
import pytest

from gateway.cli.user_files import CsvLines, Pieces


def _rows(text: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in CsvLines(Pieces(iter([text])))]


@pytest.mark.parametrize(
    "text",
    [
        b"external_id,first_name,tags.plan,points\nc-1,Ada,gold,12.5\n",
        b'external_id;first_name;tags.plan;points\r\n"c-1";Ada;gold;12,5\r\n',
        b"\xef\xbb\xbfexternal_id;first_name;tags.plan;points\r\nc-1;Ada;gold;12.5",
        b"external_id\tfirst_name\ttags.plan\tpoints\nc-1\tAda\tgold\t12,5\n",
        b'"external_id";"first_name";"tags.plan";"points"\n"c-1";"Ada";"gold";"12,5"\n',
    ],
)
def test_what_spreadsheets_write_is_read(text: bytes):
    """Commas, or semicolons and tabs with decimal commas, as Excel writes them in most of Europe."""
    assert _rows(text) == [
        {"external_id": "c-1", "attributes": {"first_name": "Ada", "points": 12.5}, "tags": {"plan": "gold"}}
    ]


def test_between_commas_a_comma_is_part_of_a_text():
    """`"12,5"` in a file of commas is not taken for a number: it may be two."""
    assert _rows(b'id,x\nc-1,"12,5"\n') == [{"external_id": "c-1", "attributes": {"x": "12,5"}}]


def test_other_names_come_in_a_column():
    """Taken apart at `|`."""
    assert _rows(b"id,aliases\nc-1,crm-1| web-1\n") == [{"external_id": "c-1", "aliases": ["crm-1", "web-1"]}]


def test_one_column_is_the_id():
    """Where a file has `id` and `external_id`, the latter names the person and the former is an attribute."""
    assert _rows(b"external_id,id\nc-1,77\n") == [{"external_id": "c-1", "attributes": {"id": 77}}]
    assert _rows(b"id,external_id\n77,c-1\n") == [{"external_id": "c-1", "attributes": {"id": 77}}]


def test_a_line_of_the_file_is_named_also_behind_breaks():
    """Records may go over several lines."""
    lines = CsvLines(Pieces(iter([b'id;x\nc-1;"a\nb"\nc-2;y\n'])))
    assert len(list(lines)) == 2
    assert (lines.line_of(1), lines.line_of(2)) == (3, 4)


@pytest.mark.parametrize("text", [b"", b"\n", b"name,plan\nAda,gold\n", b"id,x,x\nc-1,1,2\n"])
def test_a_heading_that_names_nobody_or_twice_is_refused(text: bytes):
    """Before anything is sent."""
    with pytest.raises(click.UsageError):
        _rows(text)
