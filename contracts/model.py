"""What a data contract says, as the rest of the lakehouse reads it: plain frozen dataclasses, without YAML and without I/O.

`contracts.parse` makes these from ODCS files. Nothing here decides how a rule is executed or a table is stored.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Literal

import pyarrow as pa

from contracts.types import arrow_type

Layer = Literal["bronze", "silver", "gold"]
WriteMode = Literal["partitions", "changes"]
History = Literal["scd1", "scd2"]
Dimension = Literal["accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness"]

ENGINE_PROFILES = ("small", "medium", "large")
"""How large an engine's session may be, from the smallest on."""

VALID_FROM = "valid_from"
VALID_TO = "valid_to"
IS_CURRENT = "is_current"
VALID_TO_MONTH = "valid_to_month"
HISTORY_COLUMNS = frozenset({VALID_FROM, VALID_TO, IS_CURRENT, VALID_TO_MONTH})
"""What change application adds to every version of an scd2 table; no row rule judges them, they don't arrive."""
CURRENT = "current"
"""The storage partition of scd2 versions that are still valid."""
WINDOW = "_window"
"""The arrival window of a row, in bronze and in changes on their way to silver."""
UNREADABLE = "_unreadable"
"""Names of the columns whose delivered text can't be read into their type."""
RAW = "_raw"
"""A row as it was delivered, as JSON text."""
BROKEN_RULES = "_broken_rules"
"""Names of the rules that a row breaks."""
OK = "_ok"
"""Whether a row may be published: the last partition column of rows that are staged for their audit."""


class Severity(StrEnum):
    """What a broken rule means: `error` quarantines the row (row rule) or stops the publish (table rule), `warning` only counts."""

    ERROR = "error"
    WARNING = "warning"


class PartitionGrain(StrEnum):
    """How a storage partition's value derives from a row."""

    DAY = "day"
    """The date in the partition column itself."""
    MONTH = "month"
    """`YYYY-MM` of the business date."""
    VALID_TO_MONTH = "valid_to_month"
    """`YYYY-MM` of valid_to, or `current` while a version is valid."""


@dataclass(frozen=True, slots=True)
class Mask:
    """How a restricted value is made safe. Null stays null.

    `hash`: hex SHA-256 of salt and value. `initial`: the first character, upper-cased. `last_two_digits`: of a telephone
    number. `hide`: a fixed text.
    """

    kind: Literal["hash", "initial", "last_two_digits", "hide"]


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """A column of an upstream table, or of a source system for bronze, that a column is made from."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type in Spark's DDL spelling (`decimal(18,2)`, `array<struct<a:string>>`), meaning and limits."""

    name: str
    type: str
    description: str
    required: bool = False
    unique: bool = False
    key: bool = False
    derived: bool = False
    """Computed from other columns of the row or by change application, hence outside the tie-break hash."""
    classification: str | None = None
    mask: Mask | None = None
    sources: tuple[ColumnSource, ...] = ()
    logic: str | None = None

    @property
    def arrow(self) -> pa.DataType:
        return arrow_type(self.type)

    @property
    def restricted(self) -> bool:
        """Whether people may only see it masked."""
        return self.classification == "restricted"

    @property
    def technical(self) -> bool:
        """Whether it is outside row equality and outside every hash."""
        return self.name.startswith("_")


ConstraintKind = Literal[
    "required",
    "minimum",
    "maximum",
    "exclusive_minimum",
    "exclusive_maximum",
    "min_length",
    "max_length",
    "pattern",
    "known",
    "not_nan",
    "calendar",
]


@dataclass(frozen=True, slots=True)
class Constraint:
    """A limit of one column's values: how it limits them, and by what.

    `known` is a set of texts, `pattern` a regular expression that must be found in the text; lengths count characters.
    `required`, `not_nan` and `calendar` (a date or time that Python and every engine can hold, years 1 to 9999) have no limit.
    """

    kind: ConstraintKind
    limit: Decimal | int | str | dt.date | dt.datetime | frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class RowRule:
    """A condition that every row must meet: a Spark SQL predicate that is true, or null, for a row that meets it."""

    name: str
    predicate: str
    severity: Severity
    dimension: Dimension
    description: str
    column: str | None = None
    constraint: Constraint | None = None
    """What the predicate was compiled from, where it limits one column."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a measured figure must be: all bounds that are set must hold."""

    equal: float | None = None
    not_equal: float | None = None
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    not_between: tuple[float, float] | None = None

    def hold(self, value: float | None) -> bool:
        """Whether the figure is within the bounds; a figure that is null (an aggregate of no rows) is."""
        if value is None:
            return True
        return all(
            (
                self.equal is None or value == self.equal,
                self.not_equal is None or value != self.not_equal,
                self.above is None or value > self.above,
                self.at_least is None or value >= self.at_least,
                self.below is None or value < self.below,
                self.at_most is None or value <= self.at_most,
                self.not_between is None or not self.not_between[0] <= value <= self.not_between[1],
            )
        )


@dataclass(frozen=True, slots=True)
class UniqueRule:
    """No two rows of a storage partition share these columns' values."""

    name: str
    columns: tuple[str, ...]
    severity: Severity
    dimension: Dimension
    description: str


@dataclass(frozen=True, slots=True)
class AggregateRule:
    """A Spark SQL aggregate over a run's staged rows that must lie within bounds."""

    name: str
    expression: str
    bounds: Bounds
    severity: Severity
    dimension: Dimension
    description: str


