"""How the demo's shop asks its visitors: the prompt that stands in its page, kept at the gateway like any."""

from typing import Any, Final

from gateway.cli.client import Gateway

_PROMPT: Final[dict[str, Any]] = {
    "slug": "stay-posted",
    "kind": "inline",
    "texts": {
        "en": {
            "title": "Stay posted",
            "body": "Tell me when my order ships and when there is a sale. I can stop this at any time.",
            "yes": "Yes, tell me",
            "thanks": "Thank you! This browser is subscribed.",
        }
    },
}


def offer_prompt(gateway: Gateway) -> None:
    """Makes the prompt, unless an earlier demo did; what was changed of it since stays."""
    if all(prompt["slug"] != _PROMPT["slug"] for prompt in gateway.pages("/v1/prompts")):
        gateway.call("POST", "/v1/prompts", _PROMPT)
