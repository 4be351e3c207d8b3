"""A message on its way, as people watch it: a line that moves, and the figures at the end."""

import time
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gateway.cli.answer import is_watched, readable, table
from gateway.cli.client import Gateway, Refused
from gateway.model.limits import CLI_POLL_S, CLI_WAIT_S_MAX

_FINAL: Final = frozenset({"done", "cancelled", "failed"})
_WAITING: Final = ("pending",)
_ALWAYS: Final = ("audience", "sent", "failed")


def is_final(message: dict[str, Any]) -> bool:
    """Nothing will become of it any more."""
    return message["state"] in _FINAL


def follow(gateway: Gateway, message: dict[str, Any]) -> dict[str, Any]:
    """Looks at a message until it is done, showing how far it is; what it was in the end.

    Ctrl-C stops the looking, not the message.
    """
    path = f"/v1/messages/{message['id']}"
    ends_at = time.monotonic() + CLI_WAIT_S_MAX
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not is_watched(),
    )
    with bar:
        task = bar.add_task(message["state"], total=0)
        while not is_final(message := gateway.call("GET", path)):
            counts = message["counts"]
            bar.update(task, description=message["state"], total=counts["audience"], completed=_ended(counts))
            if message.get("waiting") and message["waiting"]["devices"] >= counts["pending"] > 0:
                return message  # the rest have an hour of their own: nobody sits and waits for the morning
            if time.monotonic() > ends_at:
                text = f"{message['id']} is still {message['state']}; look again with `steeple messages show`."
                raise Refused({"type": "unavailable", "code": "still_running", "message": text})
            time.sleep(CLI_POLL_S)
    return message


def figures(message: dict[str, Any]) -> Table:
    """The counts of a message: what is zero and not asked for is left out."""
    counts = message["counts"]
    rows = [(name, number) for name, number in counts.items() if number or name in _ALWAYS]
    for of, reasons in (("failed", message.get("failed_by")), ("skipped", message.get("skipped_by"))):
        rows += [(f"{of}: {reason}", number) for reason, number in (reasons or {}).items()]
    return table(("count", "devices"), rows)


def taken(sent: dict[str, Any]) -> str:
    """What became of an order that nobody watches; one that is done at once had nobody to go to."""
    shown = f"See `steeple messages show {sent['id']}`."
    if sent["state"] == "done":
        return f"{sent['id']} is done: none of those people has a device that gets it. {shown}"
    return f"{sent['id']} is {sent['state']}. {shown}"


def sentence(message: dict[str, Any]) -> str:
    """Where a message stands."""
    counts = message["counts"]
    said = f"{message['id']} is {message['state']}: {counts['sent']:,} sent of {counts['audience']:,}."
    waiting = message.get("waiting")
    if not waiting:
        return said
    until = readable(waiting["until"])
    return (
        f"{said} {waiting['devices']:,} wait for their hour (night, or a time of their own), the first until {until}."
    )


def exit_code(message: dict[str, Any]) -> int:
    """1 for a message that failed or was cancelled."""
    return 0 if message["state"] not in {"failed", "cancelled"} else 1


def _ended(counts: dict[str, int]) -> int:
    return counts["audience"] - sum(counts[name] for name in _WAITING)


def interrupted(message_id: str) -> click.ClickException:
    """What to say when somebody stops looking."""
    return click.ClickException(f"Stopped watching; {message_id} goes on. See `steeple messages show {message_id}`.")
