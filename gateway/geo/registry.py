"""The country of an address, as the five registries of addresses gave it out: `iptocc`, with nothing to download.

It is the country of whoever holds the address, which is the device's in 95 of 100 cases. The package is optional (extra
`geo`): without it no country is guessed.
"""

import importlib
from collections.abc import Callable
from functools import lru_cache

CountryOf = Callable[[str], str | None]


@lru_cache(maxsize=1)
def country_finder() -> CountryOf | None:
    """From an address to two letters (ISO 3166-1), or None where the package is not installed."""
    try:
        found: CountryOf = importlib.import_module("iptocc").country_code
    except ImportError:
        return None
    return found
