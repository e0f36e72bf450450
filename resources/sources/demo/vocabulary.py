"""The words and figures that the generated retailer is made of: people, places, goods, currencies."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """Where customers live: ISO-3166 code, share of customers, what they pay in, calling code, cities."""

    code: str
    weight: float
    currency: str
    calling_code: str
    cities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of product: share of the catalogue, price range in units of currency, brands, and what products are called."""

    name: str
    weight: float
    lowest: float
    highest: float
    brands: tuple[str, ...]
    nouns: tuple[str, ...]


COUNTRIES = (
    Country("DE", 22, "EUR", "+49", ("Berlin", "Hamburg", "München", "Köln", "Leipzig")),
    Country("FR", 13, "EUR", "+33", ("Paris", "Lyon", "Marseille", "Nantes")),
    Country("GB", 12, "GBP", "+44", ("London", "Manchester", "Bristol", "Leeds")),
    Country("US", 11, "USD", "+1", ("New York", "Austin", "Seattle", "Chicago")),
    Country("NL", 7, "EUR", "+31", ("Amsterdam", "Utrecht", "Rotterdam")),
    Country("ES", 6, "EUR", "+34", ("Madrid", "Barcelona", "Sevilla")),
    Country("IT", 6, "EUR", "+39", ("Milano", "Roma", "Torino")),
    Country("PL", 5, "PLN", "+48", ("Warszawa", "Kraków", "Gdańsk")),
    Country("SE", 4, "SEK", "+46", ("Stockholm", "Göteborg", "Malmö")),
    Country("CH", 4, "CHF", "+41", ("Zürich", "Genève", "Basel")),
    Country("AT", 3, "EUR", "+43", ("Wien", "Graz")),
    Country("DK", 2, "DKK", "+45", ("København", "Aarhus")),
    Country("NO", 1.5, "NOK", "+47", ("Oslo", "Bergen")),
    Country("JP", 1.5, "JPY", "+81", ("Tokyo", "Osaka")),
    Country("CA", 1.2, "CAD", "+1", ("Toronto", "Montréal")),
    Country("NA", 0.8, "ZAR", "+264", ("Windhoek", "Swakopmund")),
)

PRICE_LEVELS = {
    "EUR": 1.0,
    "USD": 1.1,
    "GBP": 0.86,
    "CHF": 0.95,
    "SEK": 11.0,
    "DKK": 7.5,
    "NOK": 11.5,
    "PLN": 4.3,
    "CAD": 1.5,
    "ZAR": 20.0,
    "JPY": 160.0,
    "AED": 4.0,
}
"""About how many units of a currency a euro's worth of goods costs."""

WHOLE_UNITS = ("JPY",)
"""Currencies without minor units."""

CATEGORIES = (
    Category(
        "Electronics",
        18,
        25,
        900,
        ("Voltaire", "Nordlicht", "Kaiyo"),
        ("Headphones", "Speaker", "Monitor", "Keyboard", "Camera"),
    ),
    Category(
        "Home & Kitchen",
        20,
        8,
        250,
        ("Hygge & Co", "Casa Nova", "Topf"),
        ("Pan", "Lamp", "Kettle", "Knife Set", "Cushion"),
    ),
    Category(
        "Clothing", 20, 10, 160, ("Åland", "Merino Works", "Tide"), ("Jacket", "Shirt", "Jeans", "Scarf", "Dress")
    ),
    Category(
        "Sports", 12, 9, 420, ("Summit", "Zwift & Sons", "NA Outdoor"), ("Backpack", "Yoga Mat", "Tent", "Racket")
    ),
    Category("Books", 12, 6, 45, ("Papier", "Blue Fox Press"), ("Novel", "Atlas", "Cookbook", "Guide")),
    Category("Toys", 8, 5, 120, ("Kinderglück", "Brickyard"), ("Puzzle", "Train Set", "Board Game")),
    Category("Beauty", 6, 4, 95, ("Fleur", "Salz"), ("Cream", "Perfume", "Soap")),
    Category("Office", 4, 3, 380, ("Schreiber", "Desk & Co"), ("Chair", "Notebook", "Desk", "Pen Set")),
)