@dataclass(frozen=True, slots=True)
class ExpectationRule:
    """What Great Expectations judges of a run's staged rows together. It holds where there are no rows."""

    name: str
    expectation: str
    """The kind of expectation, such as `expect_column_mean_to_be_between`."""
    arguments: Mapping[str, object]
    columns: tuple[str, ...]
    """The columns that the arguments name."""
    figure: tuple[str, ...]
    """The fields of the expectation's result that add up to the rule's figure."""
    bounds: Bounds
    severity: Severity
    dimension: Dimension
    description: str


TableRule = UniqueRule | AggregateRule | ExpectationRule

CONFLICTING_VERSIONS = "conflicting_versions"


@dataclass(frozen=True, slots=True)
class CountedRule:
    """A rule whose breaches the run itself counts while it makes the rows; the description tells what to do about them.

    `conflicting_versions`, of tables in mode `changes`: versions with one key and sequence whose payloads differ.
    """

    name: str
    severity: Severity
    dimension: Dimension
    description: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a table reads of another for its day X.

    `days`: rows whose business date (arrival window, for bronze) is between X+first and X+last. `all`: everything up to X.
    `as_of`: the versions of an scd2 table that are valid at X's end. `month`: all days of X's month. `since_month_of`: from
    the first day of the month that X+first lies in, up to X. `before_month_of`: everything before that month.
    """

    table: str
    kind: Literal["days", "all", "as_of", "month", "since_month_of", "before_month_of"]
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Conservation:
    """What a day of the table must have as much of as what it was made from, up to quarantined rows.

    Without a measure: rows of `source` read for the day. With one: the sum of `measure`, a Spark SQL expression, over the
    day's rows equals the sum of `expression` over the day's rows of `source`. A table that is stored by month has as much
    of it a month.
    """

    source: str
    measure: str | None = None
    expression: str | None = None


@dataclass(frozen=True)
class Contract:
    """Everything that is promised of one table."""

    table: str
    """`<layer>/<name>`, as in asset keys and paths."""
    version: str
    title: str
    description: str
    grain: str
    owner: str
    columns: tuple[Column, ...]
    mode: WriteMode
    partition_column: str
    available_by: dt.time
    """UTC time of day at which yesterday's partition is complete."""
    retention_days: int
    row_rules: tuple[RowRule, ...] = ()
    table_rules: tuple[TableRule, ...] = ()
    counted_rules: tuple[CountedRule, ...] = ()
    reads: tuple[Read, ...] = ()
    sequence: str | None = None
    history: History | None = None
    business_date: str | None = None
    """Scd1 tables stored by month: the date column that the month is of."""
    drift_days: int = 0
    """Scd1: all versions of a key lie within this many days of each other."""
    delete_condition: str | None = None
    """A Spark SQL predicate that makes a change a tombstone."""
    restatement_days: int = 0
    """How many days back a change of an input makes a day stale; later changes are only reported."""
    max_quarantined_share: float = 0.02
    allowed_lateness: dt.timedelta = dt.timedelta(hours=1)
    broadcast: bool = False
    """Whether the table is small at any size of the lake, so that each of an engine's workers may have all of it for a join."""
    engine_profile: str = ENGINE_PROFILES[0]
    """How large a session must be in which the table is made, where the engine rents machines for it."""
    conserves: Conservation | None = None
    reconcile: bool = False
    """Bronze: whether the source's own count is compared."""
    cursor: str | None = None
    """Bronze: the column whose value decides the arrival window."""
    cursor_fallback: str | None = None
    """Bronze from files without the cursor column: the date column that stands in for it, at 00:00."""
    open_to_past: bool = False
    """Bronze: whether the first window delivers everything before it too."""
    window_days: int = 1
    """Bronze: how many days up to and including D the window of D covers, where windows overlap."""
    latency: dt.timedelta | None = None
    """Bronze: for how long the open day may lack what its source has been seen to hold; none where that doesn't matter."""
    frequency: dt.timedelta | None = None
    """Bronze: how often the source is asked where asking costs it; none where it can be asked at any time."""
    live: bool = False
    tags: tuple[str, ...] = ()
    support: tuple[str, ...] = ()
    """The channels in which the table's users get help."""

    @property
    def layer(self) -> Layer:
        return self.table.split("/")[0]  # type: ignore[return-value]

    @property
    def name(self) -> str:
        return self.table.split("/")[1]

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.key)

    @property
    def data_columns(self) -> tuple[str, ...]:
        """The columns that row equality and hashes see."""
        return tuple(column.name for column in self.columns if not column.technical)

    @property
    def payload(self) -> tuple[str, ...]:
        """What a version of a key says, in the contract's order: the columns that break ties between equal sequences."""
        return tuple(
            column.name
            for column in self.columns
            if not (column.key or column.derived or column.technical or column.name == self.sequence)
        )

    @property
    def restricted(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.restricted)

    @cached_property
    def partition_grain(self) -> PartitionGrain:
        if self.by_name[self.partition_column].type == "date":
            return PartitionGrain.DAY
        return PartitionGrain.VALID_TO_MONTH if self.history == "scd2" else PartitionGrain.MONTH

    def partition_of(self, day: dt.date) -> str:
        """The storage partition that holds a day's rows, in a table that is stored by day or by month."""
        return f"{day:%Y-%m}" if self.partition_grain is PartitionGrain.MONTH else day.isoformat()

    @property
    def touched_column(self) -> str:
        """The column whose dates a change of a row touches, as tables that read this one see it."""
        if self.history == "scd2":
            return VALID_FROM
        return self.business_date or self.partition_column

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The table's schema: column order, types, nullability and descriptions as the contract states them."""
        return pa.schema(
            pa.field(column.name, column.arrow, nullable=not column.required, metadata={"comment": column.description})
            for column in self.columns
        )

    def read(self, table: str) -> Read:
        """What is read of a table.

        Raises:
            KeyError: the contract does not read it.
        """
        return {read.table: read for read in self.reads}[table]
