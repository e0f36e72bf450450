"""Reads contract files into the model: one file, or all of the package's folder.

A file is judged in steps, each of which reports everything that it finds: YAML, the standard and the keys that have a
meaning here, the values of single fields (this module), then what fields say together (`contracts.consistency`).
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from contracts.code_lists import CODE_LISTS
from contracts.column_types import column_type
from contracts.consistency import check_contract, check_lineage
from contracts.custom_properties import COLUMN_PROPERTIES, TABLE_PROPERTIES, read_properties
from contracts.errors import ContractError
from contracts.model import (
    CONFLICTING_VERSIONS,
    HISTORY_COLUMNS,
    Column,
    ColumnSource,
    Constraint,
    ConstraintKind,
    Contract,
    CountedRule,
    Mask,
    Severity,
)
from contracts.odcs_document import check_document
from contracts.problems import Problems
from contracts.quality import Rules, known_values, read_quality, text_pattern, unique_rule
from contracts.row_rules import column_rules
from contracts.yaml_document import read_yaml

SUFFIX = ".odcs.yaml"
LAYERS = ("bronze", "silver", "gold")
CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_SOURCE = re.compile(r"([A-Za-z0-9_]+/[A-Za-z0-9_]+)\.([A-Za-z0-9_]+)")
_DAYS = {"d": 1, "y": 365}
_UNITS = {"min": dt.timedelta(minutes=1), "h": dt.timedelta(hours=1), "d": dt.timedelta(days=1)}
_AGREEMENTS = ("timeOfAvailability", "retention", "latency", "frequency")
_LIMITS: Mapping[str, ConstraintKind] = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
}
_TEXT_LIMITS: Mapping[str, ConstraintKind] = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
}
_CONFLICTS = CountedRule(
    CONFLICTING_VERSIONS,
    Severity.WARNING,
    "uniqueness",
    "Versions with the same key and sequence but different content; the one with the greatest hash is kept",
)


@dataclass(frozen=True)
class _File:
    """A contract file: what errors call it, and the table that its place says it describes."""

    path: Path

    @property
    def shown(self) -> str:
        return "/".join(self.path.parts[-3:])

    @property
    def table(self) -> str:
        return f"{self.path.parent.name}/{self.path.name.removesuffix(SUFFIX)}"


def load_contract(path: Path) -> Contract:
    """The contract of one file, judged by itself.

    Raises:
        ContractError: the file is missing or wrong; every problem is a line that names file, table and field.
    """
    file = _File(Path(path))
    contract, problems = _read(file)
    if contract is None or problems.found:
        raise ContractError("\n".join(problems.lines(file.shown, file.table)))
    return contract


def load_contracts(folder: Path = Path(__file__).parent) -> Mapping[str, Contract]:
    """All contracts below a folder, by table and sorted by it, judged by themselves and then against each other.

    Raises:
        ContractError: as for `load_contract`, with the problems of all files.
    """
    files = sorted(map(_File, folder.rglob("*.y*ml")), key=lambda file: file.table)
    if not files:
        raise ContractError(f"{folder}: there is no contract below this folder")
    read = {file: _read(file) for file in files}
    contracts = {file.table: contract for file, (contract, _) in read.items() if contract is not None}
    # What other files say of a table that can't be read would only repeat its own problems.
    if len(contracts) == len(files):
        for contract, problems in read.values():
            if contract is not None:
                check_lineage(contract, contracts, problems)
    lines = [line for file, (_, problems) in read.items() for line in problems.lines(file.shown, file.table)]
    if lines:
        raise ContractError("\n".join(lines))
    return contracts


def _read(file: _File) -> tuple[Contract | None, Problems]:
    """The contract as far as the file can be read, and what is wrong with it."""
    if file.path.parent.name not in LAYERS or not file.path.name.endswith(SUFFIX):
        problems = Problems({})
        problems.add(f"a contract is at <layer>/<table>{SUFFIX}, the layer one of {', '.join(LAYERS)}")
        return None, problems
    try:
        document = read_yaml(file.path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        problems = Problems({})
        problems.add(str(error))
        return None, problems
    problems = Problems(document)
    if not isinstance(document, dict):
        problems.add("the file holds no mapping")
    else:
        check_document(problems)
    if problems.found:
        return None, problems
    _check_identity(document, file, problems)
    contract = _contract(document, file.table, problems)
    if contract is not None and not problems.found:
        check_contract(contract, problems)
    return contract, problems


def _check_identity(document: Mapping[str, Any], file: _File, problems: Problems) -> None:
    """That the file is a contract of the table that its place says, in a version of the standard that is read here."""
    if document["id"] != file.table:
        problems.at("id").add(f"'{document['id']}' is not the table of the file, '{file.table}'")
    if document["apiVersion"] not in ("v3.1.0", "v3.2.0"):
        problems.at("apiVersion").add("the lakehouse reads v3.1.0 and v3.2.0")
    if not _VERSION.fullmatch(document["version"]):
        problems.at("version").add(f"'{document['version']}' is not major.minor.patch")


def _contract(document: Mapping[str, Any], table: str, problems: Problems) -> Contract | None:
    """The model of a document that the standard allows; None where it hasn't one table."""
    objects = document.get("schema", [])
    if len(objects) != 1:
        problems.at("schema").add(f"a contract describes one table, not {len(objects)}")
        return None
    entity, place = objects[0], problems.at("schema", 0)
    if entity["name"] != table.partition("/")[2]:
        place.at("name").add(f"'{entity['name']}' is not the table of the file, '{table}'")
    if not entity.get("dataGranularityDescription"):
        place.add("dataGranularityDescription is missing: what is one row?")
    values = read_properties(document.get("customProperties", []), TABLE_PROPERTIES, problems)
    stated = {item["property"] for item in document.get("customProperties", [])}
    _check_stated(table, stated, values, problems)
    rules = Rules()
    columns = _columns(entity, table, rules, place)
    read_quality(entity.get("quality", []), None, rules, place.at("quality"))
    if not columns:
        return None
    mode = values.get("writeMode", "partitions")
    if mode == "changes" and not rules.counted:
        rules.counted.append(_CONFLICTS)
    partition = _partition(columns, entity, place)
    if table.startswith("gold/") and (key := [column.name for column in columns if column.key]):
        # The partition's value is the same in all rows that are compared.
        rules.table.insert(0, unique_rule([name for name in key if name != partition] or key, "key_unique"))
    return Contract(
        table=table,
        version=document["version"],
        title=document.get("name", table),
        description=_description(document, problems),
        grain=entity.get("dataGranularityDescription", ""),
        owner=_owner(document, problems),
        columns=columns,
        mode=mode,
        partition_column=partition,
        available_by=_available_by(document, problems),
        retention_days=_retention_days(document, problems),
        row_rules=tuple(rules.rows),
        table_rules=tuple(rules.table),
        counted_rules=tuple(rules.counted),
        reads=values.get("reads", ()),
        sequence=values.get("sequence"),
        history=values.get("history"),
        business_date=values.get("businessDate"),
        drift_days=values.get("partitionDrift", 0),
        delete_condition=values.get("deleteCondition"),
        restatement_days=values.get("restatement", 0),
        max_quarantined_share=values.get("maxQuarantinedShare", Contract.max_quarantined_share),
        allowed_lateness=values.get("allowedLateness", Contract.allowed_lateness),
        broadcast=values.get("broadcast", False),
        engine_profile=values.get("engineProfile", Contract.engine_profile),
        conserves=values.get("conserves"),
        reconcile=values.get("reconcile", False),
        cursor=values.get("cursor"),
        cursor_fallback=values.get("cursorFallback"),
        open_to_past=values.get("openToPast", False),
        window_days=values.get("windowDays", 1),
        latency=_bronze_duration(document, table, "latency", problems),
        frequency=_bronze_duration(document, table, "frequency", problems),
        live=values.get("live", False),
        tags=tuple(document.get("tags", [])),
        support=tuple(channel["channel"] for channel in document.get("support", [])),
    )


