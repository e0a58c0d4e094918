"""The operations, one noun a file; `DECLARED` is all of them."""

from api.routes import devices, health, kinds, labs, ledger, quarantine, readings, series, sites, tokens

DECLARED = tuple(
    operation
    for noun in (health, labs, sites, devices, kinds, series, readings, ledger, quarantine, tokens)
    for operation in noun.routes.operations
)
