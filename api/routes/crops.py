"""Crops that can be forecast: their stages, cultivars, and how well that works."""

from typing import Annotated

import msgspec
from msgspec import Meta

from analytics.farm.phenology.crop import Crop, SkillStatement
from analytics.library import crops
from api.auth import Role
from api.operations import Call, Routes
from api.problems import not_found
from api.routes.plantings import CropName
from api.wire import Nothing, Page

routes = Routes("crops")

Label = Annotated[str, Meta(examples=["秋まき小麦"])]
Days = Annotated[float | None, Meta(description="Days.", examples=[2.6])]


class CropPath(msgspec.Struct, frozen=True):
    """A crop in an address."""

    crop: CropName


class StageView(msgspec.Struct, frozen=True, kw_only=True):
    """A growth stage."""

    name: Annotated[str, Meta(examples=["heading"])]
    bbch: Annotated[int, Meta(ge=0, le=99, description="BBCH scale.", examples=[55])]
    label_ja: Annotated[str, Meta(examples=["出穂期"])]
    label_en: Annotated[str, Meta(examples=["heading"])]


class CultivarView(msgspec.Struct, frozen=True, kw_only=True):
    """A cultivar."""

    name: Annotated[str, Meta(examples=["kitahonami"])]
    label_ja: Annotated[str, Meta(examples=["きたほなみ"])]
    label_en: Annotated[str, Meta(examples=["Kitahonami"])]


class SkillView(msgspec.Struct, frozen=True, kw_only=True):
    """How good the forecast of a stage has been on field data, against simply taking the mean date."""

    stage: Annotated[str, Meta(examples=["heading"])]
    verdict: Annotated[
        str,
        Meta(description="skill, some, none, or unknown: nobody has measured it.", examples=["skill"]),
    ]
    data: Annotated[str, Meta(description="Where it was measured.", examples=["Swiss winter wheat trials"])]
    n: Annotated[int, Meta(ge=0, examples=[2605])]
    rmse_d: Days
    naive_rmse_d: Days
    source: Annotated[str, Meta(examples=["docs/benchmarks.md"])]


class CropView(msgspec.Struct, frozen=True, kw_only=True):
    """A crop."""

    name: CropName
    label_ja: Label
    label_en: Annotated[str, Meta(examples=["winter wheat"])]
    stages: list[StageView]
    cultivars: list[CultivarView]
    skill: list[SkillView]


def view(crop: Crop) -> CropView:
    """Return what is shown of a crop."""
    return CropView(
        name=crop.name,
        label_ja=crop.label_ja,
        label_en=crop.label_en,
        stages=[msgspec.convert(stage, StageView, from_attributes=True) for stage in crop.stages],
        cultivars=[
            msgspec.convert(cultivar, CultivarView, from_attributes=True)
            for cultivar in crop.cultivars.values()
        ],
        skill=[_skill(stage, statement) for stage, statement in crop.skill.items()],
    )


def _skill(stage: str, statement: SkillStatement) -> SkillView:
    return SkillView(
        stage=stage,
        verdict=statement.verdict,
        data=statement.data,
        n=statement.n,
        rmse_d=statement.rmse_d,
        naive_rmse_d=statement.naive_rmse_d,
        source=statement.source,
    )


@routes.get("/crops", least=Role.VIEWER, ja="作物の一覧", cacheable=True)
async def get_crops(call: Call[Nothing, Nothing, Nothing]) -> Page[CropView]:  # noqa: ARG001
    """List the crops with their growth stages, cultivars, and how well their forecasts have done."""
    return Page(items=[view(crop) for crop in crops().values()], next=None)


@routes.get("/crops/{crop}", least=Role.VIEWER, ja="作物", cacheable=True)
async def get_crop(call: Call[CropPath, Nothing, Nothing]) -> CropView:
    """Show a crop."""
    crop = crops().get(call.path.crop)
    if crop is None:
        raise not_found(f"crop {call.path.crop!r}")
    return view(crop)
