"""OpenAPI 3.1, generated from the declared operations: never a hand-kept twin."""

import typing
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from api.auth import Role
from api.operations import Accepted, Created, Csv, Document, Image, Operation, Text, TomlFile, Unready, has
from api.problems import SORTS, ProblemDocument

Schema = dict[str, Any]

_REF: Final = "#/components/schemas/"
_PROBLEM_MEDIA: Final = "application/problem+json"
_OUTCOMES: Final = {
    200: "Done.",
    201: "Made; `Location` is its address.",
    202: "Filed; `Location` is the request's address.",
    503: "Not ready.",
}
_INFO: Final = {
    "title": "Chiiki",
    "version": "1",
    "summary": "地域IoTラボのためのAPI: sensors' readings, their ledger and quarantine.",
    "description": (
        "Send `Authorization: Bearer ck_…`. A token belongs to one lab, for which everything of another lab "
        "does not exist (404), or to an operator. Errors are problem documents (RFC 9457) with a stable "
        "`code`. Lists are read page by page: pass `next` as `cursor`."
    ),
}


def describe(operations: Sequence[Operation]) -> Schema:
    """Return the OpenAPI document of operations."""
    components = _components(operations)
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(operation.address, {})[operation.method.lower()] = _describe(operation, components)
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of ./chiiki token add."}
            },
            "responses": _problem_responses(),
        },
        "x-problems": {
            code: {"status": sort.status, "title": sort.title, "title_ja": sort.title_ja}
            for code, sort in SORTS.items()
        },
    }


def _components(operations: Iterable[Operation]) -> dict[str, Schema]:
    bodies = [operation.body for operation in operations if has(operation.body)]
    answers = [_struct(answer) for operation in operations for answer in operation.answers]
    shown = [answer for answer in answers if answer is not None]
    _, components = msgspec.json.schema_components(
        [*bodies, *shown, ProblemDocument], ref_template=_REF + "{name}"
    )
    return components


def _describe(operation: Operation, components: dict[str, Schema]) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "x-summary-ja": operation.summary_ja,
        "description": "\n\n".join(filter(None, (operation.description, _rights(operation.least)))),
        "parameters": [*_parameters(operation.path, "path"), *_parameters(operation.query, "query")],
        "responses": _responses(operation, components),
        "security": [] if operation.least is None else [{"token": []}],
    }
    if has(operation.body):
        schema = _reference(operation.body)
        media = {"schema": schema, "example": example_of(schema, components)}
        described["requestBody"] = {"required": True, "content": {"application/json": media}}
    return described


def _rights(least: Role | None) -> str:
    return "" if least is None else f"Needs the role {least.name.lower()} or a higher one."


def _parameters(struct: type, where: str) -> list[Schema]:
    if not has(struct):
        return []
    (reference,), components = msgspec.json.schema_components([struct], ref_template=_REF + "{name}")
    schema = components[reference["$ref"].removeprefix(_REF)]
    needed = set(schema.get("required", ()))
    return [
        _parameter(name, where, field, required=name in needed)
        for name, field in schema["properties"].items()
    ]


def _parameter(name: str, where: str, field: Schema, *, required: bool) -> Schema:
    plain = _without_null(field)
    parameter: Schema = {"name": name, "in": where, "required": required}
    description = field.get("description") or plain.get("description")
    if description:
        parameter["description"] = description
    parameter["x-description-ja"] = _JA[name]
    return parameter | {
        "schema": {key: value for key, value in plain.items() if key != "description"},
        **({"example": plain["examples"][0]} if "examples" in plain else {}),
    }


_JA: Final = {
    "lab": "ラボの短い名前",
    "site": "拠点の短い名前",
    "device": "機器の名前（MQTTのユーザー名）",
    "kind": "機器の種類",
    "series": "系列の番号",
    "quarantine": "隔離されたメッセージの番号",
    "request": "依頼の番号",
    "token": "トークンの番号",
    "quantity": "測定量の名前",
    "position": "位置の名前。空欄は位置なし",
    "from": "この時刻以後。日時（RFC 3339、時差つき）または日付（その日の始まり）",
    "to": "この時刻より前。日付なら、その日は含まない",
    "tz": "時間帯（IANA名）。省略すると拠点の時間帯、またはAsia/Tokyo",
    "limit": "1ページの最大件数",
    "cursor": "続きの位置。前のページの next",
    "order": "機器の時刻の昇順（asc）または降順（desc）",
    "every": "集計の間隔（10m、1h、1d、1w、1moなど）。区切りは tz の時計に従う",
    "quality": "この品質フラグ以下（良い側）だけ",
    "unit": "canonical＝標準の単位、raw＝機器が送った単位",
    "format": "jsonまたはcsv",
    "reason": "隔離の理由",
    "field": "圃場の短い名前",
    "planting": "作付けの番号",
    "observation": "観察の番号",
    "forecast": "予測の番号",
    "recipe": "栽培レシピの番号",
    "crop": "作物の名前",
    "ended": "true＝終了した作付けだけ、false＝栽培中だけ",
    "removed": "true＝一覧から外したもの",
    "withdrawn": "true＝取り消したものも含む",
    "as_of": "この時刻に表示されていたもの",
    "days": "さかのぼる日数（今日を含む）",
    "base_c": "有効積算温度の基準温度（℃）。省略すると作物の値",
    "lot": "ロットの番号",
    "verification": "確認の記録の番号",
    "alarm": "警報の番号",
    "sha256": "画像のSHA-256（16進数）",
    "product": "仕分けるものの名前",
    "closed": "true＝締めたロットだけ、false＝それ以外だけ",
    "count": "確かめる魚の数（少なくとも）",
    "prices": "区分ごとの単価（円/kg）。例：milt:600,roe:250",
    "weights_g": "区分ごとの1尾の平均体重（g）。量っていないとき",
    "state": "状態：open＝未処理、replayed＝再処理済み、all＝すべて",
}
"""What parameters mean, in Japanese, by name."""


