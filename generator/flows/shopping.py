"""Flows about goods and money: people browse, buy and get refunds, and what goes wrong when they do."""

from __future__ import annotations

from generator.flows.accounts import verify_session
from generator.flows.journey import CRITICAL, ERROR, INFO, WARNING, Journey
from generator.flows.services import GATEWAY, INVENTORY, PAYMENT, PRODUCTS

_MS = 1000
_RETRY_WAITS_US = (100 * _MS, 200 * _MS)
_PROVIDER_TIMEOUT_US = 400 * _MS


def browse(journey: Journey) -> None:
    """Somebody looks at a product."""
    product = 1 + journey.number(5000)
    journey.receive("GET", f"/api/v1/products/{product}")
    text = f"Product {product} ({PRODUCTS[product % len(PRODUCTS)]}) shown, {product % 37} in stock"
    journey.call(INVENTORY, 8 * _MS, INFO, text, "GET", f"/products/{product}", 200)
    journey.answer(INFO, 200)


def product_missing(journey: Journey) -> None:
    """Somebody follows an old link."""
    product = 90_000 + journey.number(5000)
    journey.receive("GET", f"/api/v1/products/{product}")
    journey.call(
        INVENTORY,
        3 * _MS,
        WARNING,
        f"Product {product} does not exist",
        "GET",
        f"/products/{product}",
        404,
        "NOT_FOUND",
    )
    journey.answer(WARNING, 404, "NOT_FOUND")


def search_slow(journey: Journey) -> None:
    """A search that reads much."""
    word = PRODUCTS[journey.number(len(PRODUCTS))]
    journey.receive("GET", "/api/v1/search")
    text = f"Slow query: search for {word} read {20_000 + journey.number(60_000)} rows"
    journey.call(INVENTORY, 1400 * _MS, WARNING, text, "GET", "/search", 200)
    journey.answer(WARNING, 200, "", "slow")


def search_failed(journey: Journey) -> None:
    """The database of the inventory does not answer in time."""
    journey.receive("GET", "/api/v1/search")
    text = "Query cancelled: no answer from the stock database within 1200 ms"
    journey.call(INVENTORY, 1200 * _MS, ERROR, text, "GET", "/search", 504, "DATABASE_TIMEOUT")
    journey.answer(ERROR, 504, "UPSTREAM_TIMEOUT", "inventory did not answer in time")


def checkout(journey: Journey) -> None:
    """Somebody buys: gateway, auth, inventory, payment."""
    order = _order(journey)
    cents = 500 + journey.number(40_000)
    _reserve(journey, order)
    text = f"Payment of {cents // 100}.{cents % 100:02d} EUR accepted for order {order}"
    journey.call(PAYMENT, 120 * _MS, INFO, text, "POST", "/charges", 201)
    journey.call(INVENTORY, 6 * _MS, INFO, f"Stock of order {order} deducted", "POST", "/reservations/commit", 200)
    journey.answer(INFO, 201)


def card_declined(journey: Journey) -> None:
    """The bank says no."""
    order = _order(journey)
    _reserve(journey, order)
    text = f"Card declined by the bank for order {order}"
    journey.call(PAYMENT, 110 * _MS, WARNING, text, "POST", "/charges", 402, "CARD_DECLINED")
    _release(journey, order)
    journey.answer(WARNING, 402, "CARD_DECLINED")


def out_of_stock(journey: Journey) -> None:
    """Somebody else was quicker."""
    order = _order(journey)
    text = f"Product {1 + journey.number(5000)} of order {order} is out of stock"
    journey.call(INVENTORY, 10 * _MS, WARNING, text, "POST", "/reservations", 409, "OUT_OF_STOCK")
    journey.answer(WARNING, 409, "OUT_OF_STOCK")


def provider_timeout(journey: Journey) -> None:
    """The payment provider does not answer, however often it is asked."""
    order = _order(journey)
    _reserve(journey, order)
    for number, wait_us in enumerate((*_RETRY_WAITS_US, 0), 1):
        text = f"Payment provider gave no answer for order {order}, try {number} of {len(_RETRY_WAITS_US) + 1}"
        level = WARNING if wait_us else ERROR
        journey.call(PAYMENT, _PROVIDER_TIMEOUT_US, level, text, "POST", "/charges", 504, "PROVIDER_TIMEOUT")
        journey.wait(wait_us)
    _release(journey, order)
    journey.answer(ERROR, 504, "UPSTREAM_TIMEOUT", "payment answered 504")


