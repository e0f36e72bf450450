"""From which columns of which tables Spark made each column of a table, as OpenLineage's events of a load tell it.

A table's rows are staged in steps, each a Delta table of its own below the table's folder; a step that was made from another
is followed to what that was made from. Event format: https://openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

Place = tuple[str, str]
"""A table, or a step on the way to one, and its column."""

LAST_STEP = re.compile(r"/(rows|content)-[^/]+$")
"""What is published of a table that is replaced by partitions, and of one that changes are applied to."""


@dataclass
class Step:
    """One staged table."""

    direct: dict[str, set[Place]] = field(default_factory=dict)
    """By column: whose values are in its values."""
    indirect: dict[str, set[Place]] = field(default_factory=dict)
    """By column: what decided about its values, as conditions and windows do."""
    of_all: set[Place] = field(default_factory=set)
    """What decided about its rows, as joins and filters do."""


def read_steps(events: Path, root: str) -> dict[str, Step]:
    """The steps of the loads of one lake, by their path below its root."""
    steps: dict[str, Step] = {}

    def place(found: dict[str, str]) -> Place:
        return found["name"].removeprefix(f"{root}/"), found["field"]

    for line in events.read_text().splitlines():
        for output in json.loads(line).get("outputs", ()):
            lineage = output.get("facets", {}).get("columnLineage")
            if lineage is None or not output["name"].startswith(f"{root}/"):
                continue
            step = steps.setdefault(output["name"].removeprefix(f"{root}/"), Step())
            step.of_all |= {place(found) for found in lineage.get("dataset", ())}
            for column, made in lineage["fields"].items():
                for found in made["inputFields"]:
                    kinds = {one["type"] for one in found["transformations"]}
                    kind = step.direct if "DIRECT" in kinds else step.indirect
                    kind.setdefault(column, set()).add(place(found))
    return steps


Sources = Callable[[Step, str], Iterable[Place]]
"""Which of what a step's column was made from are followed."""


class Lineage:
    """What the columns of one lake's tables were made from, and by what."""

    def __init__(self, steps: dict[str, Step]) -> None:
        self._steps = steps

    def last_steps(self, table: str) -> list[str]:
        """The steps whose rows were published."""
        return [name for name in self._steps if name.startswith(f"{table}/") and LAST_STEP.search(name)]

    def direct(self, table: str, column: str) -> set[Place]:
        """The columns of tables whose values are in a column's values."""
        return {
            source
            for name in self.last_steps(table)
            for source in self._followed((name, column), lambda step, of: step.direct.get(of, ()))
        }

    def seen(self, table: str, column: str) -> set[Place]:
        """The columns of tables that had any part in a column's values, or in which rows there are."""
        return {
            source
            for name in self.last_steps(table)
            for source in self._followed(
                (name, column),
                lambda step, of: {*step.direct.get(of, ()), *step.indirect.get(of, ()), *step.of_all},
            )
        }

    def _followed(self, start: Place, sources: Sources) -> set[Place]:
        """The columns of tables at the ends of all ways from a step's column."""
        found: set[Place] = set()
        known, ahead = {start}, [start]
        while ahead:
            name, column = ahead.pop()
            if name not in self._steps:
                found.add((name, column))
                continue
            new = set(sources(self._steps[name], column)) - known
            known |= new
            ahead += new
        return found
