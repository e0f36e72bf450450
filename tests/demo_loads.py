"""Loads of the generated retailer, for tests."""

import datetime as dt
from functools import lru_cache

import pyarrow as pa

from contracts.model import Contract
from contracts.parse import load_contracts
from resources.sources.demo.source import DemoSource
from resources.sources.interface import delivered_schema

START = dt.date(2026, 3, 1)
CONTRACTS = load_contracts()


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def load(
    contract: Contract, first: int, last: int, *, scale: float = 0.2, seed: int = 42, start: dt.date = START
) -> pa.Table:
    """Everything that is delivered for a range of days, counted from the start of the tests."""
    batches = DemoSource(start, seed=seed, scale=scale).extract(contract, day(first), day(last)).batches
    return pa.Table.from_batches(batches, delivered_schema(contract))


@lru_cache(maxsize=8)
def load_once(table: str, first: int, last: int, scale: float) -> pa.Table:
    """The same load for all tests that look at it."""
    return load(CONTRACTS[table], first, last, scale=scale)
