"""Alerts as lines of the log."""

import sys

import structlog

from resources.alerts.interface import Alert


class LogChannel:
    """Writes each alert to standard error, a JSON object a line: by its severity when it is raised, as information when cleared.

    What a process has configured for its log doesn't count: Dagster's servers show warnings and errors alone, so that
    nothing would ever be cleared there.
    """

    name = "the log"

    def send(self, alert: Alert) -> None:
        """Writes one line."""
        logger = structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr),
            processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer(ensure_ascii=False)],
            wrapper_class=structlog.BoundLogger,
        )
        level = alert.severity if alert.state == "raised" else "info"
        getattr(logger, level)("alert", **alert.as_record())
