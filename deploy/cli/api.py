"""``api``: the HTTP API, for production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.app import ApiSettings
from api.app import serve as serve_api
from deploy.cli.serve import require_url, serve

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "api",
        help="run the HTTP API (production)",
        description="Serves the API at CHIIKI_HTTP_HOST:CHIIKI_HTTP_PORT. Needs CHIIKI_DATABASE_URL. "
        "Any number may run; they keep no state.",
    )
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace, settings: Settings) -> int:
    api = api_settings(settings)
    return serve(lambda stop: serve_api(api, stop), settings)


def api_settings(settings: Settings) -> ApiSettings:
    """Return the API's settings out of the installation's."""
    return ApiSettings(
        database_url=require_url(settings.database_url, "database_url"),
        host=settings.http_host,
        port=settings.http_port,
        tls_cert=settings.http_tls_cert,
        tls_key=settings.http_tls_key,
        kinds_dir=settings.kinds_dir,
        cors_origins=settings.http_cors_origins,
    )
