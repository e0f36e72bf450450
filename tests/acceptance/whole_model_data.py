"""Half a winter and spring of a retailer with all five sources, made up so that whatever a definition says something about happens.

Most rows are drawn from a seed, from few values, so that they meet each other; cases that chance would miss stand as they are.
"""

import datetime as dt
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from lake_support import SOURCE_NAMES, OwnLake, Row, write_rows
from oracle_comparison import FACTS_RESTATED
from oracle_silver import DAY, Delivered, Unreadable, midnight

START = dt.date(2027, 12, 15)
END = dt.date(2028, 3, 31)
"""The days with 2028-01-01 as the first of 90 to END - 1, with New Year, and with a 29th of February."""
MORNINGS = (dt.date(2028, 3, 9), dt.date(2028, 3, 10), dt.date(2028, 4, 1))
"""When the lake is loaded that is not loaded at once. Facts follow changes of 30 days, and no row comes later than that."""
SILENT = {START + 36 * DAY, START + 37 * DAY}
"""Days on which nobody does anything."""
QUIET_FIRST, QUIET_LAST = dt.date(2028, 1, 25), dt.date(2028, 2, 14)
"""The weeks without order events."""
MICROSECOND = dt.timedelta(microseconds=1)

_CUSTOMERS = [f"C{number:02}" for number in range(40)]
_WITHOUT_ROW = ["0042", "42", "NA", "Ünknown", "G'1\"", "gone before"]
_PRODUCTS = [*(f"P{number}" for number in range(12)), "P unknown", "0007"]
_ACCOUNTS = [f"A{number}" for number in range(8)]
_EMAILS = [
    "shop1@example.com", " Shop1@Example.COM ", "anna@example.org", "ANNA@example.org", "li@example.org", "mo@example.net",
    "é.Ö@example.org", "É.ö@EXAMPLE.org", "kim@example.com", "  ", "", None,
]  # fmt: skip
_NAMES = ['"Mo" O\'Brien', "Łukasz", "Ana, Maria", "émile", "Li\nWei", "NULL", "100%", "NA", "ñandú", None]
_PHONES = ["+49 (0)30 1234-56", "555 07", "8", "n/a", None]
_CITIES = ["Berlin", "Saint-Denis, La Réunion", "Windhoek", 'Say "Hi"', None]
_COUNTRIES = ["DE", "FR", "NA", "GB", "JP", None]
_CATEGORIES = ["Books", "Toys", "Food", "Zoë's", None]
_CURRENCIES = ["EUR", "EUR", "EUR", "GBP", "USD", "JPY", "CHF", "ISK"]
_STAGES = [
    "Prospecting", "Negotiation", "Closed Won", "Closed Lost", "Closed", "closed", " Closed", "Not Closed", None,
]  # fmt: skip

_SHOP = "https://shop.example"
ADDRESSES: tuple[tuple[str | None, str | None], ...] = (
    (f"{_SHOP}/", None),
    (f"{_SHOP}/", ""),
    (f"{_SHOP}/p/1?ref=a", "https://shop.example/p/2"),
    (f"{_SHOP}/p/1", "HTTPS://SHOP.EXAMPLE:8443/p/2"),
    ("https://Shop.Example:443/P/Ä b", "http://shop.example"),
    (f"{_SHOP}/", "https://www.shop.example/"),
    ("https://x.shop.example/", "https://x.shop.example/p/1"),
    (f"{_SHOP}/", "https://x.shop.example/p/1"),
    (f"{_SHOP}/?utm_medium=cpc&utm_source=google&utm_campaign=spring%20sale", "https://www.google.com/"),
    (f"{_SHOP}/?utm_medium=CPC&utm_source=Facebook", None),
    (f"{_SHOP}/?utm_source=Facebook.COM&utm_medium=%70aid", None),
    (f"{_SHOP}/?utm_medium=ppc&utm_source=m.facebook.com", None),
    (f"{_SHOP}/?utm_medium=ppc&utm_source=t.co", None),
    (f"{_SHOP}/?utm_medium=ppc&utm_source=x", None),
    (f"{_SHOP}/?utm_medium=ppc&utm_source=X.com", None),
    (f"{_SHOP}/?utm_medium=ppc&utm_source=fedex.com", None),
    (f"{_SHOP}/?utm_medium=paid&utm_source=facebook%20ads", None),
    (f"{_SHOP}/?utm_medium=paid", "https://m.facebook.com/"),
    (f"{_SHOP}/?utm_medium=E-mail&utm_source=list", "https://news.yahoo.co.jp/a"),
    (f"{_SHOP}/?utm_medium=Email&utm_source=list&utm_campaign=a%2Bb+c", "https://www.google.com"),
    (f"{_SHOP}/?utm_medium=email%20", "https://www.google.com"),
    (f"{_SHOP}/?utm_medium=affiliate&utm_source=facebook", None),
    (f"{_SHOP}/?utm_medium=social&utm_source=nobody", "https://www.google.com"),
    (f"{_SHOP}/?utm_medium=organic&utm_source=google", None),
    (f"{_SHOP}/?utm_medium=&utm_source=google", "https://duckduckgo.com/?q=a"),
    (f"{_SHOP}/?utm_source=facebook", "https://example.org/utm_medium=email"),
    (f"{_SHOP}/?next=%3Futm_medium%3Demail", None),
    (f"{_SHOP}/?xutm_medium=email", None),
    (f"{_SHOP}/#utm_medium=email", None),
    (f"{_SHOP}/?a=1#?utm_medium=email", "https://t.co/abc"),
    (f"{_SHOP}/?utm_medium=email&utm_medium=cpc", None),
    ("/p/1?utm_medium=email", None),
    (f"{_SHOP}?utm_medium=social", None),
    (f"{_SHOP}/", "https://www.google.co.uk/search?q=shop"),
    (f"{_SHOP}/", "http://google.com:8080"),
    (f"{_SHOP}/", "https://notgoogle.com/"),
    (f"{_SHOP}/", "https://example.com/google.com"),
    (f"{_SHOP}/", "https://google/"),
    (f"{_SHOP}/", "https://my.Ecosia.org/x?y=https://facebook.com"),
    (f"{_SHOP}/", "https://T.CO/abc"),
    (f"{_SHOP}/", "https://a.t.co/abc"),
    (f"{_SHOP}/", "https://t.com/abc"),
    (f"{_SHOP}/", "https://x.com"),
    (f"{_SHOP}/", "https://fedex.com"),
    (f"{_SHOP}/", "https://example.x/"),
    (f"{_SHOP}/", "https://lm.facebook.com:443/l.php?u=https%3A%2F%2Fgoogle.com"),
    (f"{_SHOP}/", "https://user:secret@old.reddit.com/r/a"),
    (f"{_SHOP}/", "android-app://com.google.android.gm/"),
    (f"{_SHOP}/", "not an address"),
    (f"{_SHOP}/", "https://blog.example.org/100%/?q=%zz"),
    (f"{_SHOP}/?utm_medium=%zzcpc", "https://yandex.ru/"),
    (None, "https://www.linkedin.com/feed"),
    (None, "https://partner.example"),
    (None, None),
)
"""Of a page and its referrer."""


