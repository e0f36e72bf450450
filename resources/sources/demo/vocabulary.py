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