def _check_stated(table: str, stated: set[str], values: Mapping[str, Any], problems: Problems) -> None:
    """That what has no sensible default is said, and nothing that has no effect."""
    layer = table.partition("/")[0]
    changes = values.get("writeMode") == "changes"
    of_bronze = {"cursor", "cursorFallback", "openToPast", "windowDays", "reconcile"}
    of_changes = {"history", "sequence", "partitionDrift", "deleteCondition"}
    needed = {"bronze": {"cursor"}, "silver": {"reads", "restatement"}, "gold": {"reads", "restatement"}}[layer]
    if changes:
        needed = needed | {"history", "sequence"}
    if values.get("history") == "scd1":
        needed = needed | {"partitionDrift"}
    place = problems.at("customProperties")
    for name in sorted(needed - stated):
        place.add(f"{name} is missing")
    if layer != "bronze":
        for name in sorted(of_bronze & stated):
            problems.property(name).add("only bronze tables have it")
    if not changes:
        for name in sorted(of_changes & stated):
            problems.property(name).add("only tables of writeMode changes have it")


def _description(document: Mapping[str, Any], problems: Problems) -> str:
    parts = document.get("description", {})
    if not parts.get("purpose"):
        problems.at("description").add("purpose is missing: what is the table for?")
    return "\n\n".join(parts[part].strip() for part in ("purpose", "usage", "limitations") if parts.get(part))


