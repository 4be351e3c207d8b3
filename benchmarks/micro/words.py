"""What it costs to say something to one person, beside saying the same to everybody: CPU of one process per payload.

python -m benchmarks.micro.words [--people 2000] [--rounds 7]
"""

import argparse
import random
import statistics
import time
from functools import partial
from typing import Any, Final, cast

import msgspec

from benchmarks.micro.clock import each
from benchmarks.peers.steeple_path import CONTENT, OwnTokens
from gateway.model.delivery import Device
from gateway.model.ids import new_id
from gateway.policy.personalise import made
from gateway.policy.wording import Wording
from gateway.transports import find
from gateway.transports.base import Wire
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient

_TOKEN: Final = "0" * 55
_HOSTS: Final = frozenset({"shop.example"})
_TEXTS: Final[dict[str, dict[str, Any]]] = {
    "plain text": {},
    "two fields": {
        "title": 'Hi {{ user.first_name | default: "there" }}',
        "body": "{{ user.points }} points wait for you",
    },
    "two fields, in a language": {
        "title": {"en": 'Hi {{ user.first_name | default: "there" }}', "nl": "Dag {{ user.first_name }}"},
        "body": {"en": "{{ user.points }} points wait for you", "nl": "{{ user.points }} punten wachten op je"},
    },
    "four fields, two in the link": {
        "title": "Hi {{ user.first_name }}",
        "body": "{{ user.points }} points wait for you",
        "url": "https://shop.example/{{ user.tags.shelf }}?for={{ user.first_name }}",
    },
    "Liquid: money": {"title": "Hi {{ user.first_name }}", "body": '{{ user.balance | money: "EUR" }} wait for you'},
}


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    people = [_person(at) for at in range(asked.people)]
    provider = find("webpush")
    policy = EgressPolicy.of(defaults=provider.hosts)
    http = cast("HttpClient", None)  # nothing is sent
    wire = Wire(egress=policy, http=http, clock=time.time, tokens=OwnTokens(), dice=random.Random(1))
    transport = provider(wire)
    for name, texts in _TEXTS.items():
        content = msgspec.structs.replace(CONTENT, **texts)
        compiled = made(content, Wording(hosts=_HOSTS), partial(transport.compile, message_id=1))
        step = partial(_render, compiled.render)
        found = sorted(each(step, people) for _ in range(asked.rounds))
        print(f"{name}: {statistics.median(found):.1f} us a person, at best {found[0]:.1f}")


def _render(render: Any, device: Device) -> None:
    render(device, _TOKEN, 60)


def _person(at: int) -> Device:
    attributes = {"first_name": f"Ada {at}", "points": at, "balance": at / 8, **{f"other_{n}": n for n in range(20)}}
    return Device(
        new_id(), "webpush", 1, b"", 1, "nl-NL" if at % 2 else "en", None, f"cust-{at}", "Europe/Amsterdam", "NL",
        {"tags": {"shelf": "books"}}, {"attributes": attributes, "language": "nl"},
    )  # fmt: skip


if __name__ == "__main__":
    main()
