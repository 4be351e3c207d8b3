"""What imports of devices, people and lists have in common: lines are counted, read, and left out where they are wrong.

A line is read in small steps, so that the process goes on answering others.
"""

import asyncio
from codecs import BOM_UTF8
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

import msgspec

from gateway.model.errors import GatewayError, Invalid
from gateway.model.limits import IMPORT_BATCH_ROWS, IMPORT_ERRORS_MAX, IMPORT_LINE_BYTES_MAX, IMPORT_STEP_LINES
from gateway.model.misfit import wrong

_T = TypeVar("_T")


class LineError(msgspec.Struct, frozen=True):
    """A line that was left out. Lines count from 1."""

    line: int
    code: str
    message: str


class ImportReport(msgspec.Struct, frozen=True):
    """imported: new devices. updated: known ones, also where nothing was different. errors: the first 100."""

    imported: int
    updated: int
    rejected: int
    errors: list[LineError]


class Lines:
    """How many lines came so far, and which of them were left out."""

    def __init__(self) -> None:
        self.count = self.rejected = 0
        self._errors: list[LineError] = []

    @property
    def errors(self) -> list[LineError]:
        """The first 100 that were left out, in the order of the file."""
        return sorted(self._errors, key=lambda one: one.line)

    def reject(self, line: int, fault: GatewayError) -> None:
        """Leaves a line out; what is told names the field."""
        self.rejected += 1
        if len(self._errors) < IMPORT_ERRORS_MAX:
            is_told = fault.param is None or f"`{fault.param}`" in fault.message
            where = "" if is_told else f" ({fault.param})"
            self._errors.append(LineError(line, fault.code, f"{fault.message}{where}"))


class Tally(Lines):
    """The report of an import while it grows."""

    def __init__(self) -> None:
        super().__init__()
        self.imported = self.updated = 0

    def report(self) -> ImportReport:
        """As of now."""
        return ImportReport(self.imported, self.updated, self.rejected, self.errors)


async def batches(
    lines: AsyncIterator[bytes], tally: Lines, read: Callable[[bytes, int], _T]
) -> AsyncGenerator[list[_T]]:
    """What `read` makes of each line and its number, 2,000 at a time. A line that it refuses is noted in `tally`."""
    batch: list[_T] = []
    async for line in lines:
        tally.count += 1
        if tally.count % IMPORT_STEP_LINES == 0:
            await asyncio.sleep(0)
        if tally.count == 1:
            line = line.removeprefix(BOM_UTF8)  # noqa: PLW2901 - editors on Windows put it there
        if not line.strip():
            continue
        try:
            batch.append(read(line, tally.count))
        except GatewayError as fault:
            tally.reject(tally.count, fault)
        if len(batch) >= IMPORT_BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def decoded(line: bytes, decoder: msgspec.json.Decoder[_T]) -> _T:
    """The JSON object of a line. Raises `Invalid` with what is wrong with it."""
    if len(line) > IMPORT_LINE_BYTES_MAX:
        raise Invalid("body_too_large", f"The line is longer than {IMPORT_LINE_BYTES_MAX} bytes.")
    try:
        return decoder.decode(line)
    except msgspec.ValidationError as fault:
        raise wrong(fault, decoder.type) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid("json_unreadable", "The line is not one JSON object in UTF-8.") from None
