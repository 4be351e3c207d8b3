"""`steeple prompts`: how a site asks its visitors, and what they answered."""

import functools
from collections.abc import Callable
from typing import Any, Final, get_args

import click
import msgspec

from gateway.cli.answer import hint, say, table
from gateway.cli.client import Gateway
from gateway.cli.command import Verbs
from gateway.cli.options import json_object_in, object_at, with_gateway
from gateway.model.limits import OPT_IN_DAYS_DEFAULT, OPT_IN_KEPT_DAYS
from gateway.model.prompt import Kind

_WORDS: Final = ("title", "body", "yes", "no", "topics", "thanks")
_PAGES_SHOWN: Final = 10
_SEEN: Final = "new visitors see it within a minute, who was there lately within an hour"


def _said_in_file(_ctx: click.Context, _option: click.Parameter, name: str | None) -> dict[str, Any]:
    return {} if name is None else json_object_in(name)


def with_fields(verb: Callable[..., Any]) -> Callable[..., Any]:
    """For verbs that say what a prompt is: from a file, or the words of one language."""
    added = [
        click.option("--kind", type=click.Choice(get_args(Kind)), help="slidedown where left out."),
        click.option("--language", default="en", metavar="TAG", help="Of these texts; en where left out."),
        *(click.option(f"--{name}", metavar="TEXT") for name in _WORDS),
        click.option("--file", callback=_said_in_file, metavar="FILE", help="Fields as JSON; `-`: standard input."),
    ]
    return functools.reduce(lambda command, option: option(command), reversed(added), verb)


@click.group(cls=Verbs)
def command() -> None:
    """Ask visitors before the browser does: in which words, when, and how often."""


@command.command("list")
@with_gateway
def list_(gateway: Gateway) -> None:
    """List the app's prompts."""
    found = list(gateway.pages("/v1/prompts"))
    if not found:
        say([], "No prompts yet. Make one: steeple prompts create welcome --title 'Be the first to know'")
        return
    say(found, table(("prompt", "kind", "active", "priority", "variants", "winner"), map(_row, found)))


@command.command()
@with_gateway
@click.argument("prompt", metavar="NAME")
def show(gateway: Gateway, *, prompt: str) -> None:
    """Show what a prompt says, and when."""
    one = gateway.call("GET", f"/v1/prompts/{prompt}")
    say(one, msgspec.json.format(msgspec.json.encode(one)).decode())


@command.command()
@with_gateway
@click.argument("prompt", metavar="NAME")
@with_fields
def create(gateway: Gateway, *, prompt: str, **given: Any) -> None:
    """Make a prompt, which new visitors see within a minute. Rules, colours, topics and variants come from a file."""
    made = gateway.call("POST", "/v1/prompts", {"slug": prompt, **_fields(given, {})})
    say(made, f"{prompt} is there: {_SEEN}. Stop it: steeple prompts off {prompt}")


@command.command()
@with_gateway
@click.argument("prompt", metavar="NAME")
@with_fields
def change(gateway: Gateway, *, prompt: str, **given: Any) -> None:
    """Change a prompt: each field of a file as a whole, texts one by one."""
    is_texts = any(given[name] is not None for name in _WORDS)
    held = gateway.call("GET", f"/v1/prompts/{prompt}")["texts"] if is_texts else {}
    fields = _fields(given, held)
    if not fields:
        raise click.UsageError("Say what to change: --title, --body, --yes, --no, --kind or --file.")
    one = gateway.call("PATCH", f"/v1/prompts/{prompt}", fields)
    say(one, f"{prompt} is changed: {_SEEN}.")


@command.command()
@with_gateway
@click.argument("prompt", metavar="NAME")
def on(gateway: Gateway, *, prompt: str) -> None:
    """Let visitors see a prompt."""
    say(gateway.call("PATCH", f"/v1/prompts/{prompt}", {"is_active": True}), f"{prompt} is on.")


@command.command()
@with_gateway
@click.argument("prompt", metavar="NAME")
def off(gateway: Gateway, *, prompt: str) -> None:
    """Let no visitor see a prompt for now."""
    say(gateway.call("PATCH", f"/v1/prompts/{prompt}", {"is_active": False}), f"{prompt} is off.")


@command.command()
@with_gateway
@click.argument("prompt", metavar="NAME")
@click.argument("variant")
def winner(gateway: Gateway, *, prompt: str, variant: str) -> None:
    """Let everybody see this VARIANT from now on."""
    one = gateway.call("POST", f"/v1/prompts/{prompt}/winner", {"variant": variant})
    say(one, f"Everybody sees {variant} of {prompt} from now on.")


@command.command()
@with_gateway
@click.argument("prompt", metavar="NAME")
def delete(gateway: Gateway, *, prompt: str) -> None:
    """Delete a prompt; what visitors answered stays in the report."""
    gateway.call("DELETE", f"/v1/prompts/{prompt}")
    say({"slug": prompt, "deleted": True}, f"{prompt} is deleted.")


@command.command()
@with_gateway
@click.option(
    "--days", type=click.IntRange(1, OPT_IN_KEPT_DAYS), default=OPT_IN_DAYS_DEFAULT, show_default=True,
    help="Of so many days, today included.",
)  # fmt: skip
@click.option("--prompt", metavar="NAME", help="Only this prompt.")
@click.option("--variant", metavar="VARIANT", help="Only this variant.")
def report(gateway: Gateway, *, days: int, prompt: str | None, variant: str | None) -> None:
    """Tell what visitors answered: by prompt and variant, by page, by browser."""
    told = gateway.call("GET", "/v1/reports/opt-ins", days=days, prompt=prompt, variant=variant)
    say(
        told,
        _funnel("prompt", [line for one in told["prompts"] for line in _lines(one)]),
        "",
        _funnel("page", [(one["page"] or "(others)", one) for one in told["pages"][:_PAGES_SHOWN]]),
        "",
        _funnel("browser", [(one["browser"], one) for one in told["browsers"]]),
    )
    for warning in told["warnings"]:
        hint(warning["message"])


def _fields(given: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
    """What a file says, with the texts and the kind of the options; `held` are texts that stay."""
    fields = dict(given["file"])
    words = {name: given[name] for name in _WORDS if given[name] is not None}
    if words:
        texts, language = {**held, **object_at(fields, "texts")}, given["language"]
        fields["texts"] = {**texts, language: {**object_at(texts, language), **words}}
    return fields if given["kind"] is None else {**fields, "kind": given["kind"]}


def _lines(prompt: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A prompt, and a line for each of its variants."""
    name = prompt["prompt"] or "(no prompt)"
    return [(name, prompt), *((f"  {_variant(one, prompt)}", one) for one in prompt["variants"])]


def _variant(one: dict[str, Any], prompt: dict[str, Any]) -> str:
    if one["name"] == prompt["winner"]:
        return f"{one['name']} (winner)"
    return f"{one['name']} (differs)" if one["is_significant"] else one["name"]


def _funnel(what: str, lines: list[tuple[str, dict[str, Any]]]) -> Any:
    return table(
        (what, "asked", "yes", "no", "granted", "denied", "of asked", "of answered"),
        [
            (
                name, one["asked"], one["yes"], one["dismissed"], one["granted"], one["denied"],
                _percent(one["opt_in_rate"]), _percent(one["grant_rate"]),
            )
            for name, one in lines
        ],
    )  # fmt: skip


def _percent(rate: float | None) -> str | None:
    return None if rate is None else f"{rate:.1%}"


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    active = "yes" if one["is_active"] else "no"
    return one["slug"], one["kind"], active, one["priority"], len(one["variants"]), one["winner"]
