"""`steeple coupons`: pools of codes, filled from a file or by a pattern."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.answer import hint, is_watched, readable, say, table
from gateway.cli.client import Gateway
from gateway.cli.command import Verbs
from gateway.cli.import_ import pieces, progress_bar
from gateway.cli.options import with_gateway
from gateway.model.limits import COUPON_CODES_PER_POOL_MAX, COUPON_LOW_MAX

_ERRORS_SHOWN: Final = 10
_STEP_CODES: Final = 20_000
"""Codes made by one call, so that the bar moves."""


@click.group(cls=Verbs)
def command() -> None:
    """Keep pools of coupon codes: each person of a message gets one."""


@command.command("list")
@with_gateway
def list_(gateway: Gateway) -> None:
    """List the app's pools."""
    found = gateway.call("GET", "/v1/coupons")["data"]
    if not found:
        say([], "No pools yet. Make one: steeple coupons create winter")
        return
    say(found, table(("pool", "name", "expires", "alarm at", ""), map(_pool, found)))


@command.command()
@with_gateway
@click.argument("pool")
@click.option("--name", default="", help="What people read.")
@click.option("--expires", "expires_at", metavar="TIME", help="When its codes expire, such as 2026-12-31T23:59:59Z.")
@click.option("--low-at", type=click.IntRange(0, COUPON_LOW_MAX), help="Sound an alarm when so few codes are left.")
def create(gateway: Gateway, *, pool: str, name: str, expires_at: str | None, low_at: int | None) -> None:
    """Make an empty pool."""
    said = {"pool": pool, "name": name, "expires_at": expires_at, "low_at": low_at}
    made = gateway.call("POST", "/v1/coupons", said)
    say(made, f"{pool} is there. Fill it: steeple coupons generate {pool} --pattern 'SAVE-####-????' --count 1000")


@command.command("import")
@with_gateway
@click.argument("pool")
@click.argument("file", metavar="FILE")
def import_(gateway: Gateway, *, pool: str, file: str) -> int:
    """Put the codes in FILE (`-`: standard input) into a pool.

    One code a line: plain, or CSV with the time that it expires in the second column, or {"code": "...", "expires_at":
    "..."}. Codes that are there already stay as they are.
    """
    with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source, progress_bar() as bar:
        size = None if file == "-" else Path(file).stat().st_size
        answer = gateway.upload(f"/v1/coupons/{pool}/codes", pieces(source, bar, size), media="text/plain")
    for error in answer["errors"][:_ERRORS_SHOWN]:
        hint(f"line {error['line']}: {error['message']}")
    if answer["rejected"] > _ERRORS_SHOWN:
        hint(f"... and {answer['rejected'] - _ERRORS_SHOWN:,} more; --json names the first hundred.")
    say(
        answer,
        f"{answer['imported']:,} codes imported, {answer['known']:,} known before, {answer['rejected']:,} rejected.",
    )
    return 1 if answer["rejected"] else 0


@command.command()
@with_gateway
@click.argument("pool")
@click.option("--pattern", required=True, help="Such as WINTER-####-????: # a digit, ? a letter, * either.")
@click.option("--count", type=click.IntRange(1, COUPON_CODES_PER_POOL_MAX), required=True, help="How many codes.")
def generate(gateway: Gateway, *, pool: str, pattern: str, count: int) -> None:
    """Make codes by a pattern, without characters that people mix up."""
    made = 0
    with _counted() as bar:
        task = bar.add_task("generating", total=count)
        while made < count:
            said = {"pattern": pattern, "count": min(_STEP_CODES, count - made)}
            made += gateway.call("POST", f"/v1/coupons/{pool}/generate", said)["imported"]
            bar.update(task, completed=made)
    say({"pool": pool, "imported": made}, f"{made:,} codes made.")


@command.command()
@with_gateway
@click.argument("pool")
def show(gateway: Gateway, *, pool: str) -> None:
    """Say what became of a pool's codes."""
    one = gateway.call("GET", f"/v1/coupons/{pool}")
    parts = [(name, one[name]) for name in ("codes", "left", "expired", "given", "redeemed")]
    shown = [table(("codes", pool), parts)]
    if one["messages"]:
        shown.append(table(("message", "given", "sent", "redeemed"), map(_share, one["messages"])))
    if one["is_low"]:
        hint(f"{pool} runs low: its alarm stands at {one['low_at']:,}.")
    say(one, *shown)


@command.command()
@with_gateway
@click.argument("pool")
@click.argument("code")
def redeem(gateway: Gateway, *, pool: str, code: str) -> None:
    """Mark a code as used."""
    used = gateway.call("POST", f"/v1/coupons/{pool}/redeem", {"code": code})
    say(used, f"{code} is redeemed.")


@command.command()
@with_gateway
@click.argument("pool")
def delete(gateway: Gateway, *, pool: str) -> None:
    """Delete a pool and all of its codes."""
    gateway.call("DELETE", f"/v1/coupons/{pool}")
    say({"pool": pool, "deleted": True}, f"{pool} is deleted.")


def _pool(one: dict[str, Any]) -> tuple[object, ...]:
    expires = None if one["expires_at"] is None else readable(one["expires_at"])
    return one["pool"], one["name"], expires, one["low_at"], "low" if one["is_low"] else ""


def _counted() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not is_watched(),
    )


def _share(one: dict[str, Any]) -> tuple[object, ...]:
    return one["message"], one["given"], one["sent"], one["redeemed"]