ADJECTIVES = ("Classic", "Compact", "Eco", "Everyday", "Premium", "Nordic", "Urban", "Light", "Studio", "Original")

FIRST_NAMES = (
    "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Katarzyna", "Léa", "Marie", "Noah",
    "Olivia", "Paul", "Quentin", "Rosa", "Sofia", "Thomas", "Ursula", "Victor", "William", "Xenia", "Yuki", "Zoë", "Jürgen",
    "Øyvind", "Søren", "Małgorzata", "José", "Chloé", "Aiko", "Grace", "James", "Mia", "Liam", "Elena", "Marco", "Ndapewa",
)  # fmt: skip
LAST_NAMES = (
    "Müller", "Smith", "Dubois", "Jansen", "Kowalski", "Andersson", "García", "Rossi", "Schmidt", "Brown", "Martin", "de Vries",
    "Nowak", "Johansson", "Fernández", "Bianchi", "Weber", "Taylor", "Bernard", "Bakker", "Wójcik", "Nilsson", "Martínez", "Ferrari",
    "Fischer", "O'Connor", "Lefèvre", "Visser", "Tanaka", "Hansen", "Larsen", "Huber", "Keller", "Williams", "Shikongo", "Tremblay",
)  # fmt: skip
MAIL_HOSTS = (
    "mail.example", "post.example", "inbox.example", "brightworks.example", "nordwind.example", "acme-retail.example",
)  # fmt: skip
"""Hosts of e-mail addresses, in a domain that is reserved so that no mail ever arrives."""
MAIL_WEIGHTS = (45, 30, 15, 4, 3, 3)

