"""API tokens: kept as digests, bound to a lab and a role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from store.errors import StoreConflict, StoreMissing
from store.labs import find_lab
from store.query import fetch_all, fetch_one

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import AsyncConnection

Role = Literal["operator", "staff", "team", "viewer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as far as it may be shown: neither itself nor its digest.

    Attributes
    ----------
    hint : str
        Its first characters, to recognise it by.
    lab : str | None
        Slug; None for an operator, who sees the whole installation.
    expires_at, last_used_at, revoked_at : datetime | None
        Aware, UTC. `last_used_at` is right to a minute.
    """

    id: int
    hint: str
    lab: str | None
    role: Role
    label: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


_TOKENS = """
SELECT t.id, t.hint, labs.slug AS lab, t.role, t.label, t.created_at, t.expires_at, t.last_used_at,
       t.revoked_at
FROM tokens t LEFT JOIN labs ON labs.id = t.lab_id
"""

_INSERT = """
INSERT INTO tokens (digest, hint, lab_id, role, label, expires_at)
VALUES (%(digest)s, %(hint)s, %(lab_id)s, %(role)s, %(label)s, %(expires_at)s)
ON CONFLICT (digest) DO NOTHING
RETURNING id
"""


async def add_token(
    conn: AsyncConnection,
    *,
    digest: bytes,
    hint: str,
    lab: str | None,
    role: Role,
    label: str = "",
    expires_at: datetime | None = None,
) -> Token:
    """Keep a token's digest.

    Parameters
    ----------
    digest : bytes
        SHA-256 of the token, by `devices.credentials.token_digest`.
    lab : str | None
        Slug; None exactly for the role operator.

    Raises
    ------
    StoreMissing
        The lab does not exist.
    StoreConflict
        The token is known already.
    """
    lab_id = None if lab is None else (await find_lab(conn, lab)).id
    row = {
        "digest": digest,
        "hint": hint,
        "lab_id": lab_id,
        "role": role,
        "label": label,
        "expires_at": expires_at,
    }
    cursor = await conn.execute(_INSERT, row)
    added = await cursor.fetchone()
    if added is None:
        raise StoreConflict("token", hint)
    return await get_token(conn, added[0])


_SELECT_BY_DIGEST = (
    _TOKENS
    + """
WHERE t.digest = %s AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
"""
)
_MARK_USED = """
UPDATE tokens SET last_used_at = now()
WHERE id = %s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""


async def find_token(conn: AsyncConnection, digest: bytes) -> Token | None:
    """Find a valid token: neither revoked nor expired. Its use is noted at most once a minute."""
    token = await fetch_one(conn, Token, _SELECT_BY_DIGEST, [digest])
    if token is not None:
        await conn.execute(_MARK_USED, [token.id])
    return token


_SELECT_BY_ID = _TOKENS + "WHERE t.id = %(id)s AND (%(lab)s::text IS NULL OR labs.slug = %(lab)s)"


async def get_token(conn: AsyncConnection, token_id: int, lab: str | None = None) -> Token:
    """Find a token by its number; with `lab`, only among that lab's.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    token = await fetch_one(conn, Token, _SELECT_BY_ID, {"id": token_id, "lab": lab})
    if token is None:
        raise StoreMissing("token", str(token_id))
    return token


_SELECT_TOKENS = (
    _TOKENS
    + """
WHERE (%(lab)s::text IS NULL OR labs.slug = %(lab)s) AND (%(after)s::int4 IS NULL OR t.id > %(after)s)
ORDER BY t.id
LIMIT %(limit)s
"""
)


async def list_tokens(
    conn: AsyncConnection, *, lab: str | None = None, after: int | None = None, limit: int = 100
) -> list[Token]:
    """List tokens in the order they were made, revoked ones too; the next page begins `after` the last id."""
    return await fetch_all(conn, Token, _SELECT_TOKENS, {"lab": lab, "after": after, "limit": limit})


_REVOKE = "UPDATE tokens SET revoked_at = COALESCE(revoked_at, now()) WHERE id = %s"


async def revoke_token(conn: AsyncConnection, token_id: int, lab: str | None = None) -> Token:
    """End a token; doing it again changes nothing.

    Raises
    ------
    StoreMissing
        There is none, or it is another lab's.
    """
    token = await get_token(conn, token_id, lab)
    await conn.execute(_REVOKE, [token.id])
    return await get_token(conn, token.id)
