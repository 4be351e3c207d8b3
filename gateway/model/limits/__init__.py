"""Every bound of the gateway, with its unit and the reason for its size.

One folder, so that an operator can read what the gateway takes, and a reviewer can see that nothing is unbounded; a
file for each few rooms. Import from here: `from gateway.model.limits import PAGE_ROWS_MAX`. A name stands in one file
only (`tests/model/test_limits.py`).
"""
# ruff: noqa: F403 - all of their names are this package's

from gateway.model.limits.delivery import *
from gateway.model.limits.inbox import *
from gateway.model.limits.nouns import *
from gateway.model.limits.offers import *
from gateway.model.limits.people import *
from gateway.model.limits.places import *
from gateway.model.limits.pressure import *
from gateway.model.limits.processes import *
from gateway.model.limits.prompts import *
from gateway.model.limits.requests import *
from gateway.model.limits.segments import *
from gateway.model.limits.store import *
from gateway.model.limits.tenancy import *
from gateway.model.limits.timing import *
from gateway.model.limits.wire import *
from gateway.model.limits.words import *