ORDER_STATUSES = ("PLACED", "PAID", "SHIPPED", "DELIVERED", "CANCELLED", "RETURNED")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A way into the shop: its share of those who look around and of those who buy, and what the first page is asked with.

    In referrers {domain} stands for the top-level domain of the visitor's country.
    """

    looking: float
    buying: float
    queries: tuple[str, ...]
    referrers: tuple[str | None, ...]


SHOP = "https://www.shop.example"

ARRIVALS = (
    # Paid search
    Arrival(
        10,
        7,
        (
            "utm_source=google&utm_medium=cpc&utm_campaign=brand",
            "utm_source=google&utm_medium=cpc&utm_campaign=shopping",
            "utm_source=google&utm_medium=CPC&utm_campaign=generic%20terms",
            "utm_campaign=brand&utm_medium=%43pc&utm_source=Google",
        ),
        ("https://www.google.{domain}/",),
    ),
    Arrival(
        2,
        2,
        ("utm_source=bing&utm_medium=ppc&utm_campaign=brand", "utm_source=bing&utm_medium=PPC&utm_campaign=shopping"),
        ("https://www.bing.com/",),
    ),
    Arrival(
        1.5,
        1,
        ("utm_source=adnet&utm_medium=paid&utm_campaign=retargeting", "utm_source=adnet&utm_medium=Paid"),
        ("https://news.tagblatt.example/", None),
    ),
    # Paid social
    Arrival(
        6,
        2.5,
        (
            "utm_source=facebook&utm_medium=cpc&utm_campaign=prospecting",
            "utm_source=Facebook&utm_medium=paid&utm_campaign=spring%20sale",
            "utm_source=facebook.com&utm_medium=ppc&utm_campaign=retargeting",
        ),
        ("https://l.facebook.com/", "https://m.facebook.com/", None),
    ),
    Arrival(
        4,
        1.5,
        (
            "utm_source=instagram.com&utm_medium=paid&utm_campaign=prospecting",
            "utm_source=instagram%2Ecom&utm_medium=cpc&utm_campaign=look+of+the+week",
            "utm_source=instagram&utm_medium=CPC&utm_campaign=retargeting",
        ),
        ("https://l.instagram.com/", None),
    ),
    Arrival(1, 0.2, ("utm_source=TikTok&utm_medium=cpc&utm_campaign=prospecting",), ("https://www.tiktok.com/", None)),
    Arrival(1, 0.3, ("utm_source=pinterest&utm_medium=paid&utm_campaign=home%20%26%20kitchen",), (None,)),
    # E-mail
    Arrival(
        7,
        15,
        (
            "utm_source=newsletter&utm_medium=email&utm_campaign=weekly",
            "utm_source=newsletter&utm_medium=Email&utm_campaign=Neuheiten+f%C3%BCr+dich",
            "utm_source=service&utm_medium=email&utm_campaign=basket%20reminder",
        ),
        (None, None, None, "https://mail.google.com/"),
    ),
    # Affiliates
    Arrival(
        3,
        2,
        ("utm_source=preisfuchs&utm_medium=affiliate&utm_campaign=price%20comparison",),
        ("https://www.preisfuchs.example/angebote", None),
    ),
    Arrival(2, 4, ("utm_source=cashback-club&utm_medium=Affiliate",), ("https://cashback-club.example/", None)),
    # Social media, the shop's own posts and those of others
    Arrival(
        1.5, 0.5, ("utm_source=pinterest&utm_medium=social&utm_campaign=pins",), ("https://www.pinterest.com/", None)
    ),
    Arrival(
        1.5, 0.5, ("utm_source=instagram&utm_medium=Social&utm_campaign=stories",), ("https://l.instagram.com/", None)
    ),
    Arrival(
        6,
        2,
        ("",),
        (
            "https://m.facebook.com/",
            "https://t.co/Zk3vQ9xTb1",
            "https://www.reddit.com/r/BuyItForLife/",
            "https://www.youtube.com/",
            "https://x.com/",
            "https://www.pinterest.com/",
            "https://www.linkedin.com/feed/",
            "https://www.tiktok.com/",
        ),
    ),
    # Search engines
    Arrival(20, 14, ("",), ("https://www.google.{domain}/",)),
    Arrival(
        5,
        3,
        ("",),
        (
            "https://www.bing.com/",
            "https://duckduckgo.com/",
            "https://www.ecosia.org/",
            "https://search.yahoo.com/",
            "https://yandex.com/search/",
            "https://www.baidu.com/",
        ),
    ),
    # Other sites
    Arrival(
        6,
        3,
        ("",),
        (
            "https://www.topfguckerin.example/2026/die-beste-pfanne",
            "https://blog.trailrunner.example/gear/backpacks",
            "https://lesekreis.example/",
            "https://forum.hifi-freunde.example/thread/8812",
        ),
    ),
    Arrival(
        1.5,
        1,
        ("utm_source=stadtmagazin&utm_medium=banner&utm_campaign=city%20weeks",),
        ("https://www.stadtmagazin.example/", None),
    ),
    # The address typed in, a bookmark, or a visit taken up again
    Arrival(19, 38, ("",), (None,)),
    Arrival(2, 2.5, ("",), (f"{SHOP}/", f"{SHOP}/basket")),
)

DOMAINS = {
    "DE": "de",
    "FR": "fr",
    "GB": "co.uk",
    "US": "com",
    "NL": "nl",
    "ES": "es",
    "IT": "it",
    "PL": "pl",
    "SE": "se",
    "CH": "ch",
    "AT": "at",
    "DK": "dk",
    "NO": "no",
    "JP": "co.jp",
    "CA": "ca",
    "NA": "com.na",
}
"""The top-level domain of search engines in each country."""

DEVICES = ("mobile", "desktop", "tablet")
DEVICE_WEIGHTS = (58, 36, 6)

INDUSTRIES = (
    "Manufacturing", "Technology", "Retail", "Healthcare", "Financial Services", "Hospitality", "Construction", "Education",
)  # fmt: skip
INDUSTRY_WEIGHTS = (20, 18, 16, 12, 11, 9, 8, 6)

COUNTRY_NAMES = {
    "DE": "Germany",
    "FR": "France",
    "GB": "United Kingdom",
    "US": "United States",
    "NL": "Netherlands",
    "ES": "Spain",
    "IT": "Italy",
    "PL": "Poland",
    "SE": "Sweden",
    "CH": "Switzerland",
    "AT": "Austria",
    "DK": "Denmark",
    "NO": "Norway",
    "JP": "Japan",
    "CA": "Canada",
    "NA": "Namibia",
}
LEGAL_FORMS = {
    "DE": "GmbH",
    "FR": "SAS",
    "GB": "Ltd",
    "US": "Inc.",
    "NL": "B.V.",
    "ES": "S.L.",
    "IT": "S.p.A.",
    "PL": "Sp. z o.o.",
    "SE": "AB",
    "CH": "AG",
    "AT": "GmbH",
    "DK": "A/S",
    "NO": "AS",
    "JP": "K.K.",
    "CA": "Inc.",
    "NA": "(Pty) Ltd",
}
"""What a company's name ends with in each country."""

