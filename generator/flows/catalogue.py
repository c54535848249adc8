"""Which flows there are, how they end, and how often each happens among those that end alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from generator.flows import accounts, shopping
from generator.flows.journey import CRITICAL, ERROR, INFO, WARNING, Journey

Tell = Callable[[Journey], None]


class Outcome(StrEnum):
    """How a flow ends: the level of the worst that is logged in it."""

    GOOD = INFO
    REFUSED = WARNING
    FAILED = ERROR
    LOST = CRITICAL


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow.

    Attributes:
        kind: what somebody wanted; incidents replace flows by it.
        tell: what happens.
        outcome: how it ends.
        weight: its share among the flows of this outcome.
    """

    kind: str
    tell: Tell
    outcome: Outcome
    weight: float


FLOWS = (
    Flow("browse", shopping.browse, Outcome.GOOD, 46),
    Flow("login", accounts.login, Outcome.GOOD, 18),
    Flow("checkout", shopping.checkout, Outcome.GOOD, 18),
    Flow("profile", accounts.profile_changed, Outcome.GOOD, 8),
    Flow("logout", accounts.logout, Outcome.GOOD, 7),
    Flow("refund", shopping.refund, Outcome.GOOD, 3),
    Flow("login", accounts.login_failed, Outcome.REFUSED, 30),
    Flow("browse", shopping.product_missing, Outcome.REFUSED, 20),
    Flow("checkout", shopping.card_declined, Outcome.REFUSED, 16),
    Flow("checkout", shopping.out_of_stock, Outcome.REFUSED, 10),
    Flow("browse", shopping.search_slow, Outcome.REFUSED, 10),
    Flow("profile", accounts.profile_invalid, Outcome.REFUSED, 7),
    Flow("login", accounts.session_expired, Outcome.REFUSED, 7),
    Flow("checkout", shopping.provider_timeout, Outcome.FAILED, 40),
    Flow("browse", shopping.search_failed, Outcome.FAILED, 30),
    Flow("profile", accounts.profile_crashed, Outcome.FAILED, 18),
    Flow("login", accounts.login_crashed, Outcome.FAILED, 12),
    Flow("checkout", shopping.provider_lost, Outcome.LOST, 75),
    Flow("checkout", shopping.stock_corrupt, Outcome.LOST, 25),
)
