"""The fields of `POST /v1/messages` as options: what `steeple send` and `steeple preview` share."""

from collections.abc import Callable
from typing import Any, Final

import click
import msgspec

from gateway import transports
from gateway.cli.options import Id, json_object_in, object_at

_AUDIENCE: Final = ("topics", "users", "subscriptions", "languages", "channels", "all", "segment", "lists")
_LIMITS: Final = ("per_minute", "cap", "on_cap")
_SCHEDULE: Final = ("at", "local_time", "best_time", "until", "quiet", "on_quiet", "past")
_INBOX: Final = {"inbox_until": "until", "banner": "banner"}
_ACTION_PARTS: Final = 3


def with_message(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a message; the verb gets them as keywords, for `request_of`."""
    for option in reversed(_OPTIONS):
        verb = option(verb)
    return verb


def request_of(message: dict[str, Any], flags: dict[str, Any]) -> dict[str, Any]:
    """The request: the file's fields, then what the options say."""
    given = {name: _plain(value) for name, value in flags.items() if value is not None and value != ()}
    audience = {**object_at(message, "audience"), **{name: given.pop(name) for name in _AUDIENCE if name in given}}
    limits = {name: given.pop(name) for name in _LIMITS if name in given}
    if limits:
        given["limits"] = {**object_at(message, "limits"), **limits}
    schedule = {name: given.pop(name) for name in _SCHEDULE if name in given}
    if schedule:
        given["schedule"] = {**object_at(message, "schedule"), **schedule}
    inbox = {field: given.pop(name) for name, field in _INBOX.items() if name in given}
    if inbox:
        before = message.get("inbox")
        given["inbox"] = {**(before if isinstance(before, dict) else {}), **inbox}
    return {**message, **given, **({"audience": audience} if audience else {})}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def check_audience(body: dict[str, Any]) -> None:
    """Raises a fault of usage where nobody is named."""
    if not body.get("audience"):
        raise click.UsageError("Say to whom: --all, --topics, --segment, --list, --user, --subscription or --language.")


def _json_object(_ctx: click.Context, _option: click.Parameter, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as fault:
        raise click.BadParameter(f"it is not a JSON object such as '{{\"order\": 17}}' ({fault})") from None


def _actions(_ctx: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> list[dict[str, str]] | None:
    return [_action(text) for text in texts] or None


def _action(text: str) -> dict[str, str]:
    parts = text.split("=", _ACTION_PARTS - 1)
    if len(parts) == 1 or not parts[0] or not parts[1]:
        raise click.BadParameter(f"`{text}` is not of the form id=Title or id=Title=https://shop.example/page")
    return dict(zip(("id", "title", "url"), parts, strict=False))


def _message_file(_ctx: click.Context, _option: click.Parameter, name: str | None) -> dict[str, Any]:
    return {} if name is None else json_object_in(name)


_PROVIDER_FIELDS: Final = [
    click.option(f"--{name}", callback=_json_object, metavar="JSON", help=f"Only for the channel {name}.")
    for name in transports.names()
]
"""For each provider, fields that only its own devices understand."""
_OPTIONS: Final = (
    click.option("--all", "all", is_flag=True, default=None, help="To every device of the app."),
    click.option("--topics", metavar="EXPR", help="To followers, such as 'sale && !wholesale'."),
    click.option("--user", "users", multiple=True, metavar="ID", help="To this person's devices. Repeatable."),
    click.option("--subscription", "subscriptions", multiple=True, metavar="SUB", help="To this device. Repeatable."),
    click.option(
        "--language", "languages", multiple=True, metavar="TAG", help="Only where this is spoken. Repeatable."
    ),
    click.option(
        "--segment", "segment", multiple=True, metavar="NAME", help="To a saved audience. Repeatable: any of them."
    ),
    click.option("--list", "lists", multiple=True, metavar="NAME", help="To those on a list. Repeatable: any."),
    click.option("--channel", "channels", multiple=True, metavar="NAME", help="Only through this channel. Repeatable."),
    click.option("--template", type=Id("tpl"), help="Say what this template says, but for the options given."),
    click.option("--variables", callback=_json_object, metavar="JSON", help="Values for the fields of the texts."),
    click.option(
        "--title", metavar="TEXT", help="Texts may have fields: 'Hi {{ user.first_name | default: \"there\" }}'."
    ),
    click.option("--body", metavar="TEXT"),
    click.option("--url", metavar="URL", help="The page that a click opens, on one of the app's link hosts."),
    click.option("--deep-link", metavar="LINK", help="Where a click leads inside apps."),
    click.option("--utm", callback=_json_object, metavar="JSON", help="Campaign parameters of links, over the app's."),
    click.option("--icon", metavar="URL"),
    click.option("--image", metavar="URL"),
    click.option("--badge", metavar="URL"),
    click.option("--action", "actions", multiple=True, callback=_actions, metavar="ID=TITLE[=URL]", help="A button."),
    click.option("--data", callback=_json_object, metavar="JSON", help="Handed to the page or app."),
    click.option("--tag", metavar="TEXT", help="Replaces a shown notification of the same tag."),
    click.option("--collapse-key", metavar="TEXT", help="Replaces an undelivered message of the same key."),
    click.option("--ttl", type=int, metavar="SECONDS", help="Nobody wants it any more after this."),
    click.option("--urgency", type=click.Choice(["very-low", "low", "normal", "high"])),
    click.option("--silent", is_flag=True, default=None, help="Without sound or vibration."),
    click.option("--require-interaction", is_flag=True, default=None, help="Stays until somebody acts."),
    click.option("--badge-count", type=int, metavar="N", help="The number on the app's icon."),
    click.option("--sound", metavar="FILE", help="A sound of the app's."),
    *_PROVIDER_FIELDS,
    click.option("--per-minute", type=int, metavar="N", help="So many recipients a minute at most."),
    click.option("--cap", type=click.Choice(["default", "ignore"]), help="Whether the app's frequency caps hold."),
    click.option("--on-cap", type=click.Choice(["drop", "defer"]), help="What becomes of who has had enough."),
    click.option("--at", metavar="TIME", help="When to send, such as 2026-12-01T09:00:00+01:00."),
    click.option(
        "--category", type=click.Choice(["marketing", "transactional"]), help="Marketing waits for the morning."
    ),
    click.option("--local-time", metavar="HH:MM", help="At this hour of each person's own clock."),
    click.option("--best-time", is_flag=True, default=None, help="At the hour when each person is usually there."),
    click.option("--until", metavar="TIME", help="Nothing is sent after it."),
    click.option("--quiet", type=click.Choice(["respect", "ignore"]), help="Keep out of people's nights, or not."),
    click.option("--on-quiet", type=click.Choice(["hold", "drop"]), help="Who sleeps waits, or is left out."),
    click.option("--past", type=click.Choice(["tomorrow", "now", "skip"]), help="Where the local hour has passed."),
    click.option("--inbox", is_flag=True, default=None, help="It stays in the inbox of the page."),
    click.option("--inbox-until", metavar="TIME", help="As --inbox, and no longer than until then."),
    click.option("--banner", is_flag=True, default=None, help="As --inbox, and open pages show it as a banner."),
    click.option(
        "--file", "message", callback=_message_file, metavar="FILE", help="The request as JSON; options add to it."
    ),
)
