"""Sources by the names that settings use."""

import datetime as dt
from collections.abc import Callable
from typing import Literal

from contracts.errors import ConfigurationError
from resources.sources.demo.source import DemoSource
from resources.sources.files.source import FilesSource
from resources.sources.interface import Source

SourceName = Literal["demo", "files"]


def make_source(  # noqa: PLR0913 - one place states everything that sources are made from
    name: SourceName,
    *,
    lake_start: dt.date,
    files_root: str | None = None,
    index_folder: str | None = None,
    seed: int = 42,
    scale: float = 1.0,
    clock: Callable[[], dt.datetime] | None = None,
) -> Source:
    """The source of a name; it opens nothing before it is asked for rows.

    Args:
        name: `demo` or `files`.
        lake_start: the lake's first day.
        files_root: files: the folder that holds `<source>/<table>/*`.
        index_folder: files: where the index of files is kept between runs; none keeps none.
        seed: demo: which of the possible retailers.
        scale: demo: its size; 1 is about 1,000 orders a day.
        clock: demo: what time it is, UTC; without one, every day is over.

    Raises:
        ConfigurationError: files without a files root.
    """
    if name == "demo":
        return DemoSource(lake_start, seed=seed, scale=scale, clock=clock)
    if files_root is None:
        raise ConfigurationError("a source is 'files', but LAKEHOUSE_FILES_ROOT is not set: set it to their folder")
    return FilesSource(lake_start, files_root=files_root, index_folder=index_folder)
