"""What gold must hold, written from the data model's definitions in plain Python, without the lakehouse's code.

Every table is a list of rows; X of the definitions is `day` here. Loops are as long as the definitions say: nobody should
have to think about whether this is right.
"""

import datetime as dt
import hashlib
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from oracle_silver import CENT, DAY, UNKNOWN, Delivered, Greatest, Row, Silver, half_up, midnight

NOT_NET = {"CANCELLED", "RETURNED"}
NOTHING = Decimal("0.00")


@dataclass(frozen=True)
class Oracle:
    delivered: Delivered
    start: dt.date
    end: dt.date
    """The last day that is loaded."""
    salt: str
    greatest: Greatest

    @property
    def days(self) -> list[dt.date]:
        return [self.start + number * DAY for number in range((self.end - self.start).days + 1)]

    @cached_property
    def silver(self) -> Silver:
        return Silver(self.delivered, self.start, self.end, self.greatest)

    def rows(self, table: str) -> list[Row]:
        """What a table of silver or gold must hold."""
        layer, name = table.split("/")
        found: Any = getattr(self.silver if layer == "silver" else self, name)
        return [row for versions in found.values() for row in versions] if isinstance(found, dict) else found

    # Orders and what is known about who bought what

    @cached_property
    def fct_orders(self) -> list[Row]:
        return [fact for fact, _ in self._facts if fact is not None]

    @property
    def orders_without_rate(self) -> list[Row]:
        return [order for fact, order in self._facts if fact is None]

    @cached_property
    def dim_customers(self) -> list[Row]:
        return [
            {
                "customer_id": customer_id,
                "first_name": initial(customer["first_name"]),
                "last_name": initial(customer["last_name"]),
                "email": customer["email"] and hashlib.sha256((self.salt + customer["email"]).encode()).hexdigest(),
                "phone": customer["phone"] and "".join(filter(str.isdigit, customer["phone"]))[-2:],
                **{name: customer[name] for name in ("country", "city", "signup_date", "last_modified_ts")},
                "account_id": account and account["account_id"],
                "industry": account["industry"] if account else UNKNOWN,
                "snapshot_date": day,
            }
            for day in self.days
            for customer_id, customer in self._undeleted("customers", day).items()
            for account in [self._account_of(customer, day)]
        ]

    @cached_property
    def dim_products(self) -> list[Row]:
        copied = ("product_id", "name", "category", "brand", "unit_price", "currency", "is_active")
        return [
            {
                **{name: product[name] for name in copied},
                "unit_price_eur": self._eur(product["unit_price"], product["currency"], day),
                "snapshot_date": day,
            }
            for day in self.days
            for product in self._undeleted("products", day).values()
        ]

    @cached_property
    def product_perf_daily(self) -> list[Row]:
        orders = grouped(self.fct_orders, "product_id", "order_date")
        shown: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
        for event in self._events:
            product_id = event["metadata"].get("product_id")
            if product_id is not None and event["event_name"] in {"view_product", "add_to_cart"}:
                shown[product_id, event["event_date"]][event["event_name"]] += 1
        rows = []
        for product_id, day in orders.keys() | shown.keys():
            facts = orders.get((product_id, day), [])
            net = [fact for fact in facts if fact["is_net"]]
            views = shown[product_id, day]["view_product"]
            rows.append(
                {
                    "product_id": product_id,
                    "activity_date": day,
                    "orders": len(net),
                    "units": sum(fact["quantity"] for fact in net),
                    "gross_eur": total(facts),
                    "net_eur": total(net),
                    "cancelled_eur": total(fact for fact in facts if not fact["is_net"]),
                    "buyers": len({fact["customer_id"] for fact in net}),
                    "views": views,
                    "add_to_carts": shown[product_id, day]["add_to_cart"],
                    "conversion": len(net) / views if views else None,
                }
            )
        return rows

    @cached_property
    def revenue_by_geography(self) -> list[Row]:
        return self._revenue_by("country", (fact for fact in self.fct_orders if fact["is_net"]))

    @cached_property
    def revenue_by_industry(self) -> list[Row]:
        of_accounts = (fact for fact in self.fct_orders if fact["is_net"] and fact["account_id"] is not None)
        return self._revenue_by("industry", of_accounts)

    def _revenue_by(self, column: str, net: Iterable[Row]) -> list[Row]:
        return [
            {
                column: value,
                "activity_date": day,
                "orders": len(facts),
                "customers": len({fact["customer_id"] for fact in facts}),
                "net_eur": total(facts),
                "avg_order_value_eur": half_up(total(facts) / len(facts), CENT),
            }
            for (value, day), facts in grouped(net, column, "order_date").items()
        ]

    @cached_property
    def _facts(self) -> list[tuple[Row | None, Row]]:
        """Every order of the lake's days with its fact; none where its currency has no rate."""
        return [
            (self._fact(order), order) for order in self.silver.orders if self.start <= order["order_date"] <= self.end
        ]

    def _fact(self, order: Row) -> Row | None:
        day = order["order_date"]
        amount_eur = self._eur(order["amount"], order["currency"], day)
        if amount_eur is None:
            return None
        product = self._undeleted("products", day).get(order["product_id"], {})
        customer = self._undeleted("customers", day).get(order["customer_id"], {})
        account = self._account_of(customer, day)
        return {
            **order,
            "amount_eur": amount_eur,
            "is_net": order["status"] not in NOT_NET,
            "category": or_unknown(product.get("category")),
            "brand": or_unknown(product.get("brand")),
            "country": or_unknown(customer.get("country")),
            "account_id": account and account["account_id"],
            "industry": account["industry"] if account else UNKNOWN,
        }

    def _account_of(self, customer: Row, day: dt.date) -> Row | None:
        """The undeleted account of the customer's latest contact."""
        email = customer.get("email")
        known = [contact for contact in self._undeleted("contacts", day).values() if contact["email"] == email]
        if email is None or not known:
            return None
        latest = max(known, key=lambda contact: (contact["system_modstamp"], contact["contact_id"]))
        return self._undeleted("accounts", day).get(latest["account_id"])

    def _undeleted(self, table: str, day: dt.date) -> dict[str, Row]:
        """The versions that are valid when the day ends, by key, without those that say that the key is deleted."""
        return {key: row for key, row in self._as_of(table, day).items() if not row.get("is_deleted")}

    def _as_of(self, table: str, day: dt.date) -> dict[str, Row]:
        if (table, day) not in self._states:
            end = midnight(day + DAY)
            self._states[table, day] = {
                key: version
                for key, versions in getattr(self.silver, table).items()
                for version in versions
                if version["valid_from"] < end and (version["valid_to"] is None or version["valid_to"] >= end)
            }
        return self._states[table, day]

    @cached_property
    def _states(self) -> dict[tuple[str, dt.date], dict[str, Row]]:
        return {}

    def _eur(self, amount: Decimal | None, currency: str | None, day: dt.date) -> Decimal | None:
        """The amount in euro by the last rate that is at most seven days old."""
        if amount is None:
            return None
        if currency == "EUR":
            return amount
        for age in range(8):
            rate = self._rates.get((day - age * DAY, currency))
            if rate is not None:
                return half_up(amount * rate, CENT)
        return None

    @cached_property
    def _rates(self) -> dict[tuple[dt.date, str | None], Decimal]:
        return {(row["rate_date"], row["currency"]): row["eur_per_unit"] for row in self.silver.fx_rates}

    # Events

    @cached_property
    def _events(self) -> list[Row]:
        """Events of the lake's days."""
        return [event for event in self.silver.behavior if self.start <= event["event_date"] <= self.end]

    @cached_property
    def order_funnel_daily(self) -> list[Row]:
        placed: dict[str, list[dt.datetime]] = defaultdict(list)
        for event in self.silver.order_events:
            if event["event_type"] == "PLACED" and event["order_id"] is not None:
                placed[event["order_id"]].append(event["ts"])
        rows = []
        for (event_type, day), events in grouped(self.silver.order_events, "event_type", "event_date").items():
            minutes = []
            for event in events:
                earlier = [
                    ts
                    for ts in placed.get(event["order_id"], [])
                    if event["ts"] - dt.timedelta(days=90) <= ts <= event["ts"]
                ]
                if earlier:
                    minutes.append((event["ts"] - min(earlier)) / dt.timedelta(minutes=1))
            rows.append(
                {
                    "event_type": event_type,
                    "activity_date": day,
                    "events": len(events),
                    "orders": len({event["order_id"] for event in events} - {None}),
                    "median_minutes_since_placed": statistics.median(minutes) if minutes else None,
                }
            )
        return [row for row in rows if self.start <= row["activity_date"] <= self.end]

    @cached_property
    def customer_daily(self) -> list[Row]:
        orders = grouped(self.fct_orders, "customer_id", "order_date")
        events = grouped(
            (event for event in self._events if event["customer_id"] is not None), "customer_id", "event_date"
        )
        return [
            self._day_of_customer(
                customer_id, day, orders.get((customer_id, day), []), events.get((customer_id, day), [])
            )
            for customer_id, day in orders.keys() | events.keys()
        ]

    def _day_of_customer(self, customer_id: str, day: dt.date, facts: list[Row], events: list[Row]) -> Row:
        net = [fact for fact in facts if fact["is_net"]]
        events = sorted(events, key=lambda event: (event["event_ts"], event["event_id"]))
        names = Counter(event["event_name"] for event in events)
        channels: dict[str, str] = {}
        for event in events:
            if event["session_id"] is not None:
                channels.setdefault(event["session_id"], event["channel"])
        return {
            "customer_id": customer_id,
            "activity_date": day,
            "orders": len(net),
            "units": sum(fact["quantity"] for fact in net),
            "gross_eur": total(facts),
            "net_eur": total(net),
            "cancelled_orders": len(facts) - len(net),
            "sessions": len(channels),
            "page_views": names["page_view"],
            "add_to_carts": names["add_to_cart"],
            "purchases": names["purchase"],
            "first_event_ts": events[0]["event_ts"] if events else None,
            "last_event_ts": events[-1]["event_ts"] if events else None,
            "categories": [
                {"category": category, "orders": len(of_category), "net_eur": total(of_category)}
                for (category,), of_category in sorted(grouped(net, "category").items())
            ],
            "channels": [
                {"channel": channel, "sessions": sessions}
                for channel, sessions in sorted(Counter(channels.values()).items())
            ],
        }

    # States of customers, and of sales

    @cached_property
    def customer_360(self) -> list[Row]:
        known = grouped(self.dim_customers, "snapshot_date", "customer_id")
        names = list(self.dim_customers[0]) if self.dim_customers else []
        rows = []
        for day in self.days:
            history = grouped((row for row in self.customer_daily if row["activity_date"] <= day), "customer_id")
            deleted = {key for key, version in self._as_of("customers", day).items() if version["is_deleted"]}
            customers = set(self._undeleted("customers", day)) | {customer_id for (customer_id,) in history} - deleted
            for customer_id in customers:
                unknown = dict.fromkeys(names) | {
                    "customer_id": customer_id,
                    "country": UNKNOWN,
                    "industry": UNKNOWN,
                    "snapshot_date": day,
                }
                customer = known[day, customer_id][0] if (day, customer_id) in known else unknown
                rows.append(
                    customer
                    | self._activity(history.get((customer_id,), []), day)
                    | self._opportunities_of(customer, day)
                )
        return rows

    def _activity(self, history: list[Row], day: dt.date) -> Row:
        """What a customer did in their days up to this one."""
        measures: Row = {}
        for suffix, length in (("7d", 7), ("30d", 30), ("90d", 90), (None, None)):
            days = history if length is None else [one for one in history if one["activity_date"] > day - length * DAY]
            for measure in ("orders", "units", "net_eur", "sessions"):
                name = f"lifetime_{measure}" if suffix is None else f"{measure}_{suffix}"
                measures[name] = sum((one[measure] for one in days), NOTHING if measure == "net_eur" else 0)
        ordered_on = [one["activity_date"] for one in history if one["orders"]]
        last_activity = max((one["activity_date"] for one in history), default=None)
        first_order, last_order = min(ordered_on, default=None), max(ordered_on, default=None)
        orders, net_eur = measures["lifetime_orders"], measures["lifetime_net_eur"]
        return measures | {
            "first_order_date": first_order,
            "last_order_date": last_order,
            "days_since_last_order": last_order and (day - last_order).days,
            "days_since_last_activity": last_activity and (day - last_activity).days,
            "avg_order_value_eur": half_up(net_eur / orders, CENT) if orders else None,
            "favourite_category": favourite_category(history),
            "favourite_channel": favourite_channel(history),
            "lifecycle": lifecycle(measures, first_order, day),
            "churn_risk": churn_risk(measures),
            "value_tier": value_tier(orders, net_eur),
        }

    def _opportunities_of(self, customer: Row, day: dt.date) -> Row:
        account_id = customer.get("account_id")
        of_account = [
            opportunity
            for opportunity in self._open_opportunities(day)
            if account_id is not None and opportunity["account_id"] == account_id
        ]
        return {
            "open_opportunities": len(of_account),
            "open_opportunity_eur": sum((self._worth(one, day) for one in of_account), NOTHING),
        }

    def _open_opportunities(self, day: dt.date) -> list[Row]:
        return [
            opportunity
            for opportunity in self._undeleted("opportunities", day).values()
            if not (opportunity["stage_name"] or UNKNOWN).startswith("Closed")
        ]

    def _worth(self, opportunity: Row, day: dt.date) -> Decimal:
        return self._eur(opportunity["amount"], opportunity["currency_iso_code"], day) or NOTHING

    @cached_property
    def customer_segments(self) -> list[Row]:
        rows = []
        for day in self.days:
            year = [fact for fact in self.fct_orders if fact["is_net"] and day - 365 * DAY < fact["order_date"] <= day]
            deleted = {key for key, version in self._as_of("customers", day).items() if version["is_deleted"]}
            customers = [
                {
                    "customer_id": customer_id,
                    "snapshot_date": day,
                    "recency_days": (day - max(fact["order_date"] for fact in facts)).days,
                    "frequency": len(facts),
                    "monetary_eur": total(facts),
                }
                for (customer_id,), facts in grouped(year, "customer_id").items()
                if customer_id not in deleted
            ]
            for name, measure, worst_first in (
                ("recency", "recency_days", -1),
                ("frequency", "frequency", 1),
                ("monetary", "monetary_eur", 1),
            ):
                customers.sort(key=lambda row: (worst_first * row[measure], row["customer_id"]))
                for row, quintile in zip(customers, ntile(5, len(customers)), strict=True):
                    row[f"{name}_quintile"] = quintile
            rows += [row | scored(row) for row in customers]
        return rows

    @cached_property
    def marketing_attribution(self) -> list[Row]:
        rows = []
        for day in self.days:
            channels = self._channels_to_orders_of(day)
            for fact in self.fct_orders:
                if fact["order_date"] == day:
                    touched = channels.get(fact["customer_id"], []) or ["direct"]
                    for model, credited in (
                        ("first_touch", touched[:1]),
                        ("last_touch", touched[-1:]),
                        ("linear", touched),
                    ):
                        rows += attributed(fact, model, credited)
        return rows

    def _channels_to_orders_of(self, day: dt.date) -> dict[str, list[str]]:
        """The channels of every customer's sessions that may have led to orders of the day, from the first on."""
        events = [
            event
            for event in self.silver.behavior
            if day - 7 * DAY <= event["event_date"] <= day and event["session_id"] is not None
        ]
        sessions = []
        for (session_id,), of_session in grouped(events, "session_id").items():
            first = min(of_session, key=lambda event: (event["event_ts"], event["event_id"]))
            if midnight(day - 6 * DAY) <= first["event_ts"] < midnight(day + DAY):
                customers = {event["customer_id"] for event in of_session} - {None}
                sessions.append((first["event_ts"], session_id, first["channel"], customers))
        channels: dict[str, list[str]] = defaultdict(list)
        for _, _, channel, customers in sorted(sessions, key=lambda session: session[:2]):
            for customer_id in customers:
                channels[customer_id].append(channel)
        return channels

    @cached_property
    def sales_pipeline(self) -> list[Row]:
        rows = []
        for day in self.days:
            groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
            for opportunity in self._open_opportunities(day):
                account = self._undeleted("accounts", day).get(opportunity["account_id"], {"industry": UNKNOWN})
                stage = UNKNOWN if opportunity["stage_name"] is None else opportunity["stage_name"]
                groups[stage, account["industry"]].append(opportunity)
            for (stage, industry), opportunities in groups.items():
                weighted = [
                    half_up(self._worth(one, day) * (one["probability"] or 0) / 100, CENT) for one in opportunities
                ]
                rows.append(
                    {
                        "stage": stage,
                        "industry": industry,
                        "snapshot_date": day,
                        "open_opportunities": len(opportunities),
                        "amount_eur": sum((self._worth(one, day) for one in opportunities), NOTHING),
                        "weighted_amount_eur": sum(weighted, NOTHING),
                    }
                )
        return rows


