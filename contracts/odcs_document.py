"""Whether a document is one that the Open Data Contract Standard allows, and says only what the lakehouse reads.

The standard's JSON Schema decides the first. It leaves many objects open, and a key that nobody reads promises
something that nobody holds; so the second is a list of the keys that have a meaning here.
"""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft201909Validator, ValidationError, ValidationErrorKind

from contracts.problems import Problems

_NO_OPERATOR = (
    "it needs exactly one operator with a number, or two ascending ones: mustBe, mustBeLessThan, mustBeBetween, ..."
)
_OF_KEYS = (ValidationErrorKind.AdditionalProperties, ValidationErrorKind.UnevaluatedProperties)
"""Keys that the standard doesn't know; the lakehouse knows fewer."""
Keys = dict[str, "Keys | None"]
"""The keys of an object, or of each object of a list; None ends what is looked at."""

_CUSTOM: Keys = {"property": None, "value": None, "description": None}
_QUALITY: Keys = {
    **dict.fromkeys(("name", "description", "type", "dimension", "severity", "unit", "metric", "query", "engine")),
    **dict.fromkeys(("implementation", "arguments", "mustBe", "mustNotBe", "mustBeBetween", "mustNotBeBetween")),
    **dict.fromkeys(("mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo")),
}
_PART: Keys = dict.fromkeys(("name", "description", "logicalType", "physicalType"))
_PART |= {"items": _PART, "properties": _PART, "map": {"key": _PART, "value": _PART}}
_PROPERTY: Keys = {
    **{part: _PART[part] for part in ("items", "properties", "map")},
    **dict.fromkeys(("name", "businessName", "description", "tags", "examples", "logicalType", "physicalType")),
    **dict.fromkeys(("required", "unique", "primaryKey", "partitioned", "classification", "logicalTypeOptions")),
    **dict.fromkeys(("transformSourceObjects", "transformLogic", "transformDescription")),
    "enum": {"value": None, "label": None, "description": None},
    "quality": _QUALITY,
    "customProperties": _CUSTOM,
}
DOCUMENT_KEYS: Keys = {
    **dict.fromkeys(("apiVersion", "kind", "id", "name", "version", "status", "domain", "tags")),
    "description": dict.fromkeys(("purpose", "usage", "limitations")),
    "team": {
        "name": None,
        "description": None,
        "members": dict.fromkeys(("username", "name", "role", "description", "dateIn", "dateOut")),
    },
    "support": dict.fromkeys(("channel", "url", "description", "tool", "scope")),
    "slaProperties": dict.fromkeys(("property", "value", "unit", "description")),
    "schema": {
        **dict.fromkeys(("name", "businessName", "description", "tags", "dataGranularityDescription")),
        "properties": _PROPERTY,
        "quality": _QUALITY,
    },
    "customProperties": _CUSTOM,
}


@cache
def validator() -> Draft201909Validator:
    """The standard's JSON Schema, compiled once a process."""
    # The package's own import reads pydantic and all of its models, so that the file is found without importing it.
    package = find_spec("open_data_contract_standard")
    if package is None or package.submodule_search_locations is None:
        raise ModuleNotFoundError("open-data-contract-standard is not installed: install the project's requirements")
    schema = json.loads((Path(package.submodule_search_locations[0]) / "schema.json").read_text("utf-8"))
    return Draft201909Validator(schema)


def check_document(problems: Problems) -> None:
    """Adds what the document says that the standard forbids or the lakehouse doesn't read."""
    _check_keys(problems.document, DOCUMENT_KEYS, problems)
    for error in validator().iter_errors(problems.document):
        if not isinstance(error.kind, _OF_KEYS) and not _of_no_type(problems.document, error):
            problems.at(*error.instance_path).add(_message(error))


def _message(error: ValidationError) -> str:
    match error.kind:
        case ValidationErrorKind.OneOfNotValid() | ValidationErrorKind.OneOfMultipleValid() if (
            "DataQualityOperators" in error.schema_path
        ):
            return _NO_OPERATOR
        case ValidationErrorKind.Enum(options):
            return f"{error.instance!r} is not one of {', '.join(map(repr, options))}"
    return _shortened(error.message)


def _check_keys(value: Any, keys: Keys, problems: Problems) -> None:
    if isinstance(value, list):
        for index, element in enumerate(value):
            _check_keys(element, keys, problems.at(index))
    elif isinstance(value, dict):
        for key, below in value.items():
            if key not in keys:
                problems.at(key).add(f"the lakehouse reads no such key; here it reads {', '.join(sorted(keys))}")
            elif (inner := keys[key]) is not None:
                _check_keys(below, inner, problems.at(key))


def _of_no_type(document: Any, error: ValidationError) -> bool:
    """Whether an error comes from a condition on a column's logicalType, of a column that has none.

    That it is missing is found later; the schema asks such a column for the options of all types.
    """
    path = error.instance_path
    if "then" not in error.evaluation_path or "quality" in path:
        return False
    for step in path[: path.index("logicalTypeOptions")] if "logicalTypeOptions" in path else path:
        document = document[step]
    return "logicalType" not in document


def _shortened(message: str, limit: int = 300) -> str:
    """Without the whole of a large instance, which the library puts into its messages."""
    return message if len(message) <= limit else f"{message[: limit // 2]} ... {message[-limit // 2 :]}"
