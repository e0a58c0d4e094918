"""The operations, one noun a file; `DECLARED` is all of them."""

from api.routes import (
    advice,
    crops,
    devices,
    environment,
    fields,
    forecasts,
    health,
    kinds,
    labs,
    ledger,
    observations,
    outlooks,
    plantings,
    quarantine,
    readings,
    recipes,
    series,
    sites,
    tokens,
)

DECLARED = tuple(
    operation
    for noun in (
        health,
        labs,
        sites,
        fields,
        plantings,
        observations,
        forecasts,
        advice,
        environment,
        recipes,
        crops,
        outlooks,
        devices,
        kinds,
        series,
        readings,
        ledger,
        quarantine,
        tokens,
    )
    for operation in noun.routes.operations
)
