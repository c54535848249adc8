"""What can go wrong for a while: each kind of incident replaces flows by others, and adds some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from generator.flows import accounts, shopping
from generator.flows.catalogue import Tell
from generator.flows.journey import CRITICAL, ERROR, WARNING, Journey
from generator.flows.services import AUTH, GATEWAY, INVENTORY, PAYMENT, USER

_MS = 1000
_ATTACKER = "198.19.250.13"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of incident.

    Attributes:
        name: as it is asked for.
        help: what it looks like.
        instead: what is told instead of the flows of a kind.
        added: told between them, and as which share of all flows.
    """

    name: str
    help: str
    instead: Mapping[str, Tell] = field(default_factory=dict)
    added: tuple[tuple[Tell, float], ...] = ()


def _payment_alarm(journey: Journey) -> None:
    text = "Circuit breaker open: 0 of 20 connections to the payment provider are left"
    journey.log(PAYMENT, CRITICAL, text, error_code="PROVIDER_DOWN")


def _session_store_alarm(journey: Journey) -> None:
    text = "Session store lost its quorum, no session can be read or written"
    journey.log(AUTH, CRITICAL, text, error_code="SESSION_STORE_DOWN")


def _auth_unavailable(journey: Journey) -> None:
    journey.receive("POST", "/api/v1/login")
    text = f"Session of {journey.user_id} cannot be read: no answer from the session store"
    journey.call(AUTH, 1000 * _MS, ERROR, text, "POST", "/sessions/verify", 503, "SESSION_STORE_DOWN")
    journey.answer(ERROR, 503, "UPSTREAM_UNAVAILABLE", "auth answered 503")


def _slow_browse(journey: Journey) -> None:
    if journey.number(10) == 0:
        shopping.search_failed(journey)
        return
    product = 1 + journey.number(5000)
    journey.receive("GET", f"/api/v1/products/{product}")
    text = f"Slow query: product {product} waited for a lock of the stock database"
    journey.call(INVENTORY, 1600 * _MS, WARNING, text, "GET", f"/products/{product}", 200)
    journey.answer(WARNING, 200, "", "slow")


def _slow_checkout(journey: Journey) -> None:
    journey.receive("POST", "/api/v1/checkout")
    accounts.verify_session(journey)
    text = "Query cancelled: no answer from the stock database within 1200 ms"
    journey.call(INVENTORY, 1200 * _MS, ERROR, text, "POST", "/reservations", 504, "DATABASE_TIMEOUT")
    journey.answer(ERROR, 504, "UPSTREAM_TIMEOUT", "inventory did not answer in time")


def _broken_profile(journey: Journey) -> None:
    journey.receive("GET", "/api/v1/profile")
    text = (
        f"Unhandled exception while rendering the profile of {journey.user_id}\n"
        "Traceback (most recent call last):\n"
        '  File "/srv/user/views.py", line 58, in profile\n'
        "    return render(user.preferences.theme)\n"
        "AttributeError: 'NoneType' object has no attribute 'theme'"
    )
    journey.call(USER, 9 * _MS, ERROR, text, "GET", f"/users/{journey.user_id}", 500, "UNHANDLED_EXCEPTION")
    journey.answer(ERROR, 502, "UPSTREAM_ERROR", "user answered 500")


def _broken_login(journey: Journey) -> None:
    if journey.number(2):
        accounts.login(journey)
    else:
        _broken_profile(journey)


def _attack(journey: Journey) -> None:
    journey.client_ip = _ATTACKER
    accounts.login_failed(journey)


def _disk_full(journey: Journey) -> None:
    journey.receive("POST", "/api/v1/checkout")
    accounts.verify_session(journey)
    text = "Reservation cannot be written: no space left on device"
    journey.call(INVENTORY, 4 * _MS, ERROR, text, "POST", "/reservations", 507, "DISK_FULL")
    journey.answer(ERROR, 500, "UPSTREAM_ERROR", "inventory answered 507")


def _disk_alarm(journey: Journey) -> None:
    text = "Volume of the stock database is full: 0 bytes of 107374182400 left"
    journey.log(INVENTORY, CRITICAL, text, error_code="DISK_FULL")


def _gateway_overload(journey: Journey) -> None:
    journey.log(GATEWAY, WARNING, "Worker queue is long: requests wait for slow services", error_code="OVERLOADED")


_KINDS = (
    Kind(
        "payment-outage",
        "payment is down: checkouts and refunds end with 502 or 503 after retries",
        {"checkout": shopping.charge_unreachable, "refund": shopping.refund_unreachable},
        ((_payment_alarm, 0.02),),
    ),
    Kind(
        "auth-outage",
        "sessions cannot be read: logins, checkouts, profiles and refunds end with 503",
        dict.fromkeys(("login", "logout", "checkout", "profile", "refund"), _auth_unavailable),
        ((_session_store_alarm, 0.02),),
    ),
    Kind(
        "slow-database",
        "the stock database is slow: browsing takes seconds, checkouts end with 504",
        {"browse": _slow_browse, "checkout": _slow_checkout},
        ((_gateway_overload, 0.02),),
    ),
    Kind(
        "bad-deploy",
        "a fault in a new version of user: half of the logins and all profiles end with 502 and a stack trace",
        {"login": _broken_login, "profile": _broken_profile},
    ),
    Kind(
        "login-attack",
        "one address tries passwords of many users: half of what happens is failed logins",
        added=((_attack, 0.5),),
    ),
    Kind(
        "disk-full",
        "inventory has no room left: checkouts end with 500, browsing goes on",
        {"checkout": _disk_full},
        ((_disk_alarm, 0.02),),
    ),
)
KINDS = {kind.name: kind for kind in _KINDS}
