"""Whoever asks why gets a sentence, whatever the reason."""

from gateway.model.delivery import REASONS, Code, state_of
from gateway.model.reason_words import sentence


def test_every_end_has_a_sentence_of_its_own():
    """A new code needs words before anybody meets it."""
    silent = [
        code.name
        for code in Code
        if code in REASONS and sentence(state_of(code), REASONS[code]) == sentence(state_of(code), None)
    ]
    assert silent == []
    assert all(sentence(state_of(code), REASONS.get(code)).endswith(".") for code in Code)


def test_who_was_to_get_a_cancelled_message_is_told_that():
    """Not that they were never meant."""
    assert sentence("none", "cancelled") == sentence("cancelled", None) == "The message was cancelled before its turn."