def favourite_category(history: list[Row]) -> str | None:
    orders: Counter[str] = Counter()
    net_eur: dict[str, Decimal] = defaultdict(Decimal)
    for one in history:
        for entry in one["categories"]:
            orders[entry["category"]] += entry["orders"]
            net_eur[entry["category"]] += entry["net_eur"]
    return min(orders, key=lambda name: (-orders[name], -net_eur[name], name), default=None)


def favourite_channel(history: list[Row]) -> str | None:
    sessions: Counter[str] = Counter()
    for one in history:
        for entry in one["channels"]:
            sessions[entry["channel"]] += entry["sessions"]
    return min(sessions, key=lambda name: (-sessions[name], name), default=None)


def lifecycle(measures: Row, first_order: dt.date | None, day: dt.date) -> str:
    if first_order is None:
        return "prospect"
    if first_order > day - 30 * DAY:
        return "new"
    if measures["orders_30d"] > 0:
        return "active"
    return "at_risk" if measures["orders_90d"] > 0 else "churned"


def churn_risk(measures: Row) -> str | None:
    if measures["lifetime_orders"] == 0:
        return None
    if measures["orders_30d"] > 0:
        return "low"
    return "medium" if measures["orders_90d"] > 0 or measures["sessions_30d"] > 0 else "high"


