"""The made-up orders of the practice company: always the same ones, and how they are looked up.

Knows the data, filtering, sorting and paging. Knows nothing of HTTP or HTML.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from functools import cache

ORDER_COUNT = 134
PAGE_SIZES = (15, 30, 60)
_FIRST_NUMBER = 1001
_FIRST_DAY = date(2026, 4, 1)


class Language(Enum):
    """The languages of the practice site."""

    ENGLISH = "en"
    JAPANESE = "ja"


class Status(Enum):
    """How far an order has come."""

    NEW = "new"
    PACKED = "packed"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Name:
    """A name in both languages."""

    english: str
    japanese: str

    def to(self, language: Language) -> str:
        """Return the name in one language."""
        return self.japanese if language is Language.JAPANESE else self.english


@dataclass(frozen=True, slots=True)
class Line:
    """One product of an order."""

    product: Name
    price_yen: int
    quantity: int

    @property
    def total_yen(self) -> int:
        """Price times quantity."""
        return self.price_yen * self.quantity


@dataclass(frozen=True, slots=True)
class Order:
    """One order. Its number is unique."""

    number: str
    day: date
    customer: Name
    city: Name
    status: Status
    lines: tuple[Line, ...]

    @property
    def amount_yen(self) -> int:
        """What all lines cost together."""
        return sum(line.total_yen for line in self.lines)


STATUS_NAMES = {
    Status.NEW: Name("New", "新規"),
    Status.PACKED: Name("Packed", "梱包済み"),
    Status.SHIPPED: Name("Shipped", "発送済み"),
    Status.CANCELLED: Name("Cancelled", "取消"),
}

_CUSTOMERS = (
    (Name("Aozora Books", "青空書房"), Name("Sapporo", "札幌")),
    (Name("Hoshino Bakery", "ほしのベーカリー"), Name("Otaru", "小樽")),
    (Name("Kawabe Tea House", "川辺茶房"), Name("Kyoto", "京都")),
    (Name("Minato Hotel", "みなとホテル"), Name("Yokohama", "横浜")),
    (Name("Sakaguchi Clinic", "坂口医院"), Name("Sendai", "仙台")),
    (Name("Tsubaki Flowers", "花のつばき"), Name("Kanazawa", "金沢")),
    (Name("Umeda Design Office", "梅田デザイン事務所"), Name("Osaka", "大阪")),
    (Name("Yamabiko Outdoor", "やまびこアウトドア"), Name("Matsumoto", "松本")),
    (Name("Shirakaba School", "白樺学園"), Name("Asahikawa", "旭川")),
    (Name("Nagisa Diner", "なぎさ食堂"), Name("Fukuoka", "福岡")),
    (Name("Komorebi Cafe", "木もれ日カフェ"), Name("Nagoya", "名古屋")),
)

_PRODUCTS = (
    (Name("Sencha, 100 g", "煎茶 100 g"), 980),
    (Name("Hojicha, 200 g", "ほうじ茶 200 g"), 1_150),
    (Name("Cedar tray", "杉のお盆"), 3_400),
    (Name("Linen cloth", "麻ふきん"), 720),
    (Name("Enamel kettle", "ほうろうケトル"), 6_800),
    (Name("Birch spoon", "白樺スプーン"), 540),
    (Name("Wool blanket", "ウールブランケット"), 9_600),
    (Name("Stoneware cup", "陶器のカップ"), 1_980),
)

# One entry is drawn for each order, so shipped orders are the most common ones.
_STATUS_DRAW = (
    Status.SHIPPED,
    Status.NEW,
    Status.SHIPPED,
    Status.PACKED,
    Status.SHIPPED,
    Status.NEW,
    Status.PACKED,
    Status.SHIPPED,
    Status.CANCELLED,
)


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """What to look for. `sort` is one of `SORT_KEYS`; pages count from 1."""

    status: Status | None = None
    text: str = ""
    sort: str = "number"
    descending: bool = False
    page: int = 1
    size: int = PAGE_SIZES[0]


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of what was found. `pages` is at least 1."""

    rows: tuple[Order, ...]
    total: int
    page: int
    pages: int


SORT_KEYS = ("number", "day", "customer", "city", "amount", "status")


@cache
def all_orders() -> tuple[Order, ...]:
    """Return every order, by number. The same in every process and every version of Python."""
    return tuple(_order(index) for index in range(ORDER_COUNT))


def order_by_number(number: str) -> Order | None:
    """Return the order of that number, or None."""
    return next((order for order in all_orders() if order.number == number), None)


def find_orders(query: OrderQuery, language: Language) -> OrderPage:
    """Filter, sort and cut out one page; a page beyond the end is the last one.

    The text is looked for in number, customer and city, in the given language, whatever its case.
    """
    needle = query.text.strip().casefold()
    found = [
        order
        for order in all_orders()
        if query.status in (None, order.status) and needle in _searchable(order, language)
    ]
    found.sort(key=lambda order: _sort_key(order, query.sort, language), reverse=query.descending)
    pages = max(1, -(-len(found) // query.size))
    page = min(max(1, query.page), pages)
    start = (page - 1) * query.size
    return OrderPage(tuple(found[start : start + query.size]), len(found), page, pages)


def orders_as_csv(status: Status | None, language: Language) -> str:
    """Return all orders, or those of one status, as CSV with a header line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["number", "date", "customer", "city", "amount_yen", "status"])
    for order in all_orders():
        if status in (None, order.status):
            customer, city = order.customer.to(language), order.city.to(language)
            state = STATUS_NAMES[order.status].to(language)
            writer.writerow([order.number, order.day.isoformat(), customer, city, order.amount_yen, state])
    return text.getvalue()


def _order(index: int) -> Order:
    # Plain arithmetic with coprime steps mixes well enough and never changes, unlike `random`.
    customer, city = _CUSTOMERS[(index * 7 + index // 11) % len(_CUSTOMERS)]
    return Order(
        number=f"KT-{_FIRST_NUMBER + index}",
        day=_FIRST_DAY + timedelta(days=index * 3 // 2),
        customer=customer,
        city=city,
        status=_STATUS_DRAW[(index * 5 + index // 9) % len(_STATUS_DRAW)],
        lines=tuple(_line(index, position) for position in range(1 + index * 3 % 4)),
    )


def _line(index: int, position: int) -> Line:
    product, price_yen = _PRODUCTS[(index * 3 + position * 5) % len(_PRODUCTS)]
    return Line(product, price_yen, quantity=1 + (index * 5 + position * 7) % 12)


def _searchable(order: Order, language: Language) -> str:
    return " ".join((order.number, order.customer.to(language), order.city.to(language))).casefold()


def _sort_key(order: Order, sort: str, language: Language) -> tuple[str | int, str]:
    keys: dict[str, str | int] = {
        "day": order.day.isoformat(),
        "customer": order.customer.to(language).casefold(),
        "city": order.city.to(language).casefold(),
        "amount": order.amount_yen,
        "status": list(Status).index(order.status),
    }
    return keys.get(sort, order.number), order.number
