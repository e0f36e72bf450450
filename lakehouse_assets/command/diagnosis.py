"""What `lakehouse doctor` looks at, a function each: settings, sources, root, engine, Dagster's home, disk, packages."""

import datetime as dt
import os
import platform
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from dotenv import dotenv_values
from pydantic import SecretStr

from contracts.errors import LakehouseError
from lakehouse_assets.command.output import count, seconds, size
from lakehouse_assets.instance.home import CONFIGURATION, HOME_VARIABLE, configured_home, prepare_home
from lakehouse_assets.lake import Lake
from lakehouse_assets.settings import PREFIX, Secrets, Settings
from resources.sources.interface import source_table

if TYPE_CHECKING:
    from lakehouse_assets.instance.left_behind import RunUnderWay

Level = Literal["ok", "note", "wrong"]

PACKAGE = "dagster-lakehouse"
SHOWN_PACKAGES = ("dagster", "pyspark", "pysail", "deltalake", "pyarrow", "pandas")
LITTLE_SPACE = 5_000_000_000
NO_SPACE = 1_000_000_000
_CREDENTIALS = re.compile(r"(?i)((?:token|password|secret|key)=)[^;&\s]+|(://)[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at: in order, worth knowing, or wrong, with what to do about it."""

    area: str
    level: Level
    message: str
    remedy: str = ""


def settings(lake: Lake) -> Iterator[Finding]:
    """What is configured, and whether a secret that is needed is there."""
    given = [shown_setting(name, value) for name, value in _differing(lake.settings)]
    yield Finding("settings", "ok", "; ".join(given) or "all as by default")
    secrets = Secrets()
    held = (f"{PREFIX}{name.upper()} {'set' if getattr(secrets, name) else 'not set'}" for name in Secrets.model_fields)
    yield Finding("secrets", "ok", "; ".join(held))
    try:
        lake.mask_salt()
    except LakehouseError as error:
        yield Finding("secrets", "wrong", str(error))


def _differing(given: Settings) -> Iterator[tuple[str, object]]:
    defaults = Settings.model_construct()
    for name in Settings.model_fields:
        value, default = getattr(given, name), getattr(defaults, name)
        if value != default and not (name == "root" and value == str(Path(str(default)).absolute())):
            yield name, value


def shown_setting(name: str, value: object) -> str:
    """A setting as its variable; whatever in it lets someone in is hidden."""
    if isinstance(value, SecretStr):
        return f"{PREFIX}{name.upper()} set"
    hidden = _CREDENTIALS.sub(lambda match: f"{match[1]}***" if match[1] else f"{match[2]}***@", str(value))
    return f"{PREFIX}{name.upper()}={hidden}"


def sources(lake: Lake) -> Iterator[Finding]:
    """Whether what each source reads is there."""
    from resources.sources.files.folder import Folder
    from resources.sources.interface import SourceError, SourceUnavailableError

    tables: dict[str, list[str]] = {}
    for contract in lake.contracts.values():
        if contract.layer == "bronze":
            source, name = source_table(contract)
            tables.setdefault(source, []).append(name)
    for source, kind in lake.settings.sources.items():
        if kind == "demo":
            yield Finding("sources", "ok", f"{source}: demo")
            continue
        for name in sorted(tables.get(source, ())):
            try:
                files = Folder(str(lake.settings.files_root), source, name).files()
            except (SourceError, SourceUnavailableError) as error:
                yield Finding("sources", "wrong", str(error))
                continue
            found = f"{source}/{name}: {count(len(files), 'file')}"
            remedy = (
                "" if files else "An empty folder is a table without rows; put its files there if it should have some."
            )
            yield Finding("sources", "ok" if files else "note", found, remedy)


def root(lake: Lake) -> Iterator[Finding]:
    """Whether the lake's root can be written: a file is put there, and removed."""
    storage = lake.storage
    remedy = (
        "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, and let them write there, or set LAKEHOUSE_ROOT."
        if storage.remote
        else "Make the folder writable for this user, or set LAKEHOUSE_ROOT to one that is."
    )
    path = Path(storage.root)
    new = not storage.remote and not path.exists()
    probe = f"{storage.root}/.doctor-{uuid.uuid4().hex}"
    try:
        if not storage.remote:
            storage.create_folder(storage.root)
        with storage.filesystem.open_output_stream(storage.path(probe)) as file:
            file.write(b"probe")
        storage.delete_file(probe)
        if new:
            path.rmdir()
    except (OSError, pa.ArrowException) as error:
        yield Finding("root", "wrong", f"{storage.root} can't be written: {error}", remedy)
        return
    yield Finding("root", "ok", f"{storage.root} can be written{', and is made by the first run' if new else ''}")


def engine(lake: Lake) -> Iterator[Finding]:
    """Whether the engine starts and can do what tables rely on."""
    from pyspark.errors import PySparkException

    name = lake.engine.name
    started = time.monotonic()
    try:
        version = lake.session.version
    except (LakehouseError, PySparkException, OSError, ImportError) as error:
        remedy = "" if isinstance(error, LakehouseError) else "Check LAKEHOUSE_ENGINE, and that `make setup` succeeded."
        yield Finding("engine", "wrong", f"{name} can't be started: {error}", remedy)
        return
    finally:
        lake.engine.close()
    yield Finding("engine", "ok", f"{name}, Spark {version}, ready in {seconds(time.monotonic() - started)}")


def home() -> Iterator[Finding]:
    """Where Dagster keeps its runs and events, and whether they can be read."""
    path = configured_home()
    named = os.environ.get(HOME_VARIABLE) or dotenv_values(".env").get(HOME_VARIABLE)
    if not named:
        yield Finding(
            "home", "note", f"{HOME_VARIABLE} is not set: `lakehouse` uses {path}, and `dagster` commands would not find it",
            f"Write {HOME_VARIABLE}={path} into .env, which `make setup` does.",
        )  # fmt: skip
    elif not Path(named).expanduser().is_absolute():
        yield Finding(
            "home", "note", f"{HOME_VARIABLE}={named} is relative, which `dagster` commands refuse",
            f"Write {HOME_VARIABLE}={path} instead.",
        )  # fmt: skip
    if not (path / CONFIGURATION).exists():
        yield Finding("home", "ok", f"{path} is made by the first run")
        return
    yield Finding("home", "ok", str(path))
    yield from _event_storage(path)


def _event_storage(path: Path) -> Iterator[Finding]:
    import dagster as dg

    try:
        prepare_home()
        with dg.DagsterInstance.get() as instance:
            runs = instance.get_runs_count()
            instance.event_log_storage.get_maximum_record_id()
            storage = type(instance.event_log_storage).__name__
    except Exception as error:  # noqa: BLE001 - whichever database stands behind it has errors of its own
        yield Finding(
            "events", "wrong", f"Dagster's storage can't be opened: {type(error).__name__}: {str(error).splitlines()[0]}",
            f"Repair what {path / CONFIGURATION} names, or move {path} away: the next run makes another and tells it of every "
            "published day.",
        )  # fmt: skip
        return
    yield Finding("events", "ok", f"{storage} with {count(runs, 'run')}")


def left_behind(*, release: bool) -> Iterator[Finding]:
    """Runs that Dagster believes to be under way; those whose process is gone are ended if that is asked for."""
    if not (configured_home() / CONFIGURATION).exists():
        return
    import dagster as dg

    from lakehouse_assets.instance.left_behind import end, runs_under_way

    prepare_home()
    with dg.DagsterInstance.get() as instance:
        for one in runs_under_way(instance, dt.datetime.now(dt.UTC)):
            if one.state == "gone" and release:
                end(instance, one)
            yield _judge(one, released=release)


def _judge(one: "RunUnderWay", *, released: bool) -> Finding:
    what = f"run {one.run.run_id}, {one.run.status.value} since {one.since:%Y-%m-%d %H:%M} UTC"
    match one.state:
        case "gone" if released:
            return Finding("runs", "ok", f"{what}: ended, since its process is gone")
        case "gone":
            return Finding(
                "runs", "wrong", f"{what}: its process is gone",
                "`lakehouse doctor --release` ends it; the next `lakehouse run` loads what it didn't publish.",
            )  # fmt: skip
        case "elsewhere":
            return Finding("runs", "note", f"{what}: its process is on another machine", "Run the doctor there.")
        case "running":
            return Finding("runs", "ok", f"{what}: running, process {', '.join(map(str, one.processes))}")
        case "starting":
            return Finding("runs", "ok", f"{what}: starting")


def disk(lake: Lake) -> Iterator[Finding]:
    """Whether there is room where this machine writes."""
    folders = [configured_home(), *([] if lake.storage.remote else [Path(lake.storage.root)])]
    devices: dict[int, Path] = {}
    for folder in folders:
        there = next(one for one in (folder, *folder.parents) if one.exists())
        devices.setdefault(there.stat().st_dev, there)
    for there in devices.values():
        free = shutil.disk_usage(there).free
        level: Level = "wrong" if free < NO_SPACE else "note" if free < LITTLE_SPACE else "ok"
        remedy = "" if level == "ok" else "Make room there: a run writes a table anew before it removes anything."
        yield Finding("disk", level, f"{size(free)} free at {there}", remedy)


def packages() -> Iterator[Finding]:
    """Whether Python and the packages are those that the project asks for."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    remedy = "`make setup` installs what the lock file names."
    wanted = SpecifierSet(metadata.metadata(PACKAGE)["Requires-Python"])
    python = platform.python_version()
    if python not in wanted:
        yield Finding("packages", "wrong", f"Python {python} at {sys.executable} is not {wanted}", remedy)
    wrong = False
    for line in metadata.requires(PACKAGE) or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            installed = None
        if installed is None or installed not in requirement.specifier:
            wrong = True
            found = f"{requirement.name} {installed or 'is missing'}"
            yield Finding("packages", "wrong", f"{found}: {requirement.specifier or 'any version'} is needed", remedy)
    if not wrong:
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in SHOWN_PACKAGES)
        yield Finding("packages", "ok", f"Python {python}, {versions}")
