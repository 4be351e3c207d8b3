"""Which rules a message is under. A rule is a file here, and stands in `Rulebook.of` where it is to be asked.

Who is skipped for good comes before who is held, and what gives something away (a code) comes last.
"""

from gateway.delivery.group import Rule
from gateway.delivery.keys import Keys
from gateway.delivery.pressure import Pressure
from gateway.delivery.rules.caps import Caps
from gateway.delivery.rules.chosen import Chosen
from gateway.delivery.rules.coupon import Coupons
from gateway.delivery.rules.excluded import Excluded
from gateway.delivery.rules.holdout import Holdout
from gateway.delivery.rules.hours import OwnHour
from gateway.delivery.rules.quiet import Quiet
from gateway.delivery.rules.variant import VariantRule
from gateway.model.message import Message
from gateway.policy.appointment import respects_quiet
from gateway.store.database import Database


class Rulebook:
    """Finds the rules of messages for one process."""

    def __init__(self, db: Database, keys: Keys, pressure: Pressure) -> None:
        self._db = db
        self._keys = keys
        self._pressure = pressure
        self._coupons = Coupons(db, keys)

    def of(self, message: Message) -> tuple[Rule, ...]:
        """The rules that a message is under, in the order in which they are asked."""
        terms = message.terms
        rules: list[Rule] = []
        if terms.variants:
            rules.append(VariantRule(self._db))
        if message.audience.exclude is not None:
            rules.append(Excluded(self._db))
        if terms.category == "marketing":
            rules += (Holdout(self._keys), Chosen())
        if terms.timing.is_personal:
            rules.append(OwnHour(self._keys))
        if respects_quiet(terms.timing, terms.category):
            rules.append(Quiet(self._keys))
        # Behind those who wait: whoever is asleep has no place kept in anybody's cap, and no code.
        if terms.category == "marketing" and terms.obeys_caps:
            rules.append(Caps(self._db, self._keys, self._pressure))
        if terms.coupon is not None:
            rules.append(self._coupons.rule(terms.coupon))
        return tuple(rules)
