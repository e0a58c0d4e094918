"""Every error as a problem document (RFC 9457), in one place.

::

    Problem            an answer that is an error; carries its code, sentence, fields and headers
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from store.errors import DatabaseError, Fault, StoreConflict, StoreMissing, StoreUnavailable, classify

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BEGUN: Final = web.RequestKey("begun", bool)
"""Set once an answer is under way."""

RETRY_AFTER_S: Final = 5
"""What a client is told to wait while the database is away."""


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field or parameter."""

    field: Annotated[str, Meta(description="Name or path of the field.", examples=["limit"])]
    detail: Annotated[str, Meta(examples=["Expected `int` >= 1"])]


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error (RFC 9457); `code` is stable, the sentences are for people."""

    type: Annotated[str, Meta(description="Address of the explanation.", examples=["/api#problem-not-found"])]
    code: Annotated[str, Meta(examples=["not-found"])]
    title: Annotated[str, Meta(examples=["Not found"])]
    status: Annotated[int, Meta(ge=400, le=599, examples=[404])]
    detail: Annotated[str, Meta(examples=["There is no device 'shihoro-9'."])]
    errors: list[FieldError] = []
    reference: Annotated[
        str | None, Meta(description="Look for it in the server's log.", examples=["f3a91c07"])
    ] = None


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of problem: its HTTP status and its titles."""

    status: int
    title: str
    title_ja: str


SORTS: Final[Mapping[str, Sort]] = {
    "bad-request": Sort(400, "Bad request", "リクエストの形式が正しくありません"),
    "invalid-parameter": Sort(400, "Invalid parameter", "パラメーターが正しくありません"),
    "malformed-json": Sort(400, "Malformed JSON", "JSONとして読めません"),
    "unauthenticated": Sort(401, "Token needed", "トークンが必要です"),
    "forbidden": Sort(403, "Not allowed", "このトークンの役割では許可されていません"),
    "not-found": Sort(404, "Not found", "見つかりません"),
    "method-not-allowed": Sort(405, "Method not allowed", "このメソッドは使えません"),
    "too-slow": Sort(408, "Request too slow", "リクエストの送信に時間がかかりすぎました"),
    "conflict": Sort(409, "Conflict", "現在の状態と矛盾します"),
    "too-large": Sort(413, "Request too large", "リクエストが大きすぎます"),
    "unsupported-media-type": Sort(415, "JSON needed", "JSONで送ってください"),
    "invalid-body": Sort(422, "Invalid request body", "本文の内容が正しくありません"),
    "internal": Sort(500, "Internal error", "サーバー内部のエラー"),
    "unavailable": Sort(503, "Not available now", "現在利用できません"),
}
_BY_STATUS: Final = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
}


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """An answer that is an error.

    Parameters
    ----------
    code : str
        A key of `SORTS`.
    detail : str
        One sentence for a person: what is wrong and what to do.
    errors : Sequence[FieldError]
        The fields or parameters concerned.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        reference: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.reference = reference

    @property
    def status(self) -> int:
        """HTTP status."""
        return SORTS[self.code].status

    def document(self) -> ProblemDocument:
        """Return the body of the answer."""
        return ProblemDocument(
            type=f"/api#problem-{self.code}",
            code=self.code,
            title=SORTS[self.code].title,
            status=self.status,
            detail=self.detail,
            errors=self.errors,
            reference=self.reference,
        )

    def response(self) -> web.Response:
        """Return the answer."""
        return web.Response(
            status=self.status,
            body=msgspec.json.encode(self.document()),
            content_type="application/problem+json",
            headers=self.headers,
        )


def not_found(what: str) -> Problem:
    """Return the problem that `what` does not exist, or is another lab's: the same to the caller."""
    return Problem("not-found", f"There is no {what}.")


def invalid_parameter(field: str, detail: str) -> Problem:
    """Return the problem that a query parameter cannot be used."""
    return Problem("invalid-parameter", f"{field}: {detail}", errors=[FieldError(field, detail)])


def unavailable(detail: str) -> Problem:
    """Return the problem that something needed is away just now."""
    return Problem("unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_S)})


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever goes wrong below into a problem document; once the answer has begun, cut it off."""
    try:
        return await handler(request)
    except Exception as error:
        if begun(request):
            abort(request, error)
            raise
        if isinstance(error, web.HTTPException) and error.status < web.HTTPBadRequest.status_code:
            raise
        return problem_of(error, request).response()


def problem_of(error: Exception, request: web.Request) -> Problem:
    """Return the problem to answer for any exception."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, web.HTTPException):
        return _of_http(error, request)
    if isinstance(error, StoreMissing):
        return not_found(f"{error.noun} {error.name!r}")
    if isinstance(error, StoreConflict):
        return Problem("conflict", f"{error}.".capitalize())
    if _is_passing(error):
        log.warning("%s %s: %s", request.method, request.rel_url.raw_path, str(error) or type(error).__name__)
        return unavailable("The database does not answer just now; try again in a few seconds.")
    return _unforeseen(error, request)


def _is_passing(error: Exception) -> bool:
    if isinstance(error, DatabaseError):
        return classify(error) is Fault.TRANSIENT
    return isinstance(error, StoreUnavailable | TimeoutError)


def _of_http(error: web.HTTPException, request: web.Request) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem("method-not-allowed", f"Use one of: {allowed}.", headers={"Allow": allowed})
    if isinstance(error, web.HTTPNotFound):
        return not_found(f"address {request.path!r}; /api lists them all")
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Problem("too-large", f"{error.text}. Send less at once.")
    return Problem(_BY_STATUS.get(error.status, "bad-request"), error.text or error.reason)


def _unforeseen(error: Exception, request: web.Request) -> Problem:
    reference = secrets.token_hex(4)
    log.error("%s %s failed [%s]", request.method, request.rel_url.raw_path, reference, exc_info=error)
    return Problem("internal", f"Unforeseen; in the server's log it is [{reference}].", reference=reference)


def begun(request: web.Request) -> bool:
    """Tell whether the answer is already under way, so that no other can be given."""
    return bool(request.get(BEGUN, False))


def abort(request: web.Request, error: Exception) -> None:
    """Close the connection without the last chunk, so that the client sees that the answer is cut off."""
    log.error("%s %s cut off", request.method, request.rel_url.raw_path, exc_info=error)
    if request.transport is not None:
        request.transport.abort()
