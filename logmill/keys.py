"""Who may pass: by the API key, or where none is asked for by the name that a request uses for the service."""

from __future__ import annotations

import hmac


def may_pass(key: str, authorization: str, api_key: str = "") -> bool:
    """Whether a request with these headers may pass; compares in constant time.

    Args:
        key: the key asked for; "" asks for none.
        authorization: the header Authorization, `Bearer KEY`.
        api_key: the header X-Api-Key, which serves as well.
    """
    if not key:
        return True
    scheme, _, token = authorization.partition(" ")
    sent = token.strip() if scheme.lower() == "bearer" else api_key
    return hmac.compare_digest(sent.encode(), key.encode())


def trusted_names(trusted_hosts: str) -> frozenset[str]:
    """The names of LOGMILL_TRUSTED_HOSTS; * stands for any.

    Where no key is asked for, a page in a browser on this machine must not get at the logs by a name of its own: it has
    its host name resolve to 127.0.0.1 (DNS rebinding), and the header Host still has that name.
    """
    return frozenset(name.strip().lower() for name in trusted_hosts.split(","))


def host_name(host: str) -> str:
    """The name in a header Host, without the port."""
    name, _, port = host.lower().rpartition(":")
    return name if port.isdigit() else host.lower()
