"""Which engine stands behind the setting's name."""

from collections.abc import Callable
from pathlib import Path

from resources.engine.interface import Engine


def make_engine(  # noqa: PLR0913
    name: str,
    *,
    on_s3: bool,
    token: Callable[[], str | None] = lambda: None,
    memory: int | None = None,
    emr_application: str = "",
    emr_role: str = "",
    lineage: Path | None = None,
) -> Engine:
    """The engine of a name. Starts nothing.

    Args:
        name: `sail`, `spark`, `emr-serverless`, or the address of a server, `sc://...`.
        on_s3: whether the lake is there, for which some engines need more.
        token: gives, when it is needed, that by which a server at an address knows whom it serves.
        memory: the most that an engine on this machine may hold, bytes.
        emr_application: the ID of the application of EMR Serverless.
        emr_role: the ARN of the role that its sessions have.
        lineage: the file to which `spark` adds what each write was made from.
    """
    if name.startswith("sc://"):
        from resources.engine.remote import RemoteEngine

        return RemoteEngine(name, token)
    if name == "emr-serverless":
        from resources.engine.emr_serverless import EmrServerlessEngine

        return EmrServerlessEngine(emr_application, emr_role)
    if name == "spark":
        from resources.engine.spark import SparkEngine

        return SparkEngine(on_s3=on_s3, memory=memory, lineage=lineage)
    from resources.engine.sail import SailEngine

    return SailEngine(memory)
