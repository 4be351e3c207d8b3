"""CSV as programs write it: fields end with a comma, or with the semicolon or tab of many spreadsheets."""

import re
from typing import Final

_FIRST_FIELD: Final = re.compile(r'(?:"[^"]*"|[^",;\t])*([,;\t])')


def separator_of(line: str) -> str:
    """What ends the first field of this line: `,`, `;` or a tab; a comma where there is only one field."""
    found = _FIRST_FIELD.match(line)
    return "," if found is None else found[1]
