"""The lakehouse as one object: its settings, contracts, storage, engine and sources, each opened at its first use."""

import datetime as dt
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.model import Contract
from contracts.parse import load_contracts
from io_managers.shared_storage import require_shared_storage
from io_managers.staleness import Arrived, Plan, TableState, plan
from io_managers.storage import Storage
from io_managers.table_state import StateReader
from lakehouse_assets.settings import Settings, engine_token, mask_salt
from resources.engine.interface import Engine, Work
from resources.engine.registry import make_engine
from resources.sources.interface import Source
from resources.sources.registry import make_source

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def index_folder() -> Path:
    """Where sources keep what they know of files between runs: beside Dagster's own state, which is this machine's too."""
    return Path(os.environ.get("DAGSTER_HOME", ".dagster")) / "file_index"


def made_from(contracts: Mapping[str, Contract], table: str) -> dict[str, Contract]:
    """The contracts of a table and of all that it is made from."""
    found = {table: contracts[table]}
    for read in contracts[table].reads:
        found |= made_from(contracts, read.table)
    return found


@dataclass(frozen=True, slots=True)
class TableDays:
    """The days of a table."""

    loaded: frozenset[dt.date]
    stale: frozenset[dt.date]
    """Those of the loaded ones that have to be loaded again."""
    overdue: frozenset[dt.date]
    """Those of the stale ones that should have been loaded again by now."""


@dataclass(frozen=True, slots=True)
class TableLoaded:
    """A table's part of a run was published."""

    table: str
    first: dt.date
    last: dt.date
    incoming: int
    published: int
    quarantined: int
    seconds: float
    superseded: int = 0
    broken: Mapping[str, int] = field(default_factory=dict)
    """How many rows broke each rule that sets rows aside; a row may break several."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """The seconds of its parts: extract (bronze), stage, fold (silver), audit, publish. The rest is around them: plans, events."""


@dataclass
class Lake:
    """Everything that tables and commands share in a process."""

    settings: Settings
    contracts: Mapping[str, Contract] = field(default_factory=load_contracts)
    engine: Engine = None  # type: ignore[assignment]
    """The one that the settings choose, unless it is given."""
    listeners: list[Callable[[TableLoaded], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.settings
        self.engine = self.engine or make_engine(
            settings.engine,
            on_s3=settings.on_s3,
            token=engine_token,
            memory=settings.engine_memory,
            emr_application=settings.emr_application,
            emr_role=settings.emr_role,
            lineage=settings.lineage,
        )

    @cached_property
    def storage(self) -> Storage:
        return Storage(self.settings.root, self.engine.s3_scheme)

    @property
    def session(self) -> "SparkSession":
        """The engine's session, started at the first use."""
        return self.engine.session()

    def loading_session(self, work: Work) -> "SparkSession":
        """The engine's session, of which is known that what it writes arrives where the tables are.

        Raises:
            EngineError: it writes elsewhere.
        """
        session = self.engine.session(work)
        if self._sharing is not session:
            require_shared_storage(session, self.storage, self.engine.name)
            self._sharing = session
        return session

    _sharing: "SparkSession | None" = field(default=None, init=False, repr=False)
    """The session that was last seen to share the storage."""

    def mask_salt(self) -> str:
        """The salt of hashed values.

        Raises:
            ConfigurationError: real data is loaded and none is set.
        """
        return mask_salt(self.settings)

    def source(self, name: str) -> Source:
        """The source of that name, as the settings choose it."""
        if name not in self._sources:
            settings = self.settings
            self._sources[name] = make_source(
                settings.sources[name],
                lake_start=settings.start_date,
                files_root=str(settings.files_root) if settings.files_root else None,
                index_folder=str(index_folder()),
                seed=settings.demo_seed,
                scale=settings.demo_scale,
                clock=settings.clock,
            )
        return self._sources[name]

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {}

    @cached_property
    def _state_reader(self) -> StateReader:
        return StateReader(self.storage, self.contracts)

    def states(self) -> Mapping[str, TableState]:
        """What every table's log says of its days, now."""
        self._published.clear()
        return self._state_reader.states()

    def plan(
        self,
        states: Mapping[str, TableState] | None = None,
        arrived: Arrived | None = None,
        *,
        with_open_day: bool = False,
    ) -> Plan:
        """What is missing or stale, now or by states that were just read, and by what sources said where they were asked."""
        settings = self.settings
        return plan(
            self.contracts,
            states or self.states(),
            settings.start_date,
            settings.clock(),
            arrived,
            with_open_day=with_open_day,
        )

    def days_of(self, table: str) -> TableDays:
        """The days of a table, as far as this process knows.

        Each table is looked at once, and again when this process published it: a run asks for every table, and looking at
        all of them each time would take as many opened tables as there are pairs. Nor is more planned than what the table is
        made from: a plan looks at every day of the lake.
        """
        states = self._state_reader.states(self._published)
        self._published.clear()
        now = self.settings.clock()
        found = plan(made_from(self.contracts, table), states, self.settings.start_date, now)
        loaded = states[table].loaded
        stale = frozenset(one.day for one in (*found.due, *found.beyond) if one.table == table)
        return TableDays(loaded, stale & loaded, found.overdue(self.contracts[table], now) & loaded)

    @cached_property
    def _published(self) -> set[str]:
        """Tables that were published here since the states were read."""
        return set()

    def announce(self, loaded: TableLoaded) -> None:
        """Tells whoever watches the run that a table is done."""
        self._published.add(loaded.table)
        for listener in self.listeners:
            listener(loaded)
