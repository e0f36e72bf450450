"""What the tables must hold, written from the data model's definitions in plain Python, without the lakehouse's code.

Delivered rows are dictionaries of typed values. A customer or product without `last_modified_ts` came in a file that
doesn't have the column.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

Row = dict[str, Any]
Greatest = Callable[[str, list[Row]], Row]
"""Of different rows of a table with one key and sequence, the one with the greatest hash."""

STATUSES = {"PLACED", "PAID", "SHIPPED", "DELIVERED", "CANCELLED", "RETURNED"}
NOT_NET = {"CANCELLED", "RETURNED"}
CURRENCIES = {"EUR", "GBP", "USD", "JPY", "ISK", "XOF"}
COUNTRIES = {"DE", "FR", "NA", "GB", "JP"}
"""The codes that the tests' data use, out of those that are valid."""
UNKNOWN = "Unknown"
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Oracle:
    orders: list[Row]
    customers: list[Row]
    products: list[Row]
    rates: list[Row]
    start: dt.date
    end: dt.date
    """The last day that is loaded."""
    salt: str
    greatest: Greatest

    @property
    def days(self) -> list[dt.date]:
        return [self.start + dt.timedelta(days=number) for number in range((self.end - self.start).days + 1)]

    @cached_property
    def silver_orders(self) -> list[Row]:
        """The latest valid version of every order that arrived."""
        arrived = [row for row in self.orders if self.start <= row["last_modified_ts"].date() <= self.end]
        versions = self._versions("silver/orders", filter(valid_order, arrived), "order_id")
        return [history[-1] for history in versions.values()]

    @cached_property
    def silver_fx_rates(self) -> list[Row]:
        """What a unit of a currency is worth on the days with a rate; a rate arrives up to seven days late."""
        found = {}
        for row in self.rates:
            arrives = self.start - dt.timedelta(days=7) <= row["rate_date"] <= self.end
            if (
                arrives
                and row["base"] == "EUR"
                and row["quote"] != "EUR"
                and row["rate"] is not None
                and row["rate"] > 0
            ):
                value = half_up(1 / row["rate"], Decimal("1e-10"))
                found[row["rate_date"], row["quote"]] = {"rate": row["rate"], "eur_per_unit": value}
        return [{"rate_date": day, "currency": currency, **rate} for (day, currency), rate in found.items()]

    @cached_property
    def fct_orders(self) -> list[Row]:
        return [fact for fact, _ in self._facts if fact is not None]

    @property
    def orders_without_rate(self) -> set[str]:
        return {order["order_id"] for fact, order in self._facts if fact is None}

    @property
    def dim_customers(self) -> list[Row]:
        return [
            {
                "customer_id": customer["customer_id"],
                "first_name": initial(customer["first_name"]),
                "last_name": initial(customer["last_name"]),
                "email": customer["email"] and hashlib.sha256((self.salt + customer["email"]).encode()).hexdigest(),
                "phone": customer["phone"] and "".join(filter(str.isdigit, customer["phone"]))[-2:],
                **{name: customer[name] for name in ("country", "city", "signup_date", "last_modified_ts")},
                "account_id": None,
                "industry": UNKNOWN,
                "snapshot_date": day,
            }
            for day in self.days
            for customer_id in self._customers
            if (customer := self._customer(customer_id, day)) is not None
        ]

    @property
    def dim_products(self) -> list[Row]:
        copied = ("product_id", "name", "category", "brand", "unit_price", "currency", "is_active")
        return [
            {
                **{name: product[name] for name in copied},
                "unit_price_eur": self._eur(product["unit_price"], product["currency"], day),
                "snapshot_date": day,
            }
            for day in self.days
            for versions in self._products.values()
            if (product := as_of(versions, day)) is not None
        ]

    @property
    def product_perf_daily(self) -> list[Row]:
        rows = []
        for (product_id, day), facts in grouped(self.fct_orders, "product_id", "order_date").items():
            net = [fact for fact in facts if fact["is_net"]]
            gross_eur, net_eur = total(facts, "amount_eur"), total(net, "amount_eur")
            rows.append(
                {
                    "product_id": product_id,
                    "activity_date": day,
                    "orders": len(net),
                    "units": sum(fact["quantity"] for fact in net),
                    "gross_eur": gross_eur,
                    "net_eur": net_eur,
                    "cancelled_eur": gross_eur - net_eur,
                    "buyers": len({fact["customer_id"] for fact in net}),
                    "views": 0,
                    "add_to_carts": 0,
                    "conversion": None,
                }
            )
        return rows

    @property
    def revenue_by_geography(self) -> list[Row]:
        net = [fact for fact in self.fct_orders if fact["is_net"]]
        return [
            {
                "country": country,
                "activity_date": day,
                "orders": len(facts),
                "customers": len({fact["customer_id"] for fact in facts}),
                "net_eur": total(facts, "amount_eur"),
                "avg_order_value_eur": half_up(total(facts, "amount_eur") / len(facts), CENT),
            }
            for (country, day), facts in grouped(net, "country", "order_date").items()
        ]

    @cached_property
    def _facts(self) -> list[tuple[Row | None, Row]]:
        """Every order of the lake's days with its fact; none where its currency has no rate."""
        return [
            (self._fact(order), order) for order in self.silver_orders if self.start <= order["order_date"] <= self.end
        ]

    def _fact(self, order: Row) -> Row | None:
        day = order["order_date"]
        amount_eur = self._eur(order["amount"], order["currency"], day)
        if amount_eur is None:
            return None
        product = as_of(self._products.get(order["product_id"], []), day) or {}
        customer = self._customer(order["customer_id"], day) or {}
        return {
            **order,
            "amount_eur": amount_eur,
            "is_net": order["status"] not in NOT_NET,
            "category": product.get("category") or UNKNOWN,
            "brand": product.get("brand") or UNKNOWN,
            "country": customer.get("country") or UNKNOWN,
            "account_id": None,
            "industry": UNKNOWN,
        }

    def _eur(self, amount: Decimal | None, currency: str | None, day: dt.date) -> Decimal | None:
        """The amount in euro by the last rate that is at most seven days old."""
        if amount is None:
            return None
        if currency == "EUR":
            return amount
        for age in range(8):
            rate = self._rates.get((day - dt.timedelta(days=age), currency))
            if rate is not None:
                return half_up(amount * rate, CENT)
        return None

    @cached_property
    def _rates(self) -> dict[tuple[dt.date, str | None], Decimal]:
        return {(row["rate_date"], row["currency"]): row["eur_per_unit"] for row in self.silver_fx_rates}

    def _customer(self, customer_id: str, day: dt.date) -> Row | None:
        """The customer as of the day's end, none where unknown or deleted."""
        version = as_of(self._customers.get(customer_id, []), day)
        return None if version is None or version["is_deleted"] else version

    @cached_property
    def _customers(self) -> dict[str, list[Row]]:
        delivered = [
            {
                **row,
                "email": (row["email"] or "").strip().lower() or None,
                "is_deleted": bool(row["is_deleted"]),
                "last_modified_ts": row["last_modified_ts"] or midnight(row["signup_date"]),
            }
            for row in self.customers
        ]
        valid = [row for row in delivered if row["country"] is None or row["country"] in COUNTRIES]
        return self._versions("silver/customers", self._arrived(valid), "customer_id")

    @cached_property
    def _products(self) -> dict[str, list[Row]]:
        delivered = [
            {**row, "last_modified_ts": row["last_modified_ts"] or midnight(self.start)} for row in self.products
        ]
        valid = [row for row in delivered if row["unit_price"] is None or row["unit_price"] > 0]
        return self._versions("silver/products", self._arrived(valid), "product_id")

    def _arrived(self, rows: list[Row]) -> list[Row]:
        """The rows of a table whose first window is open to the past."""
        return [row for row in rows if row["last_modified_ts"] and row["last_modified_ts"].date() <= self.end]

    def _versions(self, table: str, rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
        """Every key's versions from the oldest on, one a sequence."""
        histories: dict[str, list[Row]] = {}
        versions = grouped((row for row in rows if row[key] is not None), key, "last_modified_ts")
        for (value, _), tied in sorted(versions.items()):
            different = [row for number, row in enumerate(tied) if row not in tied[:number]]
            histories.setdefault(value, []).append(
                different[0] if len(different) == 1 else self.greatest(table, different)
            )
        return histories


def valid_order(row: Row) -> bool:
    return (
        all(value is not None for value in row.values())
        and row["amount"] >= 0
        and row["quantity"] > 0
        and row["status"] in STATUSES
        and row["currency"] in CURRENCIES
        and row["order_date"] <= row["last_modified_ts"].date()
    )


def as_of(versions: list[Row], day: dt.date) -> Row | None:
    """The version that is valid when the day ends."""
    end = midnight(day + dt.timedelta(days=1))
    begun = [version for version in versions if end is not None and version["last_modified_ts"] < end]
    return begun[-1] if begun else None


def midnight(day: dt.date | None) -> dt.datetime | None:
    return None if day is None else dt.datetime.combine(day, dt.time(), dt.UTC)


def half_up(value: Decimal, unit: Decimal) -> Decimal:
    return value.quantize(unit, ROUND_HALF_UP)


def initial(name: str | None) -> str | None:
    return None if name is None else name[:1].upper()


def total(facts: list[Row], measure: str) -> Decimal:
    return sum((fact[measure] for fact in facts), Decimal(0))


def grouped(rows: Iterable[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups
