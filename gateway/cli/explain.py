"""`steeple explain`: why somebody got a message or not, or is in an audience or not."""

from collections.abc import Sequence
from typing import Any, Final

import click

from gateway.cli.answer import readable, say, table
from gateway.cli.client import Gateway
from gateway.cli.command import Verb
from gateway.cli.options import Id, with_gateway
from gateway.cli.segments import json_or_file
from gateway.model.ids import from_text

_MARKS: Final = {True: "yes", False: "no"}


@click.command(cls=Verb)
@with_gateway
@click.argument("who", metavar="USER")
@click.option("--message", "message_id", type=Id("msg"), help="Why did they (not) get this message?")
@click.option("--segment", metavar="NAME", help="Are they in this segment, and why?")
@click.option("--audience", callback=json_or_file, help="Are they in this audience (JSON, or @FILE), and why?")
def command(
    gateway: Gateway, *, who: str, message_id: str | None, segment: str | None, audience: dict[str, Any] | None
) -> None:
    """Say why USER (a shop's own id, or sub_...) got a message or not, or is in an audience or not."""
    if sum(one is not None for one in (message_id, segment, audience)) != 1:
        raise click.UsageError("Say about what: --message, --segment or --audience, one of them.")
    whom = "subscription" if from_text("sub", who) is not None else "user"
    if message_id is not None:
        page = gateway.call("GET", f"/v1/messages/{message_id}/recipients", **{whom: who})
        say(page, *_told(page["data"], who))
        return
    asked = audience or {"segment": segment}
    answer = gateway.call("POST", "/v1/audience/explain", {"audience": asked, whom: who})
    say(answer, *_verdicts(answer["devices"], who))


def _told(rows: Sequence[dict[str, Any]], who: str) -> list[Any]:
    if not rows:
        return [f"{who} has no device."]
    said: list[Any] = []
    for row in rows:
        until = f" Until {readable(row['until'])}." if "until" in row else ""
        said.append(f"{row['subscription']}: {row['state']}. {row.get('text', '')}{until}")
        said += [f"  Also: {text}" for text in row.get("also", ())]
        if row.get("conditions"):
            said.append(_conditions(row["conditions"]))
    return said


def _verdicts(devices: Sequence[dict[str, Any]], who: str) -> list[Any]:
    if not devices:
        return [f"{who} has no device."]
    said: list[Any] = []
    for one in devices:
        word = "is in" if one["is_in"] else "is not in" if one["is_active"] else "has left, or is not reachable,"
        said += [f"{one['subscription']} {word} the audience.", _conditions(one["conditions"])]
    return said


def _conditions(conditions: Sequence[dict[str, Any]]) -> Any:
    return table(("met", "condition"), [(_MARKS[one["is_met"]], one["path"]) for one in conditions])