def provider_lost(journey: Journey) -> None:
    """Payment gives its provider up: the worst that a day without an incident has."""
    order = _order(journey)
    _reserve(journey, order)
    text = f"All connections to the payment provider lost while charging order {order}"
    journey.call(PAYMENT, 300 * _MS, CRITICAL, text, "POST", "/charges", 503, "PROVIDER_DOWN")
    _release(journey, order)
    journey.answer(ERROR, 503, "UPSTREAM_UNAVAILABLE", "payment answered 503")


def stock_corrupt(journey: Journey) -> None:
    """The inventory finds what must never be."""
    order = _order(journey)
    text = f"Stock of product {1 + journey.number(5000)} is negative, shard closed"
    journey.call(INVENTORY, 12 * _MS, CRITICAL, text, "POST", "/reservations", 500, "DATA_CORRUPTION")
    journey.answer(ERROR, 500, "UPSTREAM_ERROR", f"order {order} not taken, inventory answered 500")


def refund(journey: Journey) -> None:
    """Somebody sends goods back."""
    order = f"ord-{1_000_000 + journey.number(9_000_000)}"
    journey.receive("POST", f"/api/v1/orders/{order}/refund")
    verify_session(journey)
    cents = 500 + journey.number(20_000)
    text = f"Refund of {cents // 100}.{cents % 100:02d} EUR for order {order} sent"
    journey.call(PAYMENT, 140 * _MS, INFO, text, "POST", "/refunds", 201)
    journey.call(INVENTORY, 7 * _MS, INFO, f"Goods of order {order} put back", "POST", "/returns", 200)
    journey.answer(INFO, 201)


def charge_unreachable(journey: Journey) -> None:
    """Payment is down: the gateway tries again, gives up, and stock is released."""
    order = _order(journey)
    _reserve(journey, order)
    refused = journey.number(2) == 0
    status, why = (503, "connection refused") if refused else (502, "connection reset")
    for number, wait_us in enumerate((*_RETRY_WAITS_US, 0), 1):
        journey.spend(3 * _MS)
        last = "gave up" if not wait_us else f"next try in {wait_us // _MS} ms"
        text = f"Charge of order {order} failed, try {number} of {len(_RETRY_WAITS_US) + 1}: payment: {why}; {last}"
        journey.log(GATEWAY, WARNING if wait_us else ERROR, text, "POST", "/charges", status, 0, "UPSTREAM_UNAVAILABLE")
        journey.wait(wait_us)
    _release(journey, order)
    journey.answer(ERROR, status, "UPSTREAM_UNAVAILABLE", f"payment: {why}")


def refund_unreachable(journey: Journey) -> None:
    """The same for a refund, which is put off."""
    order = f"ord-{1_000_000 + journey.number(9_000_000)}"
    journey.receive("POST", f"/api/v1/orders/{order}/refund")
    verify_session(journey)
    journey.spend(3 * _MS)
    text = f"Refund of order {order} put off: payment: connection refused"
    journey.log(GATEWAY, ERROR, text, "POST", "/refunds", 503, 0, "UPSTREAM_UNAVAILABLE")
    journey.answer(ERROR, 503, "UPSTREAM_UNAVAILABLE", "payment: connection refused")


def _order(journey: Journey) -> str:
    """The gateway takes a checkout, and auth lets it pass; the name of the order."""
    journey.receive("POST", "/api/v1/checkout")
    verify_session(journey)
    return f"ord-{1_000_000 + journey.number(9_000_000)}"


def _reserve(journey: Journey, order: str) -> None:
    items = 1 + journey.number(5)
    text = f"{items} items reserved for order {order}"
    journey.call(INVENTORY, 12 * _MS, INFO, text, "POST", "/reservations", 201)


def _release(journey: Journey, order: str) -> None:
    text = f"Reservation of order {order} released"
    journey.call(INVENTORY, 5 * _MS, INFO, text, "DELETE", "/reservations", 204)
