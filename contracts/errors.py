"""The failures of the lakehouse, retryable ones apart from permanent ones.

Every error names what failed, where (asset, partition, source, file, row), why, and what to do. Errors of a layer
derive from one of the two classes here, so that whoever runs a table can tell whether trying again can help.
"""


class LakehouseError(Exception):
    """Base of every failure that the lakehouse reports on purpose."""


class PermanentError(LakehouseError):
    """Trying again gives the same failure: data, a contract, the code or the configuration has to change first."""


class RetryableError(LakehouseError):
    """Trying again may succeed: another run won a race, or a service was away."""


class ContractError(PermanentError):
    """A contract file is not valid, named by file, table and field."""


class ConfigurationError(PermanentError):
    """A setting is missing, malformed or contradicts another, named by its variable."""
