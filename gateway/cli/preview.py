"""`steeple preview`: what a message would do, before it goes out: who gets it, in which hours, and how it looks."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from gateway.cli.answer import readable, say, table
from gateway.cli.chart import held_in_words, hours_chart
from gateway.cli.client import Gateway
from gateway.cli.command import Verb
from gateway.cli.message_options import check_audience, request_of, with_message
from gateway.cli.options import with_gateway


@click.command(cls=Verb)
@with_gateway
@with_message
@click.option("--preview-for", metavar="USER", help="Show what this user would read on each device.")
def command(gateway: Gateway, *, message: dict[str, Any], preview_for: str | None, **flags: Any) -> int:
    """Show who would get a message and when; send nothing."""
    body = request_of(message, flags)
    if preview_for is not None:
        return show_person(gateway.call("POST", "/v1/messages/preview", body, user=preview_for))
    check_audience(body)
    return show_dry_run(gateway.call("POST", "/v1/messages", body, dry_run="true"))


def show_dry_run(answer: dict[str, Any]) -> int:
    """Who would get it, and what is worth knowing of it."""
    through = [(f"through {channel}", number) for channel, number in answer["per_channel"].items()]
    texts = [f"Nothing was sent. It would go to {answer['audience']:,} devices, from {readable(answer['due_at'])} on."]
    tables = [hours_chart(answer["by_hour"])] if answer["by_hour"] else []
    if through:
        tables.append(table(("", "devices"), through))
    if answer["bytes_left"]:
        tables.append(table(("", "bytes left"), list(answer["bytes_left"].items())))
    texts += held_in_words(answer)
    say(answer, *texts, *answer["warnings"], *_sentences(answer["lint"]), *tables)
    return 0


def show_person(answer: dict[str, Any]) -> int:
    """What one person would read: their own devices, then how much room the other platforms leave."""
    own = [one for one in answer["data"] if one["subscription"] is not None]
    others = [one for one in answer["data"] if one["subscription"] is None]
    texts = [text for one in own for text in _device(one)]
    texts += [f"{one['platform']}: {_room(one)}" for one in others]
    findings = [finding for one in answer["data"] for finding in one["lint"]]
    say(answer, *texts, *_sentences(findings))
    return 0


def _device(one: Mapping[str, Any]) -> list[str]:
    head = f"{one['platform']} ({one['subscription']}): {_room(one)}"
    if one["skipped"] is not None:
        return [head, f"  Would be skipped: {one['skipped']}."]
    said = one["content"]
    lines = [f"  {name}: {said[name]}" for name in ("title", "body", "url", "deep_link", "image") if said.get(name)]
    lines += [f"  [{action['title']}] {action.get('url', '')}".rstrip() for action in said.get("actions", ())]
    return [head, *lines]


def _room(one: Mapping[str, Any]) -> str:
    return f"{one['payload_bytes']:,} of {one['payload_bytes_max']:,} bytes"


def _sentences(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each finding once, with the platforms that it holds for."""
    where: dict[tuple[str, str], list[str]] = {}
    for one in findings:
        platforms = where.setdefault((one["field"], one["message"]), [])
        if one["platform"] is not None and one["platform"] not in platforms:
            platforms.append(one["platform"])
    return [
        f"{field} ({', '.join(platforms)}): {message}" if platforms else f"{field}: {message}"
        for (field, message), platforms in where.items()
    ]
