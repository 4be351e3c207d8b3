"""Logs tell what happened and never what is secret; metrics say once what each figure is."""

import json
import subprocess
import sys
from typing import Any

import pytest

CANARIES = {
    "api key": "stpl_sk_4f9aCANARY",
    "publishable key": "stpl_pk_4f9aCANARY",
    "device secret": "stpl_ds_4f9aCANARY",
    "signature": "vapid t=eyJCANARY.eyJCANARY.CANARY, k=BPublic",
    "bearer": "Authorization: Bearer CANARY",
    "database": "postgresql://steeple:CANARY@db.internal:5432/steeple?sslmode=require",
    "database, short": "postgres://CANARY@db/steeple",
    "mozilla": "https://updates.push.services.mozilla.com/wpush/v2/gAAAACANARY",
    "google": "https://fcm.googleapis.com/fcm/send/dCANARY:APA91b",
    "apple": "https://web.push.apple.com/QGoCANARY",
    "windows": "https://wns2-par02p.notify.windows.com/w/?token=BQYCANARY%3d",
    "own push service": "http://push.internal:8030/push/CANARY",
    "capital letters": "HTTPS://WEB.PUSH.APPLE.COM/QGoCANARY",
    "user information": "https://operator:CANARY@push.example/",
    "private key": "-----BEGIN PRIVATE KEY-----\nMIGHCANARY\nCANARY\n-----END PRIVATE KEY-----",
}
FIELDS = (
    "authorization",
    "Authorization",
    "endpoint",
    "receipt_token",
    "device_secret",
    "password",
    "p256dh",
    "auth",
    "payload",
    "api_key",
    "master_key",
    "dsn",
    "database_url",
    "private_key",
    "Cookie",
)

SCRIPT = """
import json, logging, sys
from gateway.telemetry import log, set_up_logs

set_up_logs(sys.argv[1], role="test")
logger = log("room")
for line in json.load(sys.stdin):
    match line:
        case ["event", text]: logger.info(text)
        case ["fields", fields]: logger.warning("told", **fields)
        case ["exception", text]:
            try: raise ValueError(text)
            except ValueError: logger.exception("failed")
        case ["library", text]: logging.getLogger("library").error("said %s", text)
        case ["library exception", text]:
            try: raise OSError(text)
            except OSError: logging.getLogger("library").exception("failed")
        case ["bytes", text]: logger.info("told", body=text.encode(), deep={"inner": [text.encode()]})
        case ["object", text]: logger.info("told", thing=OSError(text), kind={OSError(text)})
"""


def logged(lines: list[Any], *, style: str = "json") -> str:
    """What a process of the gateway writes when it is told to log these."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, style], input=json.dumps(lines), capture_output=True, text=True, check=True
    )
    assert run.stdout == ""
    return run.stderr


@pytest.mark.parametrize("style", ["json", "pretty"])
def test_no_secret_reaches_a_log(style: str):
    """Keys, signatures, addresses of devices, passwords: in an event, a field, an exception, a library's words."""
    lines: list[Any] = []
    for name, canary in CANARIES.items():
        ways = ("event", "exception", "library", "library exception", "bytes", "object")
        lines += [[way, canary] for way in ways]
        lines += [["fields", {"said": canary, "list": ["x", canary], "deep": {"a": [{"b": canary}]}, "name": name}]]
    lines += [["fields", {field: "CANARY", "inner": {field: "CANARY"}}] for field in FIELDS]
    lines += [
        ["fields", {"headers": {"Authorization": "CANARY"}, "way": {"too": {"deep": {"for": {"us": ["CANARY"]}}}}}]
    ]

    text = logged(lines, style=style)

    assert [line for line in text.splitlines() if "CANARY" in line] == []
    assert text.count("[hidden]") >= len(lines)


def test_what_an_operator_needs_stays():
    """Ids, counts, hosts and where a fault happened."""
    text = logged(
        [
            ["fields", {"message": "msg_0123456789abc", "sent": 480, "share": 0.5, "is_whole": True, "none": None}],
            ["fields", {"url": "http://localhost:8080", "host": "https://web.push.apple.com"}],
            ["exception", "https://web.push.apple.com/QGoCANARY said no"],
        ]
    )
    told, addresses, fault = map(json.loads, text.splitlines())

    fields = {"message": "msg_0123456789abc", "sent": 480, "share": 0.5, "is_whole": True, "none": None}
    assert told.items() >= {**fields, "event": "told", "level": "warning", "room": "room", "role": "test"}.items()
    assert told["ts"].endswith("Z")
    assert (addresses["url"], addresses["host"]) == ("http://localhost:8080", "https://web.push.apple.com")
    assert "ValueError: https://web.push.apple.com/[hidden] said no" in fault["exception"]
    assert 'File "<string>"' in fault["exception"]


def test_json_logs_are_one_event_a_line():
    """Whatever is logged, a collector reads it line by line."""
    text = logged([["event", "a\nb"], ["exception", "x\ny"], ["library", "c\nd"]])

    events = [json.loads(line) for line in text.splitlines()]

    assert [event["event"] for event in events] == ["a\nb", "failed", "said c\nd"]