def whole_model_data(seed: int) -> Delivered:
    draw = random.Random(seed)
    events = list(_events(draw))
    return Delivered(
        orders=[*_orders(draw), *_chosen_orders()],
        customers=[*_customers(draw), *_chosen_customers()],
        products=list(_products(draw)),
        behavior=[*events, *_chosen_events()],
        accounts=list(_accounts(draw)),
        contacts=[*_contacts(draw), *_chosen_contacts()],
        opportunities=list(_opportunities(draw)),
        messages=list(_messages(draw)),
        rates=list(_rates(draw)),
    )


# Times


def _moment(draw: random.Random, day: dt.date) -> dt.datetime:
    if draw.random() < 0.2:
        return midnight(day) + draw.choice((dt.timedelta(), DAY - MICROSECOND))
    return midnight(day) + dt.timedelta(microseconds=draw.randrange(86_400 * 10**6))


def _noonish(draw: random.Random, day: dt.date) -> dt.datetime:
    """A time out of few, so that versions of different keys begin at once."""
    return midnight(day) + draw.choice((dt.timedelta(), DAY / 2, DAY / 2, DAY - MICROSECOND))


def _day(draw: random.Random, first: dt.date, last: dt.date) -> dt.date:
    day = first + draw.randrange((last - first).days + 1) * DAY
    return day + 2 * DAY if day in SILENT else day


def _later(draw: random.Random, moment: dt.datetime, days: float) -> dt.datetime:
    later = moment + dt.timedelta(microseconds=draw.randrange(1, int(days * 86_400 * 10**6)))
    return later + 2 * DAY if later.date() in SILENT else later


def followed_up(day: dt.date, changed: dt.date) -> bool:
    """Whether facts of a day are loaded, or loaded again, after a change that arrives on another."""
    if changed > END:
        return True
    morning = next(one for one in MORNINGS if changed < one)
    previous = max((one for one in MORNINGS if one < morning), default=START)
    return day < START or day >= previous or day >= morning - FACTS_RESTATED


# Orders


