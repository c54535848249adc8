"""Flows about accounts: people log in and out, fail to, and change their profiles."""

from __future__ import annotations

from generator.flows.journey import ERROR, INFO, WARNING, Journey
from generator.flows.services import AUTH, USER

_MS = 1000
_FIELDS = ("address", "newsletter", "display name", "language")
_TRACE = (
    "Unhandled exception while saving the profile of {user}\n"
    "Traceback (most recent call last):\n"
    '  File "/srv/user/profiles.py", line 214, in save\n'
    "    row.update(changes)\n"
    '  File "/srv/user/rows.py", line 77, in update\n'
    "    raise StaleRow(self.key)\n"
    "user.rows.StaleRow: profile was changed meanwhile"
)


def verify_session(journey: Journey) -> None:
    """Auth looks at the session of the request."""
    text = f"Session of {journey.user_id} is valid"
    journey.call(AUTH, 4 * _MS, INFO, text, "POST", "/sessions/verify", 200)


def login(journey: Journey) -> None:
    """Somebody logs in, and their profile is loaded."""
    journey.receive("POST", "/api/v1/login")
    journey.call(AUTH, 60 * _MS, INFO, f"User {journey.user_id} logged in", "POST", "/login", 200)
    text = f"Profile of {journey.user_id} loaded"
    journey.call(USER, 6 * _MS, INFO, text, "GET", f"/users/{journey.user_id}", 200)
    journey.answer(INFO, 200)


def login_failed(journey: Journey) -> None:
    """Somebody mistypes their password."""
    journey.receive("POST", "/api/v1/login")
    text = f"Login failed for {journey.user_id} from {journey.client_ip}: invalid password"
    journey.call(AUTH, 60 * _MS, WARNING, text, "POST", "/login", 401, "INVALID_CREDENTIALS")
    journey.answer(WARNING, 401, "INVALID_CREDENTIALS")


def login_crashed(journey: Journey) -> None:
    """Auth cannot reach its store of sessions."""
    journey.receive("POST", "/api/v1/login")
    text = f"Session of {journey.user_id} cannot be written: no answer from the session store"
    journey.call(AUTH, 600 * _MS, ERROR, text, "POST", "/login", 500, "SESSION_STORE_TIMEOUT")
    journey.answer(ERROR, 502, "UPSTREAM_ERROR", "auth answered 500")


def session_expired(journey: Journey) -> None:
    """Somebody comes back after a long time."""
    journey.receive("GET", "/api/v1/orders")
    text = f"Session of {journey.user_id} has expired"
    journey.call(AUTH, 4 * _MS, WARNING, text, "POST", "/sessions/verify", 401, "SESSION_EXPIRED")
    journey.answer(WARNING, 401, "SESSION_EXPIRED")


def logout(journey: Journey) -> None:
    """Somebody logs out."""
    journey.receive("POST", "/api/v1/logout")
    journey.call(AUTH, 5 * _MS, INFO, f"User {journey.user_id} logged out", "DELETE", "/sessions", 204)
    journey.answer(INFO, 204)


def profile_changed(journey: Journey) -> None:
    """Somebody changes their profile."""
    journey.receive("PUT", "/api/v1/profile")
    verify_session(journey)
    field = _FIELDS[journey.number(len(_FIELDS))]
    text = f"User {journey.user_id} changed their {field}"
    journey.call(USER, 15 * _MS, INFO, text, "PUT", f"/users/{journey.user_id}", 200)
    journey.answer(INFO, 200)


def profile_invalid(journey: Journey) -> None:
    """Somebody sends a profile that cannot be."""
    journey.receive("PUT", "/api/v1/profile")
    verify_session(journey)
    field = _FIELDS[journey.number(len(_FIELDS))]
    text = f"Profile of {journey.user_id} refused: {field} is too long"
    journey.call(USER, 5 * _MS, WARNING, text, "PUT", f"/users/{journey.user_id}", 422, "VALIDATION_FAILED")
    journey.answer(WARNING, 422, "VALIDATION_FAILED")


def profile_crashed(journey: Journey) -> None:
    """The user service has a fault."""
    journey.receive("PUT", "/api/v1/profile")
    verify_session(journey)
    text = _TRACE.format(user=journey.user_id)
    journey.call(USER, 20 * _MS, ERROR, text, "PUT", f"/users/{journey.user_id}", 500, "UNHANDLED_EXCEPTION")
    journey.answer(ERROR, 502, "UPSTREAM_ERROR", "user answered 500")