COMPANY_NAMES = (
    "Nordwind", "Brightworks", "Alpenblick", "Lindqvist", "Meridian", "Blue Harbour", "Castell", "Fjordline", "Granit", "Helios",
    "Ironbridge", "Juniper", "Kestrel", "Larkfield", "Montclair", "Nakamura", "Oakhurst", "Piast", "Quadrant", "Rheingold",
    "Solaris", "Tamarind", "Umbria", "Vistula", "Westerly", "Zephyr",
)  # fmt: skip
COMPANY_TRADES = (
    "Works", "Logistics", "Systems", "Foods", "Clinics", "Partners", "Hotels", "Textiles", "Energy", "Media", "Tools", "Academy",
)  # fmt: skip

JOB_TITLES = (
    "Head of Purchasing", "Office Manager", "Managing Director", "IT Manager", "Buyer", "Facility Manager", "CFO", "Assistant",
)  # fmt: skip
LEAD_SOURCES = ("Web", "Referral", "Trade Show", "Partner", "Phone Inquiry", "Advertisement")

OPPORTUNITY_STAGES = ("Prospecting", "Qualification", "Proposal", "Negotiation", "Closed Won", "Closed Lost")
STAGE_PROBABILITIES = (10, 25, 50, 75, 100, 0)
"""How likely an opportunity is won at each stage, in percent."""
DEALS = (
    "Office Refit", "Framework Agreement", "Christmas Gifts", "Team Headsets", "Canteen Equipment", "Work Clothing",
    "Meeting Rooms", "Welcome Packs", "Summer Fair", "Book Library",
)  # fmt: skip
DEAL_CURRENCIES = {"EUR": 60, "USD": 15, "GBP": 9, "CHF": 5, "SEK": 4, "PLN": 3, "JPY": 3, "AED": 1}
"""What opportunities are quoted in, by how often; for the last one the ECB publishes no rate."""

ORDER_EVENT_METADATA = {
    "PLACED": ('{"channel":"web"}', '{"channel":"app"}', '{"channel":"web","voucher":true}', '{"channel":"phone"}'),
    "PAID": ('{"method":"card"}', '{"method":"transfer"}', '{"method":"wallet","attempts":2}'),
    "SHIPPED": (
        '{"warehouse":"LEJ1","carrier":"Paketblitz"}',
        '{"warehouse":"LEJ1","carrier":"Postillon"}',
        '{"warehouse":"RTM2","carrier":"Paketblitz","parcel":{"grams":1250}}',
    ),
    "DELIVERED": ('{"carrier":"Paketblitz","left_with":"customer"}', '{"carrier":"Postillon","left_with":"neighbour"}'),
    "CANCELLED": ('{"reason":"changed mind"}', '{"reason":"out of stock"}', '{"reason":null}'),
    "RETURNED": ('{"warehouse":"RTM2","reason":"too small"}', '{"warehouse":"LEJ1","reason":"damaged"}'),
}
"""What the producers of order events attach to them, by the order's status, as JSON."""
