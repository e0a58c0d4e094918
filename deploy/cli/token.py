"""`chiiki token`: who may ask the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

from deploy.cli.database import in_transaction
from deploy.cli.output import add_json, print_facts, print_json, print_note, print_table
from devices.credentials import new_token, token_digest
from store.tokens import Role, add_token, list_tokens, revoke_token

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings

HINT_LENGTH = 8
"""Characters of a token that are kept in clear, its prefix included: 30 of 256 random bits."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its verbs."""
    parser = commands.add_parser("token", help="tokens for the API")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="all tokens, or those of one lab")
    listing.add_argument("--lab")
    add_json(listing)
    listing.set_defaults(run=run_list)
    adding = verbs.add_parser("add", help="make a token; it is shown once")
    adding.add_argument("--role", required=True, choices=get_args(Role))
    adding.add_argument("--lab", help="the one lab that it is for; not for the role operator")
    adding.add_argument("--label", default="", help="what it is for")
    adding.add_argument("--days", type=float, help="how long it is valid (default: until it is revoked)")
    add_json(adding)
    adding.set_defaults(run=run_add, fail=adding.error)
    revoking = verbs.add_parser("revoke", help="end a token")
    revoking.add_argument("id", type=int, help="its number in `token list`")
    revoking.set_defaults(run=run_revoke)


def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """List tokens, never what they are."""
    tokens = in_transaction(settings, list_tokens, lab=args.lab, limit=100_000)
    if args.json:
        print_json(tokens)
        return 0
    rows = [
        (t.id, f"{t.hint}…", t.lab, t.role, t.label, t.last_used_at, t.expires_at, t.revoked_at)
        for t in tokens
    ]
    print_table(("id", "token", "lab", "role", "label", "last used", "expires", "revoked"), rows)
    return 0


def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """Make a token and show it this one time."""
    if (args.role == "operator") != (args.lab is None):
        args.fail("a token of the role operator is for all labs; every other role needs --lab LAB")
    if args.days is not None and not 0 < args.days < timedelta.max.days:
        args.fail("--days must be more than 0")
    plain = new_token()
    token = in_transaction(
        settings,
        add_token,
        digest=token_digest(plain),
        hint=plain[:HINT_LENGTH],
        lab=args.lab,
        role=args.role,
        label=args.label,
        expires_at=None if args.days is None else datetime.now(UTC) + timedelta(days=args.days),
    )
    if args.json:
        print_json({"id": token.id, "token": plain, "lab": token.lab, "role": token.role})
        return 0
    print_facts(
        {"id": token.id, "role": token.role, "lab": token.lab, "expires": token.expires_at, "token": plain}
    )
    print_note("Keep the token now: it is not shown again. Send it as: Authorization: Bearer TOKEN")
    return 0


def run_revoke(args: argparse.Namespace, settings: Settings) -> int:
    """End a token."""
    token = in_transaction(settings, revoke_token, args.id)
    print_note(f"revoked token {token.id} ({token.hint}…)")
    return 0
