"""What is in no line of the table: unknown paths, wrong methods, preflights, HEAD."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from gateway.api.answers import error_answer
from gateway.api.call import Call
from gateway.api.gate import Gate
from gateway.api.middleware import endpoint, expectation
from gateway.api.origins import has_origin, preflight_answer
from gateway.api.route import OPEN, Route
from gateway.model.errors import GatewayError


def add_unmatched(app: web.Application, routes: Iterable[Route], gate: Gate) -> None:
    """Gives each path an answer to the methods it lacks, and everything else a 404."""
    by_path: defaultdict[str, dict[str, Route]] = defaultdict(dict)

    def add(method: str, path: str, route: Route) -> None:
        app.router.add_route(method, path, endpoint(route, gate), expect_handler=expectation(gate))

    for route in routes:
        by_path[route.path][route.method] = route
    for path, methods in by_path.items():
        if "GET" in methods:
            add("HEAD", path, methods["GET"])
        if any(route.auth.is_cross_origin for route in methods.values()):
            add("OPTIONS", path, _internal(path, _preflight(methods)))
        add("*", path, _internal(path, _wrong_method(methods)))
    add("*", "/{tail:.*}", _internal("(unmatched)", _unknown_path))


def _internal(path: str, handler: Any) -> Route:
    return Route("*", path, handler, OPEN, "", "", is_documented=False)


def _wrong_method(methods: Mapping[str, Route]) -> Any:
    allowed = ", ".join(sorted({*methods, *({"HEAD"} if "GET" in methods else ())}))

    async def refuse(call: Call) -> web.Response:
        fault = GatewayError("method_not_allowed", f"This path takes {allowed}.", status=405)
        answer = error_answer(fault, request_id=call.request_id, url=call.gate.url)
        answer.headers["Allow"] = allowed  # demanded by RFC 9110 section 15.5.6
        return answer

    return refuse


async def _unknown_path(_call: Call) -> web.Response:
    raise GatewayError("route_not_found", "There is no such path; /docs lists all there are.", kind="not_found")


def _preflight(methods: Mapping[str, Route]) -> Any:
    allowed = ", ".join(sorted(method for method, route in methods.items() if route.auth.is_cross_origin))

    async def answer(call: Call) -> web.Response:
        return preflight_answer(await _permitted(call), allowed)

    return answer


async def _permitted(call: Call) -> str | None:
    """The origin, if it may go on: one of the named app's, or without a name one of any app's."""
    origin = call.origin
    if origin is None:
        return None
    named = call.query("app")
    if named is None:
        return origin if await call.gate.origins.knows(origin) else None
    try:
        return origin if has_origin(await call.find_app(named), origin) else None
    except GatewayError as fault:
        if fault.kind == "unavailable":
            raise
        return None
