"""Refusals of the API: 4xx with a JSON message that names the parameter and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import orjson
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from data_pipeline.access.state import Forbidden
from data_pipeline.errors import (
    CityBrainError,
    DeclarationError,
    DeliveryError,
    StoreBusy,
    StoreError,
    UnknownId,
    UsageError,
    did_you_mean,
)

# what an id is called where it is unknown → the parameter that brought it
PARAMETER_OF = {"city": "city", "metric": "metric", "area": "area", "dataset": "dataset", "mapping": "mapping"}


class BadParameter(UsageError):
    """A parameter of a request is wrong; carries its name."""

    def __init__(self, parameter: str, message: str, *, hint: str = "", near: list[str] | None = None) -> None:
        super().__init__(f"{parameter}: {message}", hint=hint)
        self.parameter, self.near = parameter, near or []


def refusal(
    status: int, error: str, *, parameter: str | None = None, hint: str = "", near: list[str] | None = None, code: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Response:  # fmt: skip
    """A refusal as JSON, in the shape of `models.Error`."""
    body = {"error": error, "parameter": parameter, "hint": hint, "did_you_mean": near or [], "code": code, "facts": dict(facts or {})}
    return Response(orjson.dumps(body), status, media_type="application/json", headers={"cache-control": "no-store"})


class ApiRoute(APIRoute):
    """A route that refuses parameters it does not know and turns errors into JSON refusals."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI inside ours."""
        inner = super().get_route_handler()
        allowed = _query_names(self.dependant)

        async def handler(request: Request) -> Response:
            try:
                _check_names(request, allowed)
                return await inner(request)
            except RequestValidationError as error:
                return _from_validation(error)
            except CityBrainError as error:
                return from_error(error)
            except HTTPException as error:
                return refusal(error.status_code, str(error.detail))

        return handler


def from_error(error: CityBrainError) -> Response:
    """The refusal for one of our own errors."""
    status, parameter, near = 500, None, None
    if isinstance(error, Forbidden):
        status = error.status
    elif isinstance(error, BadParameter):
        status, parameter, near = 400, error.parameter, error.near
    elif isinstance(error, UnknownId):
        status, parameter, near = 404, PARAMETER_OF.get(error.kind), error.suggestions
    elif isinstance(error, (StoreBusy, StoreError)):
        status = 503
    elif isinstance(error, (DeliveryError, DeclarationError)):
        status = 422
    elif isinstance(error, UsageError):
        status, parameter = 400, _leading_name(error.message)
    return refusal(status, error.message, parameter=parameter, hint=error.hint, near=near, code=error.code, facts=error.facts)


def _query_names(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    for inner in dependant.dependencies:
        names |= _query_names(inner)
    return names


def _check_names(request: Request, allowed: set[str]) -> None:
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in allowed:
            may = f"allowed: {', '.join(sorted(allowed))}" if allowed else "this address takes none"
            raise BadParameter(name, "unknown parameter", hint=may, near=did_you_mean(name, allowed))
        if given.count(name) > 1:
            raise BadParameter(name, f"given {given.count(name)} times", hint="give it once")


def _from_validation(error: RequestValidationError) -> Response:
    item = error.errors()[0]
    parameter = str(item["loc"][-1])
    if item["type"] == "missing":
        return refusal(400, f"{parameter}: missing parameter", parameter=parameter, hint=f"add {parameter}=…")
    got, context = item.get("input"), item.get("ctx", {})
    if item["type"] == "literal_error":
        allowed = [word.strip("' ") for word in context["expected"].replace(" or ", ",").split(",")]
        near = did_you_mean(str(got), allowed)
        message = f"{parameter}: {got!r} is not allowed"
        return refusal(400, message, parameter=parameter, hint=f"one of: {', '.join(allowed)}", near=near)
    return refusal(400, f"{parameter}: {item['msg']} (got {got!r})", parameter=parameter)


def _leading_name(message: str) -> str | None:
    """The parameter a message such as `from: '…' is not an ISO 8601 time` begins with."""
    name, colon, _ = message.partition(":")
    return name if colon and name.isidentifier() else None
