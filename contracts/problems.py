"""Collects what is wrong with a contract file, each with its place, so that one error names all of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


def place_of(document: Any, path: Sequence[str | int]) -> str:
    """A path in a document as people read it: `schema[0].properties[3] 'amount'.physicalType`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            document = document[step] if isinstance(document, list) and step < len(document) else None
            # The one table of a file is named before the place.
            text += f"[{step}]" if text == "schema" else f"[{step}]{_named(document)}"
        else:
            document = document.get(step) if isinstance(document, dict) else None
            text += f".{step}" if text else step
    return text


def _named(element: Any) -> str:
    """The name of a list's element, where it has one."""
    if isinstance(element, dict):
        for key in ("name", "property"):
            if isinstance(element.get(key), str):
                return f" '{element[key]}'"
    return ""


@dataclass
class Problems:
    """What was found wrong below one place of a document; places below it share the same list."""

    document: Any
    path: tuple[str | int, ...] = ()
    found: list[str] = field(default_factory=list)

    def at(self, *steps: str | int) -> "Problems":
        """The same collection, for a place further down."""
        return Problems(self.document, (*self.path, *steps), self.found)

    def add(self, what: str) -> None:
        place = place_of(self.document, self.path)
        self.found.append(f"{place}: {what}" if place else what)

    def property(self, name: str) -> "Problems":
        """The place of a custom property below this one, or of the list where it is missing."""
        items = self._here().get("customProperties") or []
        for index, item in enumerate(items):
            if item["property"] == name:
                return self.at("customProperties", index)
        return self.at("customProperties")

    def column(self, name: str) -> "Problems":
        """The place of a column."""
        for index, item in enumerate(self.document["schema"][0]["properties"]):
            if item["name"] == name:
                return self.at("schema", 0, "properties", index)
        return self.at("schema", 0, "properties")

    def _here(self) -> Any:
        here = self.document
        for step in self.path:
            here = here[step]
        return here

    def lines(self, file: str, table: str) -> list[str]:
        """What was found, a line each that names file, table and place."""
        return [f"{file}: {table}: {problem}" for problem in self.found]
