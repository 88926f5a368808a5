"""Errors as RFC 9457 problem details: one shape for every refusal, the field named where there is one.

Nothing of what the client sent is echoed but the name of a field: a NaN, a lone surrogate or a megabyte of text in a
request can't break or bloat the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cift.core.correlation import current

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_FIELD_LENGTH = 100


class FieldError(BaseModel):
    """One thing that is wrong with one field; the field `body` is the body as a whole."""

    field: str = Field(examples=["price"])
    message: str = Field(examples=["Input should be a finite number"])


class ProblemDetails(BaseModel):
    """What every refusal looks like (RFC 9457)."""

    type: str = Field(examples=["urn:cift:problem:invalid_request"])
    title: str = Field(examples=["The request is not valid"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["price: Input should be a finite number"])
    code: str = Field(examples=["invalid_request"], description="Stable, for programs.")
    errors: list[FieldError] = Field(default_factory=list)
    order_id: int | None = Field(None, description="The order that it is about, where there is one.")
    correlation_id: str = Field(
        "", examples=["0af7651916cd43dd8448eb211c80319c"], description="The request's name, also in `X-Request-ID`."
    )


class Problem(Exception):
    """A refusal on its way to the client. `code` is stable, `detail` is for people."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        order_id: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.title, self.detail = status, code, title, detail
        self.errors = errors
        self.headers = headers
        self.order_id = order_id

    def details(self) -> ProblemDetails:
        """Return what the client is told."""
        return ProblemDetails(
            type=f"urn:cift:problem:{self.code}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            code=self.code,
            errors=list(self.errors),
            order_id=self.order_id,
            correlation_id=current().correlation,
        )

    def response(self) -> Response:
        """Return the answer that carries this problem."""
        content = self.details().model_dump(exclude={"order_id"} if self.order_id is None else None)
        return Response(msgspec.json.encode(content), self.status, self.headers, MEDIA_TYPE)


def invalid(errors: Sequence[FieldError]) -> Problem:
    """Return the 422 for fields that are wrong in themselves."""
    detail = "; ".join(f"{error.field}: {error.message}" for error in errors[:5])
    return Problem(422, "invalid_request", "The request is not valid", detail, errors=errors)


def unavailable(what: str, detail: str, *, code: str = "unavailable") -> Problem:
    """Return the 503 for a system that we need and don't reach."""
    return Problem(503, code, f"{what} is not available", detail, headers={"Retry-After": "1"})


def _field(location: Sequence[int | str]) -> str:
    """Return a readable name: ("body", "price") is `price`, ("body", 17) is where JSON broke, so `body`.

    ("body", "orders", 3, "price") is `orders.3.price`.
    """
    names = [str(part) for place, part in enumerate(location) if place > 1 or (place and isinstance(part, str))]
    name = ".".join(names) or str(location[0] if location else "body")
    return name[:MAX_FIELD_LENGTH].encode("ascii", "backslashreplace").decode()


def _on_validation_error(_: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    return invalid([FieldError(field=_field(item["loc"]), message=item["msg"]) for item in found]).response()


def _on_http_exception(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == HTTPStatus.BAD_REQUEST:  # the framework's word for a body that it can't parse at all
        return invalid([FieldError(field="body", message="expected JSON text in UTF-8")]).response()
    phrase = HTTPStatus(status).phrase
    code = phrase.lower().replace(" ", "_")
    headers = error.headers if isinstance(error, HTTPException) else None
    return Problem(status, code, phrase, phrase, headers=headers).response()


def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 (registered for this class alone)
    return error.response()


def _on_any_error(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    # This answer is made outside of every middleware, so `Correlated` doesn't see it.
    headers = {"X-Request-ID": current().correlation}
    detail = "The request failed; the log of the server says why"
    return Problem(500, "internal", "Internal error", detail, headers=headers).response()


def install(app: FastAPI) -> None:
    """Make every error that leaves `app` a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_any_error)


def described(*statuses: int, pending: type[BaseModel] | None = None) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI descriptions of the problems that a route may answer with, and of its 202 if it has one."""
    schema = ProblemDetails.model_json_schema()
    schema["properties"]["errors"]["items"] = schema.pop("$defs")[FieldError.__name__]
    content = {MEDIA_TYPE: {"schema": schema}}
    # Whoever must say who they are is also held to a rate.
    every = sorted({*statuses, 429} if 401 in statuses else statuses)
    answers: dict[int | str, dict[str, Any]] = {
        status: {"description": HTTPStatus(status).phrase, "content": content} for status in every
    }
    if pending is not None:
        answers[202] = {"model": pending, "description": "In the journal; the engine has not answered yet"}
    return answers
