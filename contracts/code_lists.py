"""The public code lists that contracts refer to by name, so that no contract lists 180 currencies."""

from collections.abc import Iterator, Mapping
from functools import cache

import pycountry

NO_CURRENCY = frozenset({"XXX", "XTS"})
"""ISO-4217 codes that name no currency: none involved, and testing."""


@cache
def _currencies() -> frozenset[str]:
    return frozenset(currency.alpha_3 for currency in pycountry.currencies) - NO_CURRENCY


@cache
def _countries() -> frozenset[str]:
    return frozenset(country.alpha_2 for country in pycountry.countries)


class _CodeLists(Mapping[str, frozenset[str]]):
    """Each list is read when it is first asked for."""

    _readers = {"ISO-3166": _countries, "ISO-4217": _currencies}  # noqa: RUF012 (never changed)

    def __getitem__(self, name: str) -> frozenset[str]:
        return self._readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


CODE_LISTS: Mapping[str, frozenset[str]] = _CodeLists()
"""The codes of `ISO-3166` (countries, alpha-2) and `ISO-4217` (currencies, without the two that name none)."""