def value_tier(orders: int, net_eur: Decimal) -> str:
    if orders == 0:
        return "none"
    for tier, limit in (("low", 250), ("medium", 1_000), ("high", 5_000)):
        if net_eur < limit:
            return tier
    return "top"


def ntile(tiles: int, rows: int) -> list[int]:
    """The tile of each of some ordered rows: as even as can be, the first ones larger."""
    return [tile + 1 for tile in range(tiles) for _ in range(rows // tiles + (1 if tile < rows % tiles else 0))]


def scored(row: Row) -> Row:
    r, f, m = row["recency_quintile"], row["frequency_quintile"], row["monetary_quintile"]
    if r >= 4 and f >= 4 and m >= 4:
        segment = "champions"
    elif r >= 3 and f >= 3:
        segment = "loyal"
    elif r >= 4:
        segment = "recent"
    elif r == 3:
        segment = "needs_attention"
    elif f >= 3:
        segment = "at_risk"
    else:
        segment = "hibernating"
    return {"rfm_score": f"{r}{f}{m}", "segment": segment}


def attributed(fact: Row, model: str, credited: list[str]) -> list[Row]:
    """An order's rows of a model: each of the channels, which may repeat, has an equal share."""
    net_eur = fact["amount_eur"] if fact["is_net"] else NOTHING
    share = {channel: Fraction(times, len(credited)) for channel, times in Counter(credited).items()}
    exact = {channel: Fraction(net_eur) * 100 * part for channel, part in share.items()}
    cents = {channel: int(value // 1) for channel, value in exact.items()}
    odd = int(net_eur * 100) - sum(cents.values())
    for channel in sorted(exact, key=lambda name: (cents[name] - exact[name], name))[:odd]:
        cents[channel] += 1
    return [
        {
            "order_id": fact["order_id"],
            "model": model,
            "channel": channel,
            "activity_date": fact["order_date"],
            "credit": float(share[channel]),
            "net_eur": Decimal(cents[channel]) / 100,
        }
        for channel in share
    ]


def initial(name: str | None) -> str | None:
    return None if name is None else name[:1].upper()


def or_unknown(value: str | None) -> str:
    return UNKNOWN if value is None else value


def total(facts: Iterable[Row]) -> Decimal:
    return sum((fact["amount_eur"] for fact in facts), NOTHING)


def grouped(rows: Iterable[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups
