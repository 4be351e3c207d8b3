"""The reader of the how-to pages does what they say, and notices where they are wrong."""

import pytest

from tests.docs.page import PageError, steps_of
from tests.docs.reader import Reader, difference
from tests.docs.stages import people
from tests.journeys.world import Shop

_PAGE = """
```http
POST /v1/messages

{"audience": {"users": ["cust-17"]}, "title": "Hello"}
```

```json
{"id": "msg_...", "state": "..."}
```

```json order.json
{"audience": {"all": true}, "title": "Sale",
 "colour": "red"}
```

```sh
curl $API/v1/messages/msg_... -H "Authorization: Bearer $KEY"
# answers 422
curl -X POST $API/v1/messages -H "Authorization: Bearer $KEY" \\
  --json @order.json
```

```json
{"error": {"param": "colour"}}
```

```sh
# exits 2
steeple app set
steeple app show $APP --json
```

```json
{"id": "app_...", "origins": ["https://shop.example"], "keys": ["..."]}
```
"""


async def test_a_page_is_read_to_its_end(reader: Reader, shop: Shop) -> None:
    """Requests, curl, the command line, files, refusals and ids that were told before."""
    await people(shop)
    assert await reader.read(_PAGE) == 5


@pytest.mark.parametrize(
    "page",
    [
        "```http\nGET /v1/nothing\n```\n",
        '```http\nGET /v1/topics\n```\n```json\n{"data": [{}]}\n```\n',
        '```http\nGET /v1/topics\n```\n```json\n{"colour": 1}\n```\n',
        "```http\nGET\n```\n",
        '```json\n{"data": ...}\n```\n',
        "```sh\nmake coffee\n```\n",
        "```sh\ncurl --odd $API/livez\n```\n",
        '```sh\ncurl $API/livez -H "open\n```\n',
        "```sh\n# answers 422\ncurl $API/livez\n```\n",
        "```sh\nsteeple app show nobody\n```\n",
    ],
)
async def test_a_page_that_is_wrong_is_caught(reader: Reader, page: str) -> None:
    """An example that fails, answers otherwise, or cannot be run."""
    with pytest.raises(PageError):
        await reader.read(page)


@pytest.mark.parametrize(
    ("shown", "told", "is_right"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"b": 1}, False),
        (["x"], ["x", "y"], False),
        (["x", "..."], ["x", "y"], True),
        (["x", "y", "..."], ["x"], False),
        ("msg_...", "msg_0123", True),
        ("msg_...", "sub_0123", False),
        ("...", 7, True),
    ],
)
def test_an_answer_is_compared_with_what_is_shown(shown: object, told: object, *, is_right: bool) -> None:
    """More may be there than is shown, nothing else."""
    assert (difference(shown, told) == "") is is_right


def test_blocks_that_are_only_shown_are_left_alone() -> None:
    """Output, other languages, and JSON that answers nothing."""
    assert steps_of("```text\nsteeple app create\n```\n\n```json\n{}\n```\n") == []
