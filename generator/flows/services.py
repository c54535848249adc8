"""The five services of the shop: their hosts, what their logs are about, and what they say in detail."""

from __future__ import annotations

from dataclasses import dataclass

REPLICAS = 3


@dataclass(frozen=True, slots=True)
class Service:
    """One service.

    Attributes:
        name: as in its logs.
        tags: what its logs are about.
        details: what it says at level DEBUG; `%d` becomes some number.
    """

    name: str
    tags: tuple[str, ...]
    details: tuple[str, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host of each replica."""
        return tuple(f"{self.name}-{number}" for number in range(1, REPLICAS + 1))


GATEWAY = Service(
    "api-gateway",
    ("api",),
    ("Route resolved, %d candidates", "Rate limiter: %d requests left in this window", "Kept connection %d reused"),
)
AUTH = Service(
    "auth",
    ("auth",),
    ("Session store answered in %d us", "Key set refreshed, %d keys", "Permission cache hit for role %d"),
)
USER = Service(
    "user",
    ("user",),
    ("SELECT FROM profiles returned %d rows", "Profile cache miss in slot %d", "Avatar resized to %d pixels"),
)
INVENTORY = Service(
    "inventory",
    ("inventory",),
    ("SELECT FROM stock returned %d rows", "Stock cache hit in shard %d", "Index scan visited %d pages"),
)
PAYMENT = Service(
    "payment",
    ("payment",),
    ("Provider connection %d taken from the pool", "Fraud score is %d", "Ledger entry written to partition %d"),
)
SERVICES = (GATEWAY, AUTH, USER, INVENTORY, PAYMENT)

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "ShopApp/7.2 (Android 15)",
    "curl/8.14.1",
)
PRODUCTS = ("lamp", "chair", "kettle", "bicycle", "notebook", "backpack", "headphones", "teapot", "raincoat", "globe")
