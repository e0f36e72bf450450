"""Where the embedded engine's memory ends, the run says so and which engines need less, and tables are whole or not there."""

from collections.abc import Mapping
from pathlib import Path

from contracts.model import Contract
from resources.engine.sail import MEMORY_POOL
from tests.lake_processes import LITTLE, Content, LakeProcesses, demo_environment, read_lake

TOO_LITTLE = {MEMORY_POOL: str(11 * 2**20)}
"""Bytes: enough for small tables, and not for large ones."""


def test_a_run_that_lacks_memory_says_so_and_publishes_whole_tables_or_none(
    processes: LakeProcesses, contracts: Mapping[str, Contract], tmp_path: Path
) -> None:
    environment = {**demo_environment(tmp_path, 2), **LITTLE}
    root = environment["LAKEHOUSE_ROOT"]
    lacking = processes.run("run", environment={**environment, **TOO_LITTLE})
    assert lacking.status == 1, lacking.output
    said = " ".join(lacking.output.split())
    assert "engine 'sail' has not enough memory for this" in said
    assert "LAKEHOUSE_ENGINE=spark" in said
    assert "emr-serverless" in said
    before = read_lake(root, contracts)

    again = processes.run("run", environment=environment)
    assert again.status == 0, again.output
    after = read_lake(root, contracts)
    loaded = {table for table, content in before.items() if content != Content()}
    assert loaded
    assert loaded < set(contracts)
    assert {table: before[table] for table in loaded} == {table: after[table] for table in loaded}
    assert [table for table, content in after.items() if not content.rows] == []
