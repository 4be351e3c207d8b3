"""What is told of bytes that are no JSON at all: a 400. What is readable but wrong is a 422 (`model.misfit`)."""

from gateway.model.errors import GatewayError


def unreadable(fault: Exception) -> GatewayError:
    """The 400 for bytes that are no JSON."""
    text = str(fault)
    if isinstance(fault, RecursionError):
        why = "it is nested too deeply"
    elif isinstance(fault, UnicodeDecodeError):
        why = "it is not UTF-8"
    elif "truncated" in text:
        why = "it ends too early"
    else:
        why = text.removeprefix("JSON is malformed: ")
    return GatewayError("json_unreadable", f"The body cannot be read as JSON: {why}.", status=400)
