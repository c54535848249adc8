"""What becomes of what is found: alerts that fire, are acknowledged and resolved; each change with its message."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from logmill.rules.detectors import Base, seconds
from logmill.timestamps import now_us
from storage.alerting.detector import Held
from storage.alerting.file import Row, StateFile
from storage.alerting.grouping import shortened
from storage.alerting.silencing import Silenced, Silences
from storage.alerting.spans import SECOND_US

# The oldest that are resolved are forgotten beyond this.
MAX_ALERTS = 10_000
# Of one rule, at a time; what is beyond is counted.
MAX_OPEN = 100
MAX_TRANSITIONS = 100
MAX_POSTS = 10_000
FIRING, ACKNOWLEDGED, RESOLVED, SILENCED = "firing", "acknowledged", "resolved", "silenced"
# In `is_told`: that it fires was told, what came of it since is kept back by a silence.
_KEPT_BACK = 2
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a group, with what is shown of it.

    Attributes:
        held: what was found.
        trend: how many logs there were in the pieces of the time around it.
    """

    held: Held
    trend: list[int]


def alert_id(rule: str, group: tuple[str, ...], start_us: int) -> str:
    """The id of an alert: the same for the same rule, group and begin, so that none can be there twice."""
    text = _encode([rule, [shortened(value) for value in group], start_us])
    return hashlib.blake2b(text, digest_size=12).hexdigest()


