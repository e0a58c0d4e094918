"""API tokens: made, listed and ended."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from api.auth import Role
from api.cursors import cut, question, read_cursor
from api.instants import LATEST
from api.operations import PREFIX, Call, Created, Routes
from api.problems import FieldError, Problem
from api.wire import At, Cursor, Id4, LabSlug, Limit, Line, Nothing, Page
from devices.credentials import TOKEN_PREFIX, new_token, token_digest
from store.errors import StoreMissing
from store.tokens import Token, add_token, get_token, list_tokens, revoke_token

routes = Routes("tokens")

RoleName = Literal["operator", "staff", "team", "viewer"]
HINT_LETTERS = len(TOKEN_PREFIX) + 5


class TokenPath(msgspec.Struct, frozen=True):
    """A token in an address."""

    token: Id4


class TokenQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tokens."""

    lab: LabSlug | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class TokenNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to make; an operator names the lab, except for another operator's token."""

    role: RoleName
    lab: LabSlug | None = None
    label: Line = ""
    expires_at: At | None = None


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """A token as far as it can be shown; `last_used_at` is right to a minute."""

    id: Id4
    hint: Annotated[str, Meta(description="Its first characters.", examples=["ck_3fX9a"])]
    lab: LabSlug | None
    role: RoleName
    label: Line
    created_at: At
    expires_at: At | None
    last_used_at: At | None
    revoked_at: At | None


class TokenSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A token, which is shown this once and kept nowhere."""

    token: Annotated[str, Meta(examples=["ck_3fX9aQ…"])]
    about: TokenView


def view(token: Token) -> TokenView:
    """Return what is shown of a token."""
    return TokenView(**{name: getattr(token, name) for name in TokenView.__struct_fields__})


@routes.get("/tokens", least=Role.STAFF, ja="トークンの一覧")
async def get_tokens(call: Call[Nothing, TokenQuery, Nothing]) -> Page[TokenView]:
    """List tokens in the order they were made, ended ones too."""
    query, lab = call.query, call.principal.within(call.query.lab)
    asked = question("tokens", lab)
    after = read_cursor(query.cursor, asked, Id4) if query.cursor else None
    rows = await list_tokens(call.conn, lab=lab, after=after, limit=query.limit + 1)
    shown, next_ = cut(rows, query.limit, asked, lambda token: token.id)
    return Page(items=[view(token) for token in shown], next=next_)


@routes.post("/tokens", least=Role.STAFF, ja="トークンを作る")
async def create_token(call: Call[Nothing, Nothing, TokenNew]) -> Created[TokenSecret]:
    """Make a token; the answer shows it, once. Staff make tokens for teams and viewers of their own lab."""
    body, lab = call.body, call.principal.within(call.body.lab)
    _demand_above(call, body.role)
    if (body.role == "operator") != (lab is None):
        raise _invalid("lab", "leave it out for an operator's token, and name it for any other")
    if body.expires_at is not None and not datetime.now(UTC) < body.expires_at < LATEST:
        raise _invalid("expires_at", "must lie in the future, and before 2200")
    token = new_token()
    try:
        added = await add_token(
            call.conn,
            digest=token_digest(token),
            hint=token[:HINT_LETTERS],
            lab=lab,
            role=body.role,
            label=body.label,
            expires_at=body.expires_at,
        )
    except StoreMissing as error:
        raise _invalid("lab", str(error)) from error
    return Created(TokenSecret(token=token, about=view(added)), f"{PREFIX}/tokens/{added.id}")


@routes.get("/tokens/{token}", least=Role.STAFF, ja="トークン")
async def get_one_token(call: Call[TokenPath, Nothing, Nothing]) -> TokenView:
    """Show a token."""
    return view(await get_token(call.conn, call.path.token, call.principal.lab))


@routes.post("/tokens/{token}/revoke", least=Role.STAFF, ja="トークンを失効させる")
async def end_token(call: Call[TokenPath, Nothing, Nothing]) -> TokenView:
    """End a token at once. Staff end those of teams and viewers of their lab, and their own."""
    token = await get_token(call.conn, call.path.token, call.principal.lab)
    if token.id != call.principal.token_id:
        _demand_above(call, token.role)
    return view(await revoke_token(call.conn, token.id, call.principal.lab))


def _demand_above(call: Call[Any, Any, Any], role: RoleName) -> None:
    mine = call.principal.role
    if mine is not Role.OPERATOR and (mine is None or Role[role.upper()] >= mine):
        allowed = ", ".join(name for name in get_args(RoleName) if mine and Role[name.upper()] < mine)
        raise Problem("forbidden", f"This token may do that for the roles {allowed} only.")


def _invalid(field: str, detail: str) -> Problem:
    return Problem("invalid-body", f"{field}: {detail}.", errors=[FieldError(field, detail)])