def _owner(document: Mapping[str, Any], problems: Problems) -> str:
    team = document.get("team")
    if isinstance(team, dict) and team.get("name"):
        return str(team["name"])
    problems.at("team").add("name is missing: which team owns the table?")
    return ""


def _sla(document: Mapping[str, Any], name: str, problems: Problems) -> tuple[Mapping[str, Any], Problems]:
    """The one agreement of a name with its place; an empty one, reported, where it isn't given once."""
    found = [
        (index, entry) for index, entry in enumerate(document.get("slaProperties", [])) if entry["property"] == name
    ]
    if len(found) != 1:
        problems.at("slaProperties").add(f"{name} is {'missing' if not found else 'given twice'}")
        return {}, problems
    index, entry = found[0]
    return entry, problems.at("slaProperties", index)


def _available_by(document: Mapping[str, Any], problems: Problems) -> dt.time:
    for index, entry in enumerate(document.get("slaProperties", [])):
        if entry["property"] not in _AGREEMENTS:
            problems.at("slaProperties", index).add(f"the lakehouse holds {', '.join(_AGREEMENTS)}")
    entry, place = _sla(document, "timeOfAvailability", problems)
    if not entry:
        return dt.time()
    try:
        time = dt.time.fromisoformat(str(entry["value"]))
        if time.utcoffset() == dt.timedelta():
            return time.replace(tzinfo=None)
    except ValueError:
        pass
    place.at("value").add(f"{entry['value']!r} is not a time of day in UTC, such as 02:30Z")
    return dt.time()


def _retention_days(document: Mapping[str, Any], problems: Problems) -> int:
    entry, place = _sla(document, "retention", problems)
    if not entry:
        return 0
    value, unit = entry["value"], entry.get("unit")
    if unit in _DAYS and type(value) is int and value > 0:
        return value * _DAYS[unit]
    place.add("retention is a whole number of days (unit d) or years (unit y)")
    return 0


def _bronze_duration(document: Mapping[str, Any], table: str, name: str, problems: Problems) -> dt.timedelta | None:
    if all(entry["property"] != name for entry in document.get("slaProperties", [])):
        return None
    entry, place = _sla(document, name, problems)
    if not table.startswith("bronze/"):
        place.add(f"only bronze tables have a {name}")
    value, unit = entry.get("value"), entry.get("unit")
    if unit in _UNITS and type(value) is int and value > 0:
        return value * _UNITS[unit]
    place.add(f"{name} is a whole number of minutes (unit min), hours (unit h) or days (unit d)")
    return None


def _columns(entity: Mapping[str, Any], table: str, rules: Rules, place: Problems) -> tuple[Column, ...]:
    properties = entity.get("properties", [])
    if not properties:
        place.add("the table has no columns")
    columns: dict[str, Column] = {}
    for index, entry in enumerate(properties):
        here = place.at("properties", index)
        column = _column(entry, table, rules, here)
        if column.name in columns:
            here.at("name").add("the table has two columns of this name")
        columns[column.name] = column
    return tuple(columns.values())


def _column(entry: Mapping[str, Any], table: str, rules: Rules, place: Problems) -> Column:
    """One column; its rules are added to the table's."""
    if not _NAME.fullmatch(entry["name"]):
        place.at("name").add("a column's name is lower-case letters, digits and _")
    if not entry.get("description"):
        place.add("description is missing")
    classification = entry.get("classification")
    if classification not in (None, *CLASSIFICATIONS):
        place.at("classification").add(f"'{classification}' is none of {', '.join(CLASSIFICATIONS)}")
    values = read_properties(entry.get("customProperties", []), COLUMN_PROPERTIES, place)
    mask = values.get("mask")
    kind = column_type(entry, place)
    column = Column(
        name=entry["name"],
        type=kind or "string",
        description=entry.get("description", ""),
        required=entry.get("required", False),
        unique=entry.get("unique", False),
        key=entry.get("primaryKey", False),
        derived=values.get("derived", False),
        classification=classification,
        # People see nothing of a restricted value unless its contract says what.
        mask=mask or (Mask("hide") if classification == "restricted" and not table.startswith("gold/") else None),
        sources=_sources(entry, table, place),
        logic=entry.get("transformLogic"),
    )
    if kind is not None:
        constraints = _constraints(entry, column, values.get("codeList"), table.partition("/")[0], place)
        _add_rules(entry, column, constraints, rules, place)
    return column