class Alerts:
    """Alerts and their changes in the file; each method is one transaction. Safe for threads.

    Args:
        file: where they are kept.
        silences: which of them nobody is told of.
        tells: whether somebody is told of changes at all.
        body: what is told of an alert, given its row and its new state.
        clock: the time now, microseconds.
    """

    def __init__(
        self,
        file: StateFile,
        silences: Silences,
        *,
        tells: bool,
        body: Callable[[Row, str, str, int], bytes],
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._file = file
        self._silences = silences
        self._tells = tells
        self._body = body
        self._clock = clock

    def is_news(self, rule: str, held: Held) -> bool:
        """Whether no alert knows of this yet."""
        near = self._near(rule, held)
        return not near or held.end_us > near[0]["end_us"] or held.value > near[0]["value"]

    def apply(
        self, rule: Base, fields: tuple[str, ...], bound: str, found: Iterable[Found], *, least_resolve_us: int = 0
    ) -> int:
        """Take in what a detector found; how many groups were left out since too many are open.

        What lies no further than `resolve_after` from an alert of the same group is that alert: it lasts longer, and
        fires again where it was resolved and lasts until now. Where that are several, they become the first of them:
        the others are resolved.

        Args:
            rule: whose it is.
            fields: the names of what its groups have.
            bound: its condition in words.
            found: what was found.
            least_resolve_us: alerts are not resolved before they were not seen for so long, whatever the rule says.
        """
        left_out = 0
        resolve_us = max(seconds(rule.resolve_after) * SECOND_US, least_resolve_us)
        now = self._clock()
        with self._file.transaction():
            silenced = self._silences.held(now)
            open_ = self._file.number("count_open", rule=rule.name)
            for one in found:
                near, *others = self._near(rule.name, one.held) or (None,)
                if near is not None:
                    open_ += self._extend(near, one, others, now, silenced)
                    continue
                # Whoever is told of both is told of the end first.
                for row in self._file.rows(
                    "passed", rule=rule.name, group_key=_key(one.held.group), start_us=one.held.start_us
                ):
                    self._move(row, RESOLVED, now, silenced)
                    open_ -= 1
                if open_ >= MAX_OPEN:
                    left_out += 1
                else:
                    open_ += self._add(rule, fields, bound, one, now, resolve_us, silenced)
            if left_out:
                self._file.count_up("left_out", left_out)
        return left_out

    def settle(self, keep: Callable[[str], bool] = lambda _rule: False, until_us: int | None = None) -> None:
        """Resolve alerts whose time is over, tell of those that no silence holds back any more, and forget the oldest.

        Of what was resolved or acknowledged under a silence it tells where somebody was told before that it fires.

        Args:
            keep: whether a rule is still to be evaluated up to now, so that its alerts may last on.
            until_us: until when all other rules were evaluated; None for now.
        """
        now = self._clock()
        with self._file.transaction():
            silenced = self._silences.held(now)
            for row in self._file.rows("is_over", now_us=now if until_us is None else until_us):
                if not keep(row["rule"]):
                    self._move(row, RESOLVED, now, silenced)
            for row in self._file.rows("untold") if self._tells else []:
                if not is_silenced(row, silenced):
                    self._tell(row, row["state"], now)
            self._file.run("prune_alerts", most=MAX_ALERTS)
            self._file.run("prune_silences", now_us=now)

    def acknowledge(self, alert: str, by: str, comment: str) -> Row | None:
        """Note that somebody looks after an alert, if it fires; the alert as it is then, None where there is none."""
        with self._file.transaction():
            row = self.find(alert)
            if row is None or row["state"] != FIRING:
                return row
            now = self._clock()
            self._move(row, ACKNOWLEDGED, now, self._silences.held(now), by, comment)
            return self.find(alert)

    def find(self, alert: str) -> Row | None:
        """One alert."""
        return next(iter(self._file.rows("alert", id=alert)), None)

    def _near(self, rule: str, held: Held) -> list[Row]:
        """The alerts that this is, those that are open first."""
        key = _key(held.group)
        return self._file.rows("near", rule=rule, group_key=key, start_us=held.start_us, end_us=held.end_us)

    def _add(
        self,
        rule: Base,
        fields: tuple[str, ...],
        bound: str,
        one: Found,
        now: int,
        resolve_after_us: int,
        silenced: Silenced,
    ) -> int:
        """Make an alert; how many more are open."""
        held = one.held
        made = alert_id(rule.name, held.group, held.start_us)
        added = self._file.run(
            "add_alert",
            id=made,
            rule=rule.name,
            kind=str(rule.__struct_config__.tag),
            severity=rule.severity,
            description=rule.description,
            labels=_encode(rule.labels).decode(),
            grouping=_encode(dict(zip(fields, map(shortened, held.group), strict=True))).decode(),
            group_key=_key(held.group),
            start_us=held.start_us,
            end_us=held.end_us,
            since_us=held.since_us,
            resolve_after_us=resolve_after_us,
            value=held.value,
            bound=bound,
            summary=held.summary,
            q=held.q,
            trend=_encode(one.trend).decode(),
            now_us=now,
        )
        if added:
            self._changed(made, FIRING, now, silenced)
        return added

    def _extend(self, row: Row, one: Found, others: list[Row], now: int, silenced: Silenced) -> int:
        """Have an alert last longer, and as long as others that turn out to be the same; how many more are open."""
        held = one.held
        others = [other for other in others if other["state"] != RESOLVED]
        start_us = min([held.start_us, *(other["start_us"] for other in others)])
        end_us = max([held.end_us, *(other["end_us"] for other in others)])
        is_worse = held.value > row["value"] or held.end_us > row["end_us"]
        is_longer = end_us > row["end_us"]
        if not (is_worse or is_longer or start_us < row["start_us"] or others):
            return 0
        worst = max([(held.value, held.summary)] + [(other["value"], other["summary"]) for other in others])
        self._file.run(
            "extend_alert",
            id=row["id"],
            start_us=start_us,
            end_us=end_us,
            since_us=min([held.since_us, *(other["since_us"] for other in others)]),
            now_us=now if is_longer else row["seen_us"],
            value=worst[0] if is_worse or worst[0] > row["value"] else row["value"],
            summary=worst[1] if is_worse or worst[0] > row["value"] else row["summary"],
            trend=_encode(one.trend).decode() if one.trend else row["trend"],
        )
        for other in others:
            self._move(other, RESOLVED, now, silenced, comment=f"the same as {row['id']}, which lasts on")
        lasts = end_us + row["resolve_after_us"] > now
        if is_longer and lasts and row["state"] == RESOLVED:
            self._move(row, FIRING, now, silenced)
            return 1 - len(others)
        return -len(others)

    def _move(self, row: Row, state: str, now: int, silenced: Silenced, by: str = "", comment: str = "") -> None:
        acknowledged = {"acknowledged_us": row["acknowledged_us"], "acknowledged_by": row["acknowledged_by"]}
        if state == ACKNOWLEDGED:
            acknowledged = {"acknowledged_us": now, "acknowledged_by": by}
        elif state == FIRING:
            acknowledged = {"acknowledged_us": None, "acknowledged_by": ""}
        resolved_us = now if state == RESOLVED else None
        self._file.run("set_state", id=row["id"], state=state, resolved_us=resolved_us, **acknowledged)
        if state == FIRING:
            self._file.run("set_told", id=row["id"], is_told=0)
        self._changed(row["id"], state, now, silenced, by, comment)

    def _changed(self, alert: str, state: str, now: int, silenced: Silenced, by: str = "", comment: str = "") -> None:
        self._file.run("add_transition", alert=alert, state=state, at_us=now, by_whom=by, comment=comment)
        self._file.run("prune_transitions", alert=alert, most=MAX_TRANSITIONS)
        row = self.find(alert)
        if row is None or not self._tells:
            return
        # Nobody is told of the end of what they were not told of.
        if state == FIRING or row["is_told"]:
            if not is_silenced(row, silenced):
                self._tell(row, state, now)
            elif state != FIRING:
                self._file.run("set_told", id=alert, is_told=_KEPT_BACK)

    def _tell(self, row: Row, state: str, now: int) -> None:
        """Put a message in the outbox, in the transaction of the change it tells of."""
        changes = len(self._file.rows("transitions", alert=row["id"], most=MAX_TRANSITIONS))
        delivery = f"{row['id']}-{changes}-{state}-{now}"
        body = self._body(row, state, delivery, now)
        self._file.run("set_told", id=row["id"], is_told=1)
        self._file.run("post", delivery=delivery, alert=row["id"], body=body.decode(), now_us=now)
        excess = self._file.number("count_posts") - MAX_POSTS
        if excess > 0:
            self._file.run("oldest_posts", excess=excess)
            self._file.count_up("given_up", excess)


def _key(group: tuple[str, ...]) -> str:
    return _encode([shortened(value) for value in group]).decode()


def is_silenced(row: Row, silenced: Silenced) -> bool:
    """Whether a silence is for this alert."""
    return (row["rule"], _decode(row["grouping"])) in silenced
