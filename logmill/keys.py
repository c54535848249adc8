"""The API key: who may pass."""

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