def _orders(draw: random.Random) -> Iterator[Row]:
    lives = {name: sorted((_day(draw, START - 4 * DAY, END), _day(draw, START - 4 * DAY, END))) for name in _CUSTOMERS}
    for number in range(330):
        buyer = draw.choice((*_CUSTOMERS, *_CUSTOMERS[:6], *_CUSTOMERS[:6], *_WITHOUT_ROW[:-1]))
        first, last = lives.get(buyer, (START, END))
        day = _day(draw, first, last)
        row = {
            "order_id": f"{number:04}",
            "customer_id": buyer,
            "order_date": day,
            "product_id": draw.choice(_PRODUCTS),
            "quantity": draw.randint(1, 9),
            "amount": Decimal(draw.choice((draw.randint(0, 90_000), draw.randint(0, 99)))) / 100,
            "currency": "XOF" if number % 60 == 7 else draw.choice(_CURRENCIES),
            "status": "PLACED",
            "last_modified_ts": _moment(draw, day),
        }
        versions = [row]
        for version in _later_versions(draw, row):
            modified = version["last_modified_ts"].date()
            days = {one["order_date"] for one in (*versions, version)}
            if all(followed_up(one, modified) for one in days) and max(days) - min(days) <= 30 * DAY:
                versions.append(version)
        yield from versions
        if draw.random() < 0.1:
            yield draw.choice(versions)
        if number % 25 == 3:
            yield (
                versions[-1]
                | {"last_modified_ts": _later(draw, versions[-1]["last_modified_ts"], 3)}
                | _broken_order(number // 25)
            )


def _later_versions(draw: random.Random, row: Row) -> Iterator[Row]:
    for status in ("PAID", "SHIPPED", "DELIVERED", "RETURNED")[: draw.randrange(5)]:
        row = row | {"status": status, "last_modified_ts": _later(draw, row["last_modified_ts"], 4)}
        yield row
    if draw.random() < 0.15:
        row = row | {"status": "CANCELLED", "last_modified_ts": _later(draw, row["last_modified_ts"], 2)}
        yield row
    if draw.random() < 0.25:
        modified = _later(draw, row["last_modified_ts"], 16)
        moved = row["order_date"] + draw.randint(-12, 12) * DAY
        row = row | {"order_date": min(moved, modified.date()), "last_modified_ts": modified, "status": "PAID"}
        yield row
    if draw.random() < 0.12:
        row = row | {
            "amount": row["amount"] + Decimal("0.01"),
            "quantity": 10,
            "last_modified_ts": _later(draw, row["last_modified_ts"], 20),
        }
        yield row
        yield row | {"amount": row["amount"] + 5, "customer_id": _CUSTOMERS[1]}


def _broken_order(kind: int) -> Row:
    kinds: tuple[Row, ...] = (
        {"amount": Decimal("-0.01")}, {"quantity": 0}, {"status": "LOST"}, {"currency": "ZZZ"}, {"customer_id": None},
        {"order_date": END + 300 * DAY}, {"amount": None}, {"currency": "eur"}, {"order_id": None},
        {"amount": Unreadable("12.345")}, {"quantity": Unreadable("two")}, {"last_modified_ts": None},
        {"last_modified_ts": Unreadable("yesterday")}, {"order_date": Unreadable("2028-02-30")},
    )  # fmt: skip
    return kinds[kind % len(kinds)]


def _without_time_of_change(row: Row) -> Row:
    """The row as a file has it that doesn't have the column."""
    return {name: value for name, value in row.items() if name != "last_modified_ts"}


def _order(order_id: str, day: dt.date, **columns: Any) -> Row:
    return {
        "order_id": order_id,
        "customer_id": "C00",
        "order_date": day,
        "product_id": "P1",
        "quantity": 1,
        "amount": Decimal("10.00"),
        "currency": "EUR",
        "status": "PAID",
        "last_modified_ts": midnight(day) + DAY / 2,
    } | columns


def _chosen_orders() -> Iterator[Row]:
    day = START + 8 * DAY
    for tier, amounts in {
        "249.99": ("249.99",), "250.00": ("125.00", "125.00"), "999.99": ("999.99",), "1000.00": ("999.99", "0.01"),
        "4999.99": ("4999.99",), "5000.00": ("4999.99", "0.01"), "0.00": ("0.00",),
    }.items():  # fmt: skip
        for number, amount in enumerate(amounts):
            yield _order(f"tier {tier} {number}", day, customer_id=f"tier {tier}", amount=Decimal(amount))
    # 29 February, and what is dated or changed at the edges of the lake.
    leap = dt.date(2028, 2, 29)
    yield _order("leap", leap, last_modified_ts=midnight(leap))
    yield _order("after leap", leap, last_modified_ts=midnight(leap + DAY))
    yield _order("before the start", START - DAY, last_modified_ts=midnight(START) - MICROSECOND)
    yield _order("dated before the start", START - DAY, last_modified_ts=midnight(START))
    yield _order("moved into the lake", START - DAY, last_modified_ts=midnight(START) + DAY)
    yield _order("moved into the lake", START, last_modified_ts=midnight(START) + 2 * DAY)
    yield _order("moved out of the lake", START, last_modified_ts=midnight(START) + DAY)
    yield _order("moved out of the lake", START - DAY, last_modified_ts=midnight(START) + 2 * DAY)
    yield _order("last microsecond", END, last_modified_ts=midnight(END + DAY) - MICROSECOND)
    yield _order("of the open day", END, last_modified_ts=midnight(END + DAY))
    # As late as can be: 30 days.
    yield _order("late", MORNINGS[-1] - FACTS_RESTATED, last_modified_ts=midnight(END) + DAY / 3)
    yield _order("drifts", dt.date(2028, 3, 2), last_modified_ts=midnight(dt.date(2028, 3, 2)))
    yield _order("drifts", dt.date(2028, 2, 1), last_modified_ts=midnight(dt.date(2028, 3, 2)) + DAY / 2)
    yield _order("drifts on", dt.date(2028, 2, 1), last_modified_ts=midnight(dt.date(2028, 2, 1)))
    yield _order("drifts on", dt.date(2028, 3, 2), last_modified_ts=midnight(dt.date(2028, 3, 2)))
    for number in range(9):
        # Only these days tell the seventh day after a rate from the eighth; CHF has none from the tenth to the seventeenth.
        yield _order(f"gap {number}", dt.date(2028, 2, 9) + number * DAY, currency="CHF", customer_id="gap")
    yield _order("cancelled alone", START + 5 * DAY, customer_id="only cancelled", status="CANCELLED")
    yield _order("returned", START + 6 * DAY, customer_id="only cancelled", status="RETURNED", currency="XOF")
    for number in range(5):
        # A file without the time of change.
        row = _order(f"undated {number}", START + (7 + number) * DAY, customer_id="C02", amount=Decimal("3.33"))
        yield _without_time_of_change(row)
    for amount in ("0.01", "0.02", "0.05", "1.00", "99.99"):
        # Odd cents between channels.
        yield _order(f"cents {amount}", dt.date(2028, 3, 10), customer_id="torn", amount=Decimal(amount))
    yield _order("cents not net", dt.date(2028, 3, 10), customer_id="torn", status="RETURNED")
    yield _order("cents later", dt.date(2028, 3, 16), customer_id="torn", amount=Decimal("100.00"))
    yield _order("cents too late", dt.date(2028, 3, 17), customer_id="torn", amount=Decimal("100.00"))
    yield _order("shared session", dt.date(2028, 3, 10), customer_id="torn too")
    yield _order("known later", dt.date(2028, 1, 5), customer_id="known later")
    yield _order("known by then", dt.date(2028, 1, 7), customer_id="known later")
    for number in range(3):
        yield _order(f"gone {number}", START + (10 + 20 * number) * DAY, customer_id="gone for good")
        yield _order(
            f"gone and back {number}", START + (10 + 20 * number) * DAY, customer_id="gone and back", currency="USD"
        )


# Customers, products, and what the CRM knows


def _customers(draw: random.Random) -> Iterator[Row]:
    for number, customer_id in enumerate(_CUSTOMERS):
        signup = _day(draw, START - 60 * DAY, END - 10 * DAY)
        row = {
            "customer_id": customer_id,
            "first_name": draw.choice(_NAMES),
            "last_name": draw.choice(_NAMES),
            "email": draw.choice(_EMAILS),
            "phone": draw.choice(_PHONES),
            "country": draw.choice(_COUNTRIES),
            "city": draw.choice(_CITIES),
            "signup_date": signup if number % 20 else None,
            "is_deleted": draw.choice((False, None)),
            "last_modified_ts": _moment(draw, signup),
        }
        yield _without_time_of_change(row) if number % 4 == 0 else row
        for _ in range(draw.randrange(5)):
            row = row | {
                "country": draw.choice(_COUNTRIES),
                "email": draw.choice(_EMAILS),
                "is_deleted": draw.random() < 0.35,
                "last_modified_ts": _moment(draw, _day(draw, signup + DAY, END)),
            }
            yield row
            if draw.random() < 0.1:
                yield row | {"country": "JP", "city": "Kobe", "is_deleted": False}
            if draw.random() < 0.1:
                yield row
        if number % 13 == 8:
            yield row | {"country": "XX", "last_modified_ts": _moment(draw, END)}
    yield row | {"customer_id": None}
    yield row | {"signup_date": Unreadable("soon")}
    yield row | {"last_modified_ts": None}


def customer(customer_id: str, modified: dt.datetime, **columns: Any) -> Row:
    return {
        "customer_id": customer_id,
        "first_name": "Ida",
        "last_name": "Noor",
        "email": f"{customer_id}@example.com",
        "phone": "030 12",
        "country": "DE",
        "city": None,
        "signup_date": None,
        "is_deleted": False,
        "last_modified_ts": modified,
    } | columns


CUSTOMER_COLUMNS = tuple(customer("", midnight(START)))


def _chosen_customers() -> Iterator[Row]:
    yield customer("known later", midnight(dt.date(2028, 1, 7)), country=None)
    yield customer("exactly at midnight", midnight(dt.date(2028, 3, 1)), email="latest@example.com")
    yield customer("exactly at midnight", midnight(dt.date(2028, 3, 2)), email="latest@example.com", is_deleted=True)
    yield customer("exactly at midnight", midnight(dt.date(2028, 3, 4)) - MICROSECOND, email="latest@example.com")
    yield customer("gone for good", midnight(START - 400 * DAY))
    yield customer("gone for good", midnight(START + 25 * DAY), is_deleted=True)
    yield customer("gone and back", midnight(START) + DAY / 2, email="kim@example.com")
    for number in range(1, 6):
        modified = midnight(START + 12 * number * DAY) + number * DAY / 6
        yield customer("gone and back", modified, email="kim@example.com", is_deleted=number % 2 == 1)
    yield customer("gone before", midnight(START - 10 * DAY), is_deleted=True)
    yield customer("torn", midnight(START))
    yield customer("latest", midnight(START), email="latest@example.com")
    yield customer("tie", midnight(START), email=" TIE@example.com")
    yield customer("moves", midnight(START), email="moves@example.com")


def _products(draw: random.Random) -> Iterator[Row]:
    for number in range(12):
        row = {
            "product_id": f"P{number}",
            "name": draw.choice(_NAMES),
            "category": draw.choice(_CATEGORIES),
            "brand": draw.choice(("Acme", 'Say "Yes"', None)),
            "unit_price": draw.choice((Decimal(draw.randint(1, 9_999)) / 100, None)),
            "currency": draw.choice((*_CURRENCIES, "XOF", None)),
            "is_active": draw.choice((True, False, None)),
        }
        if number % 3 == 0:
            yield row
        else:
            yield row | {"last_modified_ts": _moment(draw, _day(draw, START - 5 * DAY, START + 40 * DAY))}
        for _ in range(draw.randrange(4)):
            row = row | {
                "unit_price": Decimal(draw.randint(-300, 9_999)) / 100,
                "category": draw.choice(_CATEGORIES),
                "is_active": draw.random() < 0.5,
                "last_modified_ts": _moment(draw, _day(draw, START + DAY, END)),
            }
            yield row
    yield row | {"product_id": "P0", "unit_price": Decimal(0), "last_modified_ts": _moment(draw, END)}
    yield row | {"product_id": "P0", "unit_price": Unreadable("9.999"), "last_modified_ts": _moment(draw, END)}


def _accounts(draw: random.Random) -> Iterator[Row]:
    for number, account_id in enumerate(_ACCOUNTS):
        row = {
            "account_id": account_id,
            "name": draw.choice(_NAMES),
            "industry": draw.choice((" Retail ", "Retail", "Finance", "NA", "", "  ", None, "Unknown")),
            "billing_country": draw.choice((*_COUNTRIES, "Namibia")),
            "annual_revenue": draw.choice((Decimal("12345678.90"), Decimal(0), None)),
            "number_of_employees": draw.choice((0, 7, 10**10, None)),
            "is_deleted": None,
        }
        if number == 0:
            yield row
        else:
            yield row | {"system_modstamp": _noonish(draw, _day(draw, START - 9 * DAY, START + 10 * DAY))}
        for _ in range(draw.randrange(1, 5)):
            row = row | {
                "industry": draw.choice((" Retail ", "Finance", "NA", None, "Zoos")),
                "is_deleted": draw.choice((False, False, True, None)),
                "system_modstamp": _noonish(draw, _day(draw, START + DAY, END)),
            }
            yield row
            if draw.random() < 0.2:
                yield row | {"industry": "Tied", "is_deleted": False}
    yield row | {"number_of_employees": Unreadable("many")}
    yield row | {"annual_revenue": Unreadable("1.005")}
    yield row | {"account_id": None}
    yield row | {"system_modstamp": None}


def _contact(contact_id: str, modified: dt.datetime, **columns: Any) -> Row:
    return {
        "contact_id": contact_id,
        "account_id": "A1",
        "first_name": "Ida",
        "last_name": "Noor",
        "email": f"{contact_id}@example.com",
        "phone": None,
        "title": "CFO",
        "lead_source": "Web",
        "system_modstamp": modified,
        "is_deleted": False,
    } | columns


def _contacts(draw: random.Random) -> Iterator[Row]:
    accounts = [*_ACCOUNTS, *_ACCOUNTS, "A unknown", None]
    for number in range(24):
        created = _day(draw, START - 30 * DAY, START + 45 * DAY)
        row = _contact(
            f"K{number}",
            _noonish(draw, created),
            email=draw.choice(_EMAILS),
            account_id=draw.choice(accounts),
            first_name=draw.choice(_NAMES),
            phone=draw.choice(_PHONES),
            is_deleted=draw.choice((False, None)),
        )
        yield row
        for _ in range(draw.randrange(5)):
            row = row | {
                "account_id": draw.choice(accounts),
                "email": draw.choice(_EMAILS),
                "is_deleted": draw.random() < 0.2,
                "system_modstamp": _noonish(draw, _day(draw, created + DAY, END)),
            }
            yield row
            if draw.random() < 0.1:
                yield row | {"account_id": "A2", "email": "shop1@example.com"}
    yield row | {"contact_id": None}
    yield row | {"system_modstamp": Unreadable("2028-13-01T00:00:00Z")}


def _chosen_contacts() -> Iterator[Row]:
    began = midnight(START + 3 * DAY)
    # The latest contact decides, also where it has no account, and the greater identifier of two.
    yield _contact("L1", began, email="latest@example.com", account_id="A1")
    yield _contact("L0", began + 20 * DAY, email="Latest@example.com", account_id=None)
    yield _contact("L0", began + 40 * DAY, email="Latest@example.com", account_id="A2", is_deleted=True)
    yield _contact("L2", began + 60 * DAY, email="latest@example.com", account_id="A unknown")
    yield _contact("tie 10", began, email="tie@example.com", account_id="A3")
    yield _contact("tie 9", began, email="tie@example.com", account_id="A4")
    yield _contact("moving", began, email="moves@example.com", account_id="A5")
    yield _contact("moving", began + 10 * DAY, email="moves@example.com", account_id="A6")
    yield _contact("moving", began + 30 * DAY, email="elsewhere@example.com", account_id="A6")
    yield _contact("moving", began + 50 * DAY, email="moves@example.com", account_id="A1")


def _opportunities(draw: random.Random) -> Iterator[Row]:
    for number in range(26):
        created = _day(draw, START - 20 * DAY, END - 20 * DAY)
        row = {
            "opportunity_id": f"O{number}",
            "account_id": draw.choice((*_ACCOUNTS, *_ACCOUNTS, "A unknown", None)),
            "name": draw.choice(_NAMES),
            "stage_name": draw.choice(_STAGES),
            "amount": draw.choice((Decimal(draw.randint(1, 10**7)) / 100, Decimal("0.05"), Decimal(0), None)),
            "currency_iso_code": draw.choice((*_CURRENCIES, "XOF", None)),
            "close_date": draw.choice((END, None)),
            "probability": draw.choice(
                (Decimal("12.50"), Decimal("33.33"), Decimal(0), Decimal(100), Decimal(10), None)
            ),
            "lead_source": draw.choice(("Web", None)),
            "system_modstamp": _noonish(draw, created),
            "is_deleted": draw.choice((False, None)),
        }
        yield row
        for _ in range(draw.randrange(5)):
            row = row | {
                "stage_name": draw.choice(_STAGES),
                "account_id": draw.choice((*_ACCOUNTS, row["account_id"])),
                "amount": draw.choice((Decimal(draw.randint(1, 10**7)) / 100, row["amount"])),
                "is_deleted": draw.random() < 0.2,
                "system_modstamp": _noonish(draw, _day(draw, created + DAY, END)),
            }
            yield row
            if draw.random() < 0.15:
                yield row | {"amount": Decimal("1.25"), "currency_iso_code": "EUR", "probability": Decimal(10)}
    yield row | {"probability": Unreadable("12.345")}
    yield row | {"close_date": Unreadable("2027-02-29")}
    yield row | {"opportunity_id": None}


# Behaviour


def event(event_id: str | None, moment: dt.datetime, **columns: Any) -> Row:
    return {
        "event_id": event_id,
        "customer_id": None,
        "event_name": "page_view",
        "event_ts": moment,
        "session_id": None,
        "device": "phone",
        "geo": "NA",
        "url_1": f"{_SHOP}/",
        "url_2": None,
        "metadata": None,
        "loaded_at": moment + dt.timedelta(minutes=5),
    } | columns


def _events(draw: random.Random) -> Iterator[Row]:
    people = [*_CUSTOMERS, *_CUSTOMERS[:8], *_CUSTOMERS[:8], *_WITHOUT_ROW, None, None, None]
    for session in range(300):
        first = _moment(draw, _day(draw, START - 2 * DAY, END))
        if session % 9 == 0:
            first = midnight(first.date()) + DAY - dt.timedelta(minutes=5)
        visitor, other = draw.choice(people), draw.choice(people)
        identified_from = draw.choice((0, 0, 1, 2))
        moment = first
        for number in range(draw.randint(1, 6)):
            page, referrer = draw.choice(ADDRESSES)
            row = event(
                f"e{session}-{draw.randrange(1000)}-{number}",
                moment,
                customer_id=None
                if number < identified_from
                else other
                if session % 11 == 0 and number > 2
                else visitor,
                session_id=None if session % 23 == 0 else f"s{session}",
                url_1=page,
                url_2=referrer,
                loaded_at=_later(draw, moment, draw.choice((0.01, 0.01, 0.01, 2.9))),
                **_done(draw),
            )
            yield row
            yield from _repeats(draw, row, visitor)
            moment += draw.choice(
                (dt.timedelta(), dt.timedelta(minutes=3), dt.timedelta(minutes=3), dt.timedelta(hours=2))
            )


def _done(draw: random.Random) -> Row:
    name = draw.choice(
        (
            "page_view",
            "page_view",
            "search",
            "view_product",
            "view_product",
            "add_to_cart",
            "checkout",
            "purchase",
            "signup",
        )
    )
    product = draw.choice((*_PRODUCTS, None))
    metadata = draw.choice(
        (
            None,
            "{}",
            json.dumps({"product_id": product}),
            '{"product_id": 7}',
            json.dumps({"product_id": product, "n": 2, "on": True, "of": [1, {"a": "é"}]}),
            json.dumps({"query": '100% "é"\n', "product_id": product}, ensure_ascii=False),
        )
    )
    return {"event_name": name, "metadata": metadata}


def _repeats(draw: random.Random, row: Row, visitor: str | None) -> Iterator[Row]:
    """The event again: as it was, corrected, or differently at the same time."""
    chance = draw.random()
    again = row | {"loaded_at": _later(draw, row["loaded_at"], 2)}
    if chance < 0.04:
        yield row
    elif chance < 0.06:
        yield again
    elif chance < 0.10:
        moved = row["event_ts"] + draw.choice((-3, -1, 1, 3)) * DAY
        if moved <= again["loaded_at"] and abs((moved.date() - row["event_ts"].date()).days) <= 3:
            yield again | {"event_ts": moved}
    elif chance < 0.13:
        yield again | {"customer_id": visitor, "url_1": f"{_SHOP}/?utm_medium=affiliate"}
    elif chance < 0.15:
        # How what is nested is printed is nobody's business, but would decide.
        tied = row | {"event_id": f"{row['event_id']} tied", "metadata": '{"product_id": "P2"}'}
        yield tied
        yield tied | {"device": "tablet", "metadata": '{"product_id": "P1"}'}
    elif chance < 0.16:
        yield again | draw.choice(
            (
                {"event_name": "PAGE_VIEW"},
                {"metadata": "{"},
                {"metadata": "[1]"},
                {"event_ts": again["loaded_at"] + MICROSECOND},
                {"event_id": None},
                {"event_ts": None},
            )
        )


def _chosen_events() -> Iterator[Row]:
    for number, (page, referrer) in enumerate(ADDRESSES):
        # By the day's first event of one session after the other: every rule shows in customer_daily.
        moment = midnight(START + (38 + number) * DAY) + DAY / 2
        yield event(
            f"address {number}",
            moment,
            customer_id="everywhere",
            session_id=f"address {number}",
            url_1=page,
            url_2=referrer,
        )
    # The customer's three sessions before 10 March: one starts as the seven days begin, two start at once; others miss by a microsecond.
    day = dt.date(2028, 3, 10)
    begins, email = midnight(day - 6 * DAY), f"{_SHOP}/?utm_medium=email"
    of_torn = {"customer_id": "torn"}
    yield event("t0", begins, session_id="torn at the start", url_1=email)
    yield event("t1", begins + MICROSECOND, session_id="torn at the start", **of_torn)
    yield event("t2", begins - MICROSECOND, session_id="torn too early", url_1=email, **of_torn)
    yield event("t3", begins + DAY, session_id="torn too early", url_1=email, **of_torn)
    yield event("t4", midnight(day), session_id="torn b", url_2="https://google.com", **of_torn)
    yield event("t5", midnight(day), session_id="torn a", url_2="https://x.com", **of_torn)
    yield event("t6", midnight(day) + DAY - MICROSECOND, session_id="torn last", url_2="https://bing.com", **of_torn)
    yield event("t7", midnight(day) + DAY, session_id="torn after", url_1=email, **of_torn)
    yield event("t8", midnight(day) + DAY / 2, session_id="torn a", customer_id="torn too")
    # Only an event before the seven days says that the session began before them, and only one eight days old does not.
    yield event("t9", midnight(day - 8 * DAY), session_id="torn long", url_1=email, **of_torn)
    yield event("t10", midnight(day - 5 * DAY), session_id="torn long", url_2="https://bing.com", **of_torn)
    # Of events at one time, the identifier decides, as text.
    tied = {"session_id": "first of all", "customer_id": "first"}
    yield event("f10", midnight(START) + 50 * DAY, url_2="https://bing.com", **tied)
    yield event("f9", midnight(START) + 50 * DAY, url_1=email, **tied)
    # A session is nobody's by its first event, and somebody's by another of the next day.
    yield event("n1", midnight(START) + 61 * DAY - MICROSECOND, session_id="over midnight", url_1=email)
    yield event(
        "n2", midnight(START) + 61 * DAY, session_id="over midnight", customer_id="night", url_2="https://bing.com"
    )
    yield event(
        "n3", midnight(START) + 62 * DAY, session_id="over midnight", customer_id="night", url_2="https://x.com"
    )
    yield event("dated before", midnight(START) - DAY, customer_id="night", loaded_at=midnight(START))
    yield event(
        "loaded before", midnight(START) - MICROSECOND, customer_id="night", loaded_at=midnight(START) - MICROSECOND
    )
    yield event("timeless", midnight(START), loaded_at=None)
    yield event("unreadable", midnight(START), loaded_at=Unreadable("2028-02-30T00:00:00Z"))
    yield event("when", midnight(START)) | {"event_ts": Unreadable("noon")}
    for number in range(3):
        # A file without the time of loading.
        row = event(f"undated {number}", midnight(START + (30 + number) * DAY) + number * DAY / 3, customer_id="night")
        yield {name: value for name, value in row.items() if name != "loaded_at"}


# Order events


Sent = tuple[str | None, Any, dt.datetime | None]
"""A message's key, value and time."""


def _messages(draw: random.Random) -> Iterator[Row]:
    for offset, (key, value, moment) in enumerate(_sent(draw)):
        text = value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield {
            "key": key,
            "value": text,
            "headers": draw.choice((None, '{"trace": "a"}')),
            "topic": "orders_events",
            "partition": offset % 3,
            "offset": offset,
            "timestamp": moment,
        }


def _sent(draw: random.Random) -> Iterator[Sent]:
    for number in range(130):
        moment = _moment(draw, _day(draw, START - DAY, END))
        if not QUIET_FIRST - 8 * DAY <= moment.date() <= QUIET_LAST:
            yield from _sent_of_order(draw, number, moment)
    yield from _chosen_messages()
    yield from _unusable_messages()


def _sent_of_order(draw: random.Random, number: int, moment: dt.datetime) -> Iterator[Sent]:
    order_id = f"{number:04}"
    steps = ("PLACED", "PAID", "SHIPPED", "DELIVERED", "RETURNED")[number % 7 == 0 : draw.randint(1, 5)]
    for step, event_type in enumerate(steps):
        value = {
            "event_id": f"k{number}-{step}",
            "order_id": order_id,
            "customer_id": draw.choice((f"C{number % 40:02}", None)),
            "event_type": event_type,
            "ts": moment.isoformat().replace("+00:00", draw.choice(("Z", "+00:00"))),
            "metadata": draw.choice(
                ({}, {"carrier": "DHL", "parcels": 2}, {"note": 'é "100%"\n', "gift": None, "of": {"a": [1]}})
            ),
        }
        if step % 3 == 2:
            value.pop(draw.choice(("order_id", "customer_id", "metadata")))
        sent = _later(draw, moment, draw.choice((0.001, 0.001, 1.5)))
        yield order_id, value, sent
        if draw.random() < 0.06:
            yield order_id, value, _later(draw, sent, 0.5)
        if draw.random() < 0.06:
            corrected = moment + draw.choice((-2, 1, 2)) * DAY
            yield order_id, value | {"ts": corrected.isoformat()}, _later(draw, sent, 1)
        if draw.random() < 0.04:
            # How what is nested is printed is nobody's business, but would decide.
            tied = value | {"event_id": f"tied {number}-{step}", "metadata": {"carrier": "DHL"}}
            yield order_id, tied, sent
            yield order_id, tied | {"event_type": "CANCELLED"}, _later(draw, sent, 1)
        moment = _later(draw, moment, 3)


def _said(event_id: str | None, event_type: str, ts: dt.datetime, **more: Any) -> Row:
    return {"event_id": event_id, "event_type": event_type, "ts": ts.isoformat()} | more


def _chosen_messages() -> Iterator[Sent]:
    # Placed exactly 90 days before, a microsecond longer ago, and both.
    placed = midnight(START + 2 * DAY) + DAY / 2
    for order_id, ages in (("exactly", (0,)), ("too old", (1,)), ("both", (0, 1))):
        for number, age in enumerate(ages):
            yield order_id, _said(f"{order_id} {number}", "PLACED", placed - age * MICROSECOND), placed
        yield order_id, _said(f"{order_id} done", "DELIVERED", placed + 90 * DAY), placed + 90 * DAY
    moment = midnight(dt.date(2028, 3, 5))
    yield "before the start", _said("b1", "PLACED", midnight(START) - DAY), midnight(START)
    yield "before the start", _said("b2", "PAID", midnight(START) + DAY), midnight(START) + DAY
    yield "placed after", _said("a1", "PAID", moment), moment
    yield "placed after", _said("a2", "PLACED", moment + MICROSECOND), moment + MICROSECOND
    yield "at once", _said("o1", "PLACED", moment), moment
    yield "at once", _said("o2", "SHIPPED", moment), moment
    yield "twice", _said("w1", "PLACED", moment - DAY), moment
    yield "twice", _said("w2", "PLACED", moment - DAY / 2), moment
    yield "twice", _said("w3", "SHIPPED", moment + DAY / 7, order_id="twice"), moment + DAY / 4
    yield "of the key", _said("y1", "PLACED", moment, order_id="of the value"), moment
    yield "of the key", _said("y2", "PAID", moment + DAY / 8, order_id=None), moment + DAY / 8
    yield None, _said("n1", "PLACED", moment), moment
    yield None, _said("n2", "PAID", moment + DAY / 8), moment + DAY / 8
    yield (
        "number",
        {"event_id": 1001, "order_id": 42, "customer_id": 7, "event_type": "PLACED", "ts": moment.isoformat()},
        moment,
    )
    yield "42", _said("1002", "SHIPPED", moment + DAY / 24), moment + DAY
    yield None, _said("n3", "PAID", moment + DAY / 9, order_id="of the value"), moment + DAY / 8
    yield "leap", _said("l1", "CANCELLED", midnight(dt.date(2028, 3, 1)) - MICROSECOND), midnight(dt.date(2028, 3, 1))
    yield "zone", {"event_id": "z1", "event_type": "PLACED", "ts": "2028-03-05T01:30:00+02:00"}, moment


def _unusable_messages() -> Iterator[Sent]:
    """What says nothing that can be kept."""
    moment = midnight(dt.date(2028, 3, 5))
    for value in (
        None, "", "not JSON", "[1]", '"text"', "{}", _said(None, "PAID", moment), _said("x1", "LOST", moment), _said("x2", "paid", moment),
        {"event_id": "x3", "event_type": "PAID"}, {"event_id": "x4", "event_type": "PAID", "ts": None}, _said("x5", "PAID", moment, metadata="text"),
        _said("x6", "PAID", moment, metadata=[1]), {"event_id": "x7", "event_type": "PAID", "ts": "yesterday"},
    ):  # fmt: skip
        yield "broken", value, moment
    yield "timeless", _said("t1", "PAID", moment), None


# Rates


def _rates(draw: random.Random) -> Iterator[Row]:
    """Of working days: ISK ends after three weeks, JPY has a gap of two, CHF one of eight days, and XOF has none."""
    for number in range(-14, (END - START).days + 3):
        day = START + number * DAY
        if day.weekday() >= 5 or day == dt.date(2028, 1, 6):
            continue
        rates = {
            "GBP": Decimal("0.8") if number % 10 == 5 else Decimal(draw.randint(80_000, 90_000)) / 10**5,
            "USD": Decimal("1.0940") if number % 9 == 0 else Decimal(draw.randint(10_000, 12_500)) / 10**4,
        }
        if not 18 <= number < 32:
            rates["JPY"] = Decimal(draw.randint(15_000, 19_000)) / 100
        if number < 20:
            rates["ISK"] = Decimal(draw.randint(14_000, 15_000)) / 100
        if not dt.date(2028, 2, 10) <= day <= dt.date(2028, 2, 17):
            rates["CHF"] = Decimal(draw.randint(90_000, 99_999)) / 10**5
        for quote, rate in rates.items():
            yield {"rate_date": day, "base": "EUR", "quote": quote, "rate": rate}
    for day, base, quote, rate in (
        (START + 20 * DAY, "EUR", "JPY", None),
        (START + 27 * DAY, "EUR", "ISK", Decimal(0)),
        (START + 28 * DAY, "EUR", "ISK", Decimal(-1)),
        (END, "EUR", "EUR", Decimal(1)),
        (END, "USD", "XOF", Decimal(560)),
        (dt.date(2028, 3, 3), "EUR", "SEK", Decimal("11.1")),
        (dt.date(2028, 3, 3), "EUR", "SEK", Decimal("11.2")),
        (dt.date(2028, 3, 6), "EUR", "SEK", Unreadable("11.12345678901")),
    ):
        yield {"rate_date": day, "base": base, "quote": quote, "rate": rate}


# Files


def write_into(lake: OwnLake, data: Delivered, seed: int, *, delivery: str = "") -> None:
    """Spreads the rows over files of all formats, in any order; later deliveries have a name."""
    draw = random.Random(seed)
    for field_, (place, names, cursor, files) in PLACES.items():
        rows = [{names.get(name, name): value for name, value in row.items()} for row in getattr(data, field_)]
        columns = list(max(rows, key=len, default={}))
        cursor_name = names.get(cursor, cursor)
        draw.shuffle(rows)
        folder = lake.files(place)
        undated = [row for row in rows if cursor_name not in row]
        _write(folder / f"{delivery}undated.csv", [name for name in columns if name != cursor_name], undated)
        dated = [row for row in rows if cursor_name in row]
        # Only text can say what can't be read, and not all of it tells an empty text from none.
        unreadable = [row for row in dated if any(isinstance(value, Unreadable) for value in row.values())]
        empty = [row for row in dated if "" in row.values()]
        plain = [row for row in dated if row not in unreadable and row not in empty]
        _write(folder / f"{delivery}unreadable.csv.gz", columns, unreadable)
        _write(folder / f"{delivery}empty.jsonl", columns, empty)
        for number in range(files):
            _write(folder / f"{delivery}part{number}.{_FORMATS[number % len(_FORMATS)]}", columns, plain[number::files])


_FORMATS = ("csv", "jsonl", "parquet", "csv.gz", "jsonl.gz", "json")
PLACES = {
    "orders": ("snowflake/orders", {}, "last_modified_ts", 6),
    "customers": ("snowflake/customers", {}, "last_modified_ts", 4),
    "products": ("snowflake/products", {}, "last_modified_ts", 3),
    "behavior": ("redshift/customer_behavior", {}, "loaded_at", 6),
    "accounts": ("salesforce/Account", SOURCE_NAMES["Account"], "system_modstamp", 3),
    "contacts": ("salesforce/Contact", SOURCE_NAMES["Contact"], "system_modstamp", 3),
    "opportunities": ("salesforce/Opportunity", SOURCE_NAMES["Opportunity"], "system_modstamp", 3),
    "messages": ("kafka/orders_events", {}, "timestamp", 4),
    "rates": ("fx/rates", {}, "rate_date", 3),
}


def _write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    rows = list(rows)
    if rows:
        write_rows(path, columns, rows)
