"""`steeple templates`: what messages say, kept under a name."""

from typing import Any

import click
import msgspec

from gateway.cli.answer import say, table
from gateway.cli.client import Gateway
from gateway.cli.command import Verbs
from gateway.cli.options import Id, json_object_in, with_gateway


def _said_in_file(_ctx: click.Context, _option: click.Parameter, name: str | None) -> dict[str, Any] | None:
    return None if name is None else json_object_in(name)


_file = click.option(
    "--file",
    callback=_said_in_file,
    metavar="FILE",
    help="Fields of a message as JSON, such as title and body; `-`: standard input.",
)


@click.group(cls=Verbs)
def command() -> None:
    """Keep what messages say: `steeple send --template tpl_...`."""


@command.command("list")
@with_gateway
def list_(gateway: Gateway) -> None:
    """List the app's templates."""
    found = list(gateway.pages("/v1/templates", limit=100))
    if not found:
        say([], "No templates yet. Make one: steeple templates create shipped --title 'Your order is on its way'")
        return
    say(found, table(("template", "name", "title"), [(one["id"], one["name"], _title(one)) for one in found]))


@command.command()
@with_gateway
@click.argument("template", type=Id("tpl"))
def show(gateway: Gateway, *, template: str) -> None:
    """Show what a template says."""
    one = gateway.call("GET", f"/v1/templates/{template}")
    say(one, f"{one['id']}, {one['name']}", msgspec.json.format(msgspec.json.encode(one["content"])).decode())


@command.command()
@with_gateway
@click.argument("name")
@click.option("--title", metavar="TEXT")
@click.option("--body", metavar="TEXT")
@click.option("--url", metavar="URL")
@_file
def create(gateway: Gateway, *, name: str, file: dict[str, Any] | None, **texts: str | None) -> None:
    """Make a template from a file, or from what the options say."""
    made = gateway.call("POST", "/v1/templates", {"name": name, "content": _content(file, texts)})
    say(made, f"{made['id']} is {name}. Send it: steeple send --template {made['id']} --all")


@command.command()
@with_gateway
@click.argument("template", type=Id("tpl"))
@click.option("--name", metavar="TEXT")
@click.option("--title", metavar="TEXT")
@click.option("--body", metavar="TEXT")
@click.option("--url", metavar="URL")
@_file
def change(
    gateway: Gateway, *, template: str, name: str | None, file: dict[str, Any] | None, **texts: str | None
) -> None:
    """Change a template's name, or what it says: a file replaces all of it, options the field they name."""
    said: dict[str, Any] = {} if name is None else {"name": name}
    if file is not None or any(text is not None for text in texts.values()):
        kept = {} if file is not None else gateway.call("GET", f"/v1/templates/{template}")["content"]
        said["content"] = {**kept, **_content(file, texts)}
    if not said:
        raise click.UsageError("Say what to change: --name, --title, --body, --url or --file.")
    one = gateway.call("PATCH", f"/v1/templates/{template}", said)
    say(one, f"{one['id']} is changed. Messages on their way keep what they say.")


@command.command()
@with_gateway
@click.argument("template", type=Id("tpl"))
def delete(gateway: Gateway, *, template: str) -> None:
    """Delete a template; messages on their way keep what they say."""
    gateway.call("DELETE", f"/v1/templates/{template}")
    say({"id": template}, f"{template} is deleted.")


def _content(file: dict[str, Any] | None, texts: dict[str, str | None]) -> dict[str, Any]:
    return {**(file or {}), **{name: text for name, text in texts.items() if text is not None}}


def _title(one: dict[str, Any]) -> str:
    title = one["content"].get("title") or one["content"].get("body") or ""
    return title if isinstance(title, str) else next(iter(title.values()), "")
