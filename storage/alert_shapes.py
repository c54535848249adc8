"""What the answers about alerts hold, and the bodies that change them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from logmill.openapi import Shape, Success

MAX_TEXT_CHARS = 1000
_Name = Annotated[str, Meta(max_length=200)]
_Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
State = Literal["firing", "acknowledged", "silenced", "resolved"]


class AlertQuery(Shape):
    """The logs that an alert is about: parameters of GET /logs, and of the dashboard's address."""

    q: str
    since: str
    until: str


class Alert(Shape):
    """An alert.

    Attributes:
        id: its id, which follows from rule, group and begin.
        rule: the detector that raised it.
        kind: of what kind that is.
        severity: low, medium, high or critical.
        state: firing, acknowledged, silenced (it fires, and a silence holds) or resolved.
        group: whom it is about, by field.
        summary: what is the matter, in a sentence.
        description: what the rule says of it.
        labels: the rule's.
        value: the number that was compared.
        limit: the condition.
        since: event time at which the condition began to hold.
        until: event time at which it is known to have held last.
        fired_at: when it was raised.
        acknowledged_at: when somebody took it.
        acknowledged_by: who.
        resolved_at: when it was over.
        trend: how many logs there were in equal pieces of the time around its begin.
        query: finds its logs.
    """

    id: str
    rule: str
    kind: str
    severity: str
    state: State
    group: dict[str, str]
    summary: str
    description: str
    labels: dict[str, str]
    value: float
    limit: str
    since: str
    until: str
    fired_at: str
    acknowledged_at: str | None
    acknowledged_by: str
    resolved_at: str | None
    trend: list[int]
    query: AlertQuery


class AlertCounts(Shape):
    """How many alerts there are in each state; those of `firing` that are silenced are counted there."""

    firing: int
    acknowledged: int
    silenced: int
    resolved: int


class AlertPage(Success):
    """A page of alerts, newest first.

    Attributes:
        count: how many it shows.
        truncated: whether there are more.
        counts: how many there are by state, on all pages and of all rules.
        next_cursor: for the next page, null where there is none.
    """

    count: int
    truncated: bool
    counts: AlertCounts
    alerts: list[Alert]
    next_cursor: str | None


class Transition(Shape):
    """A change of an alert: its state from then on, who changed it ("" for Logmill itself) and why."""

    state: str
    at: str
    by: str
    comment: str


class OneAlert(Success):
    """One alert and its changes, newest first."""

    alert: Alert
    history: list[Transition]


class AlertRule(Shape):
    """A detector and how it is doing.

    Attributes:
        name: its name.
        kind: threshold, burst, spike, silence or new_pattern.
        severity: of its alerts.
        description: what it means.
        q: the search it looks at.
        group_by: the fields of its groups.
        limit: its condition.
        open: how many of its alerts are not resolved.
        evaluated_at: when it was evaluated last, null for not since the start.
        evaluated_until: until when it was evaluated.
        duration_s: how long the last evaluation took.
        evaluations: how many there were since the start.
        failures: how many of them failed.
        last_error: why the last one failed, null where it did not.
        truncated: whether the last one had more to look at than it may.
        behind: whether it has still to look at more, or waits for logs that are late.
        waiting: spans of time that it has still to look at, some of them only once they are over.
    """

    name: str
    kind: str
    severity: str
    description: str
    q: str
    group_by: list[str]
    limit: str
    open: int
    evaluated_at: str | None
    evaluated_until: str | None
    duration_s: float
    evaluations: int
    failures: int
    last_error: str | None
    truncated: bool
    behind: bool
    waiting: int


class Webhook(Shape):
    """How the webhook is doing.

    Attributes:
        enabled: whether there is one.
        waiting: messages that wait.
        delivered: those that were delivered.
        given_up: those that were given up.
        last_error: why the last one was not delivered, null where it was.
    """

    enabled: bool
    waiting: int
    delivered: int
    given_up: int
    last_error: str | None


class AlertRules(Success):
    """Every detector, and the webhook.

    Attributes:
        unjudged: spans of time that were given up, since their evaluation failed again and again.
        left_out: groups that had no alert, since too many of their rule were open.
    """

    rules: list[AlertRule]
    webhook: Webhook
    unjudged: int
    left_out: int


class AlertSilence(Shape):
    """A silence: until it ends, nobody is told of the alerts it is for.

    Attributes:
        id: its id.
        rule: the rule it is for, "" for any.
        group: values that the alert's group must have; none for any.
        until: when it ends.
        created_at: when it was made.
        by: who made it.
        comment: why.
    """

    id: str
    rule: str
    group: dict[str, str]
    until: str
    created_at: str
    by: str
    comment: str


class AlertSilences(Success):
    """The silences that are not over, newest first."""

    silences: list[AlertSilence]


class OneSilence(Success):
    """A silence."""

    silence: AlertSilence


class SilenceRemoved(Success):
    """A silence is over."""

    id: str


class Acknowledgement(Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes an alert, and what they say of it."""

    by: _Name = ""
    comment: _Text = ""


class NewSilence(Struct, frozen=True, forbid_unknown_fields=True):
    """A silence to be made; it has a rule, a group or both.

    Attributes:
        until: when it ends: ISO 8601, Unix time, or from now on, as in now+2h.
        rule: the rule it is for, "" for any.
        group: values that the alert's group must have.
        by: who makes it.
        comment: why.
    """

    until: Annotated[str, Meta(min_length=1, max_length=100)]
    rule: _Name = ""
    group: Annotated[dict[_Name, Annotated[str, Meta(max_length=10_000)]], Meta(max_length=10)] = field(
        default_factory=dict
    )
    by: _Name = ""
    comment: _Text = ""
