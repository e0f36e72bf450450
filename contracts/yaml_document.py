"""Reads YAML as contracts are written: YAML 1.2's plain scalars, text as keys, and no key twice in a mapping.

YAML 1.1, which the library reads by default, turns the country `NO` into false and the time `12:30` into 750.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml

_KINDS = ("str", "null", "bool", "int", "float", "seq", "map")


class _ContractLoader(yaml.CSafeLoader):
    """A safe loader for what JSON has: text, null, booleans, numbers, lists and mappings, whatever tag asks for more."""

    yaml_constructors = {  # noqa: RUF012 (the library's own attribute)
        tag: construct
        for tag, construct in yaml.CSafeLoader.yaml_constructors.items()
        if tag is None or tag.removeprefix("tag:yaml.org,2002:") in _KINDS
    }
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (the library's own attribute)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            place = f"line {key.start_mark.line + 1}"
            if key.tag != "tag:yaml.org,2002:str":
                raise ValueError(f"{place}: the key '{key.value}' is not text")
            if key.value in seen:
                raise ValueError(f"{place}: the key '{key.value}' occurs twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("null", r"(?:~|null|)$", "~n\0"),
    ("bool", r"(?:true|false)$", "tf"),
    ("int", r"-?[0-9]+$", "-0123456789"),
    ("float", r"-?[0-9]+(?:\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-0123456789"),
):
    _ContractLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), ["" if first == "\0" else first for first in _first]
    )


def read_yaml(text: str) -> Any:
    """The document's mappings, lists and scalars.

    Raises:
        ValueError: it is no YAML, or has a key twice or one that isn't text; the message names the line.
    """
    try:
        return yaml.load(text, _ContractLoader)  # noqa: S506 (it derives from the safe loader)
    except yaml.YAMLError as error:
        raise ValueError(f"not readable as YAML: {error}") from error
