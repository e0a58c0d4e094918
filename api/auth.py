"""Who asks: Bearer tokens, their roles and their lab.

A token of one lab gets 404 for everything of another, as if it did not exist; an operator's has no lab and
sees all. What a role may is declared at each operation (`least`) and asked before anything is looked up.
"""

import enum
from dataclasses import dataclass
from typing import Final

from api.problems import Problem, not_found
from devices.credentials import TOKEN_PREFIX, token_digest
from store.pool import AsyncConnection
from store.tokens import find_token

_CHALLENGE: Final = 'Bearer realm="chiiki"'


class Role(enum.IntEnum):
    """What a token may; each role may what those before it may."""

    VIEWER = 1
    TEAM = 2
    STAFF = 3
    OPERATOR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whose token came with the call.

    Attributes
    ----------
    role : Role | None
        None: no token, at an operation that needs none.
    lab : str | None
        Slug of the token's lab; None: the whole installation (operator).
    """

    token_id: int
    role: Role | None
    lab: str | None

    def within(self, lab: str | None) -> str | None:
        """Return the lab that a query must be held to: the one asked for, or else the token's.

        Raises
        ------
        Problem
            404, where the lab asked for is not the token's.
        """
        if self.lab is None:
            return lab
        if lab not in {None, self.lab}:
            raise not_found(f"lab {lab!r}")
        return self.lab


NOBODY: Final = Principal(token_id=0, role=None, lab=None)


def read_token(header: str | None) -> str:
    """Take the token out of an `Authorization` header.

    Raises
    ------
    Problem
        401: there is none.
    """
    scheme, _, token = (header or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Problem(
            "unauthenticated",
            "Send a token: 'Authorization: Bearer ck_…'; ./chiiki token add makes one.",
            headers={"WWW-Authenticate": _CHALLENGE},
        )
    return token


async def authenticate(conn: AsyncConnection, header: str | None) -> Principal:
    """Find out whose token came with the call.

    Raises
    ------
    Problem
        401: no token, or one that is unknown, expired or revoked.
    """
    token = read_token(header)
    known = await find_token(conn, token_digest(token)) if _is_plausible(token) else None
    if known is None:
        raise Problem(
            "unauthenticated",
            "The token is unknown, expired or revoked; ask your lab's staff for a new one.",
            headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'},
        )
    return Principal(token_id=known.id, role=Role[known.role.upper()], lab=known.lab)


def demand(principal: Principal, least: Role | None) -> None:
    """Refuse a principal whose role may not.

    Raises
    ------
    Problem
        403.
    """
    if least is None or (principal.role is not None and principal.role >= least):
        return
    assert principal.role is not None
    raise Problem(
        "forbidden",
        f"This needs the role {least.name.lower()}; the token's is {principal.role.name.lower()}.",
        headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope"'},
    )


def _is_plausible(token: str) -> bool:
    return token.startswith(TOKEN_PREFIX) and token.isascii() and len(token) < 100  # noqa: PLR2004