def _without_null(field: Schema) -> Schema:
    """Drop null from a type: a parameter is left out, not null."""
    if "anyOf" not in field:
        return field
    (kept,) = [choice for choice in field["anyOf"] if choice != {"type": "null"}]
    return dict(kept)


def _responses(operation: Operation, components: dict[str, Schema]) -> Schema:
    responses: dict[str, Schema] = {}
    for answer in operation.answers:
        status = _status(answer)
        kept = responses.setdefault(str(status), {"description": _OUTCOMES[status], "content": {}})
        _add_content(kept["content"], answer, components)
        if status in {201, 202}:
            kept["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    if operation.cacheable or {Document, Image} & set(operation.answers):
        responses["304"] = {"description": "Unchanged since the given ETag."}
    for code in _problem_codes(operation):
        number = str(SORTS[code].status)
        responses.setdefault(number, {"$ref": f"#/components/responses/{number}"})
    return responses


def _add_content(content: Schema, answer: Any, components: dict[str, Schema]) -> None:
    struct = _struct(answer)
    if answer is Csv:
        content["text/csv"] = {"schema": {"type": "string"}}
    elif answer is Text:
        content["text/plain"] = {"schema": {"type": "string"}}
    elif answer is TomlFile:
        content["application/toml"] = {"schema": {"type": "string"}}
    elif answer is Image:
        binary = {"schema": {"type": "string", "contentEncoding": "binary"}}
        content |= {"image/png": binary, "application/zlib": binary}
    elif answer is Document:
        content["application/json"] = {"schema": {"type": "object"}}
    elif "application/json" in content:
        first = content["application/json"]["schema"]
        content["application/json"]["schema"] = {"anyOf": [first, _reference(struct)]}
    else:
        schema = _reference(struct)
        content["application/json"] = {"schema": schema, "example": example_of(schema, components)}


def _problem_codes(operation: Operation) -> list[str]:
    codes = ["invalid-parameter"]
    codes += ["unauthenticated", "forbidden"] if operation.least is not None else []
    codes += ["not-found"] if operation.least is not None else []
    codes += ["conflict"] if operation.conflicts else []
    if has(operation.body):
        codes += ["too-slow", "too-large", "unsupported-media-type", "invalid-body"]
    return [*codes, "internal", "unavailable"]


def _problem_responses() -> Schema:
    responses: Schema = {}
    for sort in SORTS.values():
        content = {_PROBLEM_MEDIA: {"schema": {"$ref": _REF + ProblemDocument.__name__}}}
        responses.setdefault(str(sort.status), {"description": f"{sort.title}.", "content": content})
    return responses


def _status(answer: Any) -> int:
    statuses = {Created: 201, Accepted: 202, Unready: 503}
    return statuses.get(typing.get_origin(answer), 200)


def _struct(answer: Any) -> Any:
    """Return the struct that an answer is made of, None where it is none."""
    if answer in {Csv, Text, TomlFile, Document, Image}:
        return None
    wrapped = typing.get_origin(answer) in {Created, Accepted, Unready}
    return typing.get_args(answer)[0] if wrapped else answer


def _reference(struct: Any) -> Schema:
    (reference,), _ = msgspec.json.schema_components([struct], ref_template=_REF + "{name}")
    return reference


def example_of(schema: Schema, components: dict[str, Schema]) -> Any:
    """Make an example from the examples of the fields."""
    if "$ref" in schema:
        return example_of(components[schema["$ref"].removeprefix(_REF)], components)
    if "examples" in schema:
        return schema["examples"][0]
    for key in ("const", "default"):
        if key in schema:
            # A dataclass has tuples where JSON has arrays.
            return list(schema[key]) if isinstance(schema[key], tuple) else schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], components)
    return _example_of_type(schema, components)


def _example_of_type(schema: Schema, components: dict[str, Schema]) -> Any:
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: example_of(field, components) for name, field in fields.items()}
    if kind == "array":
        if "prefixItems" in schema:
            return [example_of(item, components) for item in schema["prefixItems"]]
        return [example_of(schema["items"], components)] if isinstance(schema.get("items"), dict) else []
    return {"string": "…", "integer": 1, "number": 1.5, "boolean": False}.get(str(kind))