def _sources(entry: Mapping[str, Any], table: str, place: Problems) -> tuple[ColumnSource, ...]:
    """Where a column comes from; nothing for technical columns, and for constants that say so by an empty list."""
    texts = entry.get("transformSourceObjects")
    stated = table.startswith("bronze/") or entry["name"].startswith("_") or texts
    if not stated and (texts is None or not entry.get("transformLogic")):
        place.add("transformSourceObjects is missing; a constant has the empty list, and transformLogic says which")
    sources = []
    for index, text in enumerate(texts or []):
        if match := _SOURCE.fullmatch(text):
            sources.append(ColumnSource(match[1], match[2]))
        else:
            place.at("transformSourceObjects", index).add(f"'{text}' is not <layer>/<table>.<column>")
    return tuple(sources)


def _constraints(
    entry: Mapping[str, Any], column: Column, code_list: str | None, layer: str, place: Problems
) -> list[Constraint]:
    """What limits a column's values apart from `quality`."""
    constraints = _limits(entry, column, place.at("logicalTypeOptions"))
    known = []
    if code_list is not None:
        known.append(known_values(sorted(CODE_LISTS[code_list]), column, place.property("codeList")))
    if "enum" in entry:
        known.append(known_values([item["value"] for item in entry["enum"]], column, place.at("enum")))
    constraints += [constraint for constraint in known if constraint is not None]
    if layer == "silver" and column.type in ("date", "timestamp") and not column.technical:
        constraints.append(Constraint("calendar"))
    return constraints


def _add_rules(
    entry: Mapping[str, Any], column: Column, constraints: list[Constraint], rules: Rules, place: Problems
) -> None:
    """Adds the rules of a column to the table's."""
    before = len(rules.rows)
    if column.name not in HISTORY_COLUMNS:
        rules.rows.extend(column_rules(column, constraints))
    read_quality(entry.get("quality", []), column, rules, place.at("quality"))
    limited = {rule.constraint.kind for rule in rules.rows[before:] if rule.constraint is not None}
    if "known" in limited and "required" not in entry:
        place.add(
            "a column of known values says `required: true`, or `required: false` where null is allowed beside them"
        )
    if column.unique:
        rules.table.append(unique_rule([column.name]))


def _limits(entry: Mapping[str, Any], column: Column, place: Problems) -> list[Constraint]:
    """The constraints of logicalTypeOptions."""
    constraints = []
    for option, value in entry.get("logicalTypeOptions", {}).items():
        here = place.at(option)
        if option == "pattern" and column.type == "string":
            pattern = text_pattern(value, column, here)
            constraints += [pattern] if pattern else []
        elif option in _TEXT_LIMITS and column.type == "string":
            constraints.append(Constraint(_TEXT_LIMITS[option], value))
        elif option in _LIMITS and column.type != "string":
            try:
                constraints.append(Constraint(_LIMITS[option], _limit(value, column.type)))
            except ValueError as error:
                here.add(str(error))
        else:
            here.add(f"the lakehouse reads no such option of {column.type}")
    return constraints


def _limit(value: Any, kind: str) -> Decimal | int | dt.date | dt.datetime:
    """A limit as a value of the column's type."""
    if kind == "date" and isinstance(value, str):
        return dt.date.fromisoformat(value)
    if kind == "timestamp" and isinstance(value, str):
        moment = dt.datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(f"'{value}' has no time zone: end it by Z")
        return moment
    if kind in ("int", "bigint", "double") or kind.startswith("decimal"):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float):
            return Decimal(repr(value))
    raise ValueError(f"{value!r} is no limit of {kind}")


def _partition(columns: tuple[Column, ...], entity: Mapping[str, Any], place: Problems) -> str:
    """The storage partition's column; the first column's name, reported, where there isn't exactly one."""
    names = [entry["name"] for entry in entity["properties"] if entry.get("partitioned")]
    if len(names) != 1:
        place.at("properties").add(f"one column is `partitioned: true`, not {len(names)}")
        return columns[0].name
    return str(names[0])
