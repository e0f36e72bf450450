"""Where the embedded engine's memory ends, the run says so and which engines need less, and tables are whole or not there."""

from collections.abc import Mapping
from pathlib import Path

from contracts.model import Contract
from tests.lake_processes import LITTLE, Content, LakeProcesses, demo_environment, read_lake

TOO_LITTLE = {
    "resources.engine.memory:GRACE_SECONDS": 0,
    "resources.engine.memory:OWN_SHARE": 0.0,
    "resources.engine.memory:RESERVE": 1.0,
}
"""By these all memory is short from the start: what is not done when the guard looks for the first time is stopped."""


def test_a_run_that_lacks_memory_says_so_and_publishes_whole_tables_or_none(
    processes: LakeProcesses, contracts: Mapping[str, Contract], tmp_path: Path
) -> None:
    environment = {**demo_environment(tmp_path, 2), **LITTLE}
    root = environment["LAKEHOUSE_ROOT"]
    lacking = processes.run("run", environment=environment, constants=TOO_LITTLE)
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
    assert loaded < set(contracts)
    assert {table: before[table] for table in loaded} == {table: after[table] for table in loaded}
    assert [table for table, content in after.items() if not content.rows] == []
