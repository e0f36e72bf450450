"""The generated catalogue: about 200 products whose prices change, of which some are taken off sale for a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from resources.sources.demo.columns import DAY, instants, joined, money, padded, words
from resources.sources.demo.draws import Draws, Integers
from resources.sources.demo.flaws import altered, delivered_rows, flawed, puts
from resources.sources.demo.vocabulary import ADJECTIVES, CATEGORIES, PRICE_LEVELS

_REVIEWED_EVERY = 14
"""Days after which a product's row is written again."""
_CURRENCIES = ("EUR", "USD", "GBP", "SEK")
_CURRENCY_WEIGHTS = (85.0, 8.0, 5.0, 2.0)
_LEVELS = np.array([PRICE_LEVELS[currency] for currency in _CURRENCIES])
_ROWS_PER_FREE_PRODUCT = 200

FLAWS = (puts("product_id", None), puts("unit_price", "0.00"), puts("unit_price", "on request"))


@dataclass(frozen=True, slots=True)
class Products:
    """A product's identity is its number; its version is the number of reviews of its row."""

    draws: Draws
    scale: float

    @property
    def number(self) -> int:
        return max(20, round(200 * self.scale))

    def picked(self, purpose: str, *identity: Integers | int) -> Integers:
        """Products as people choose them: few of them most of the time."""
        return (self.number * self.draws.share(purpose, *identity) ** 1.8).astype(np.int64)

    def version_on(self, products: Integers, day: int) -> Integers:
        """The version of each product's row at the end of a day."""
        return (day + self._phase(products)) // _REVIEWED_EVERY

    def price_in_euro(self, products: Integers, versions: Integers) -> Integers:
        """Price in euro cents: a list price that moves by season, less a promotion now and then."""
        lowest = np.array([category.lowest for category in CATEGORIES])[self.category_of(products)]
        highest = np.array([category.highest for category in CATEGORIES])[self.category_of(products)]
        base = lowest * (highest / lowest) ** self.draws.share("product price", products)
        season = 1 + 0.03 * (self.draws.below(7, "product season", products, versions // 5) - 2)
        reduced = self.draws.happens(0.25, "product promotion", products, versions)
        promotion = np.where(reduced, 0.7 + 0.05 * self.draws.below(5, "product reduction", products, versions), 1.0)
        cents: Integers = np.rint(base * season * promotion * 10).astype(np.int64) * 10 - 1
        return cents

    def ids(self, products: Integers) -> pa.Array:
        return padded(products + 1, 4)

    def category_of(self, products: Integers) -> Integers:
        """The index of each product's category."""
        return self.draws.choice(tuple(category.weight for category in CATEGORIES), "product category", products)

    def count(self, day: int, lake_start: int) -> int:
        if day == lake_start:
            return self.number + self._free_products() + delivered_rows(len(self._reviewed(day)), self.draws, day)
        return delivered_rows(len(self._reviewed(day)), self.draws, day)

    def rows_without_cursor(self, lake_start: int) -> int:  # noqa: ARG002 - every table answers for a start
        return 0

    def batches(self, day: int, lake_start: int) -> Iterator[pa.RecordBatch]:
        """The rows written on a day; on the first day the catalogue as it was before, too."""
        if day == lake_start:
            products = np.arange(self.number, dtype=np.int64)
            versions = self.version_on(products, day - 1)
            yield self._rows(products, versions)
            if free := self._free_products():
                yield altered(self._rows(products[:free], versions[:free] - 1), [puts("unit_price", "0.00")] * free)
        reviewed = self._reviewed(day)
        yield from flawed(self._rows(reviewed, self.version_on(reviewed, day)), FLAWS, self.draws, day)

    def _rows(self, products: Integers, versions: Integers) -> pa.RecordBatch:
        draws = self.draws
        categories = self.category_of(products)
        brands = [category.brands for category in CATEGORIES]
        nouns = [category.nouns for category in CATEGORIES]
        currencies = draws.choice(_CURRENCY_WEIGHTS, "product currency", products)
        written = (versions * _REVIEWED_EVERY - self._phase(products)) * DAY
        written += 2 * DAY // 24 + draws.below(3 * DAY // 24, "product time", products, versions)
        brand = draws.below(60, "product brand", products)
        noun = draws.below(60, "product noun", products)
        columns = {
            "product_id": self.ids(products),
            "name": joined(
                words(draws.below(len(ADJECTIVES), "product adjective", products), ADJECTIVES),
                pa.array(
                    [
                        nouns[category][number % len(nouns[category])]
                        for category, number in zip(categories, noun, strict=True)
                    ],
                    pa.string(),
                ),
                separator=" ",
            ),
            "category": words(
                np.where(draws.happens(0.01, "product uncategorised", products), len(CATEGORIES), categories),
                [*(category.name for category in CATEGORIES), None],
            ),
            "brand": pa.array(
                [
                    brands[category][number % len(brands[category])]
                    for category, number in zip(categories, brand, strict=True)
                ],
                pa.string(),
            ),
            "unit_price": money(np.rint(self.price_in_euro(products, versions) * _LEVELS[currencies]).astype(np.int64)),
            "currency": words(currencies, _CURRENCIES),
            "is_active": pa.array(~draws.happens(0.03, "product off sale", products, versions // 4)),
            "last_modified_ts": instants(written),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _free_products(self) -> int:
        return self.number // _ROWS_PER_FREE_PRODUCT

    def _reviewed(self, day: int) -> Integers:
        products = np.arange(self.number, dtype=np.int64)
        reviewed: Integers = products[(day + self._phase(products)) % _REVIEWED_EVERY == 0]
        return reviewed

    def _phase(self, products: Integers) -> Integers:
        return self.draws.below(_REVIEWED_EVERY, "product phase", products)
