"""Refusals of the API: 4xx with a JSON message that names the parameter and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
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


def refusal(status: int, error: str, *, parameter: str | None = None, hint: str = "", near: list[str] | None = None) -> Response:
    """A refusal as JSON, in the shape of `models.Error`."""
    body = {"error": error, "parameter": parameter, "hint": hint, "did_you_mean": near or []}
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
    if isinstance(error, Forbidden):
        return refusal(error.status, error.message, hint=error.hint)
    if isinstance(error, BadParameter):
        return refusal(400, error.message, parameter=error.parameter, hint=error.hint, near=error.near)
    if isinstance(error, UnknownId):
        parameter = PARAMETER_OF.get(error.kind)
        return refusal(404, error.message, parameter=parameter, hint=error.hint, near=error.suggestions)
    if isinstance(error, (StoreBusy, StoreError)):
        return refusal(503, error.message, hint=error.hint)
    if isinstance(error, (DeliveryError, DeclarationError)):
        return refusal(422, error.message, hint=error.hint)
    if isinstance(error, UsageError):
        return refusal(400, error.message, parameter=_leading_name(error.message), hint=error.hint)
    return refusal(500, error.message, hint=error.hint)


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
