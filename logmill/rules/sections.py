"""What a rules file holds, section by section; a field's docstring line is its documentation."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from logmill.record import LEVELS
from logmill.rules.detectors import Detectors

MAX_RULES = 1000
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")]
Expression = Annotated[str, Meta(min_length=1, max_length=10_000)]
Mode = Literal["mask", "hash", "drop", "off"]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
assert set(Level.__args__) == set(LEVELS)  # type: ignore[attr-defined]  # noqa: S101  # a type cannot be made of a tuple


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which logs a rule is for: those of which everything holds that is given here.

    Attributes:
        level: one of these levels.
        service: one of these services.
        method: one of these HTTP methods.
        text: an expression found in the message, the service or the path.
        message: an expression found in the message.
        path: an expression found in the path.
        metadata: an expression found in the metadata, which is a JSON object as text.
        error_code: an expression found in the error code; "." is any.
        status_from: a status code of at least this.
        status_to: a status code of at most this.
        response_ms_from: a response time of at least this, in milliseconds.
        slow: a response time of at least LOGMILL_SLOW_RESPONSE_MS.
    """

    level: list[Level] | None = None
    service: list[str] | None = None
    method: list[str] | None = None
    text: Expression | None = None
    message: Expression | None = None
    path: Expression | None = None
    metadata: Expression | None = None
    error_code: Expression | None = None
    status_from: Annotated[int, Meta(ge=0, le=999)] | None = None
    status_to: Annotated[int, Meta(ge=0, le=999)] | None = None
    response_ms_from: Annotated[float, Meta(ge=0)] | None = None
    slow: Literal[True] | None = None


class TagRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Adds a tag to the logs of a condition."""

    tag: Name
    when: Condition


class AnomalyRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Makes the logs of a condition anomalies, for this reason."""

    reason: Name
    when: Condition


class SeverityRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Adds to the severity of the logs of a condition, or takes off it."""

    add: Annotated[int, Meta(ge=-100, le=100)]
    when: Condition


class RedactionRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of sensitive text of one's own.

    Attributes:
        name: what is shown in its place: `<name>`.
        pattern: what it looks like; where it has a group named `secret`, only that is redacted.
        mode: how; the section's mode where it is missing.
    """

    name: Name
    pattern: Expression
    mode: Mode | None = None


class ParsingRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form of message of one's own, whose named groups become metadata.

    Attributes:
        name: what it is called, in errors and metrics.
        pattern: an expression with named groups; or
        grok: the same with %{PATTERN:field} in it.
    """

    name: Name
    pattern: Expression | None = None
    grok: Expression | None = None


class Tags(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `tags`. With `defaults: false` the shipped rules are left out, as in the other sections."""

    defaults: bool = True
    rules: Annotated[list[TagRule], Meta(max_length=MAX_RULES)] = field(default_factory=list)


class Anomalies(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `anomalies`."""

    defaults: bool = True
    rules: Annotated[list[AnomalyRule], Meta(max_length=MAX_RULES)] = field(default_factory=list)


class Severity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `severity`: what is added to the severity that a level has of itself."""

    defaults: bool = True
    rules: Annotated[list[SeverityRule], Meta(max_length=MAX_RULES)] = field(default_factory=list)


class Kinds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The modes of shipped kinds of sensitive text; the section's mode where one is missing.

    Attributes:
        email: addresses of mail.
        phone: telephone numbers in international form.
        card: numbers of payment cards, whose last digit checks the others (Luhn).
        iban: bank account numbers (ISO 13616), which are checked too.
        national_id: numbers of persons that have a check digit, of several countries.
        jwt: JSON Web Tokens (RFC 7519).
        token: bearer tokens, and API tokens of well-known vendors.
        password: passwords and other secrets that are named as such.
        private_key: private key blocks (RFC 7468).
        ip: addresses of the Internet, IPv4 and IPv6.
    """

    email: Mode | None = None
    phone: Mode | None = None
    card: Mode | None = None
    iban: Mode | None = None
    national_id: Mode | None = None
    jwt: Mode | None = None
    token: Mode | None = None
    password: Mode | None = None
    private_key: Mode | None = None
    ip: Mode | None = None


class Formats(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether messages of a shipped format are parsed.

    Attributes:
        json: a JSON object.
        logfmt: `key=value` pairs.
        access: access logs of Apache and Nginx, common and combined.
        error: error logs of Apache and Nginx.
        syslog: RFC 5424 and RFC 3164.
        trace: stack traces of Java, Python and Go.
        cri: lines of container runtimes, as Kubernetes keeps them.
        time: text that begins with a time with a zone.
    """

    json: bool = True
    logfmt: bool = True
    access: bool = True
    error: bool = True
    syslog: bool = True
    trace: bool = True
    cri: bool = True
    time: bool = True


class Redaction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `redaction`.

    Attributes:
        mode: how every kind is redacted that has no mode of its own.
        kinds: the modes of shipped kinds.
        rules: kinds of one's own.
    """

    mode: Mode | None = None
    kinds: Kinds = Kinds()
    rules: Annotated[list[RedactionRule], Meta(max_length=MAX_RULES)] = field(default_factory=list)


class Parsing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `parsing`.

    Attributes:
        formats: whether messages of a shipped format are parsed.
        rules: forms of one's own, which are tried before the shipped ones; the first that fits is taken.
    """

    formats: Formats = Formats()
    rules: Annotated[list[ParsingRule], Meta(max_length=MAX_RULES)] = field(default_factory=list)


class Sections(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole rules file; a section that is missing leaves the shipped rules as they are."""

    redaction: Redaction = Redaction()
    parsing: Parsing = Parsing()
    tags: Tags = Tags()
    severity: Severity = Severity()
    anomalies: Anomalies = Anomalies()
    detectors: Detectors = Detectors()
