"""The named patterns that grok expressions may use, for Rust's regex crate: linear in time, so none looks around."""

from __future__ import annotations

_HEX = "[0-9A-Fa-f]"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LEVELS = (
    "trace|debug|dbg|verbose|info(?:rmation(?:al)?)?|notice|warn(?:ing)?|err(?:or)?|severe|crit(?:ical)?|fatal"
    "|alert|emerg(?:ency)?|panic"
)

# The names are those that Logstash made usual; what each matches is our own,
# and simpler where look-around served there.
PATTERNS: dict[str, str] = {
    "INT": r"[+-]?[0-9]+",
    "POSINT": r"[1-9][0-9]*",
    "NONNEGINT": r"[0-9]+",
    "NUMBER": r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)",
    "BASE10NUM": "%{NUMBER}",
    "BASE16NUM": rf"[+-]?(?:0x)?{_HEX}+",
    "WORD": r"[A-Za-z0-9_]+",
    "NOTSPACE": r"[^\s]+",
    "SPACE": r"[\s]*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "MULTILINEDATA": r"(?s:.*)",
    "QUOTEDSTRING": r'(?:"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')',
    "QS": "%{QUOTEDSTRING}",
    "UUID": rf"{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}",
    "MAC": rf"(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}",
    "IPV4": rf"{_OCTET}(?:\.{_OCTET}){{3}}",
    "IPV6": rf"(?:{_HEX}{{0,4}}:){{2,7}}(?:%{{IPV4}}|{_HEX}{{0,4}})",
    "IP": "(?:%{IPV4}|%{IPV6})",
    "HOSTNAME": r"[0-9A-Za-z_](?:[0-9A-Za-z_-]*[0-9A-Za-z_])?(?:\.[0-9A-Za-z_](?:[0-9A-Za-z_-]*[0-9A-Za-z_])?)*",
    "IPORHOST": "(?:%{IP}|%{HOSTNAME})",
    "HOSTPORT": "%{IPORHOST}:%{POSINT}",
    "USERNAME": r"[A-Za-z0-9._-]+",
    "USER": "%{USERNAME}",
    "EMAILADDRESS": r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@%{HOSTNAME}",
    "UNIXPATH": r"(?:/[^\s/]*)+",
    "WINPATH": r"(?:[A-Za-z]:|\\)(?:\\[^\\?*\s]*)+",
    "PATH": "(?:%{UNIXPATH}|%{WINPATH})",
    "URIPROTO": r"[A-Za-z][A-Za-z0-9+.-]*",
    "URIHOST": "%{IPORHOST}(?::%{POSINT})?",
    "URIPATH": r"/[^\s?#]*",
    "URIQUERY": r"[^\s#]*",
    "URIPARAM": r"\?[^\s#]*",
    "URIPATHPARAM": "%{URIPATH}(?:%{URIPARAM})?",
    "URI": r"%{URIPROTO}://(?:[^\s/@]*@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?(?:#[^\s]*)?",
    "YEAR": r"[0-9]{4}",
    "MONTHNUM": r"(?:0?[1-9]|1[0-2])",
    "MONTHDAY": r"(?:0[1-9]|[12][0-9]|3[01]|[1-9])",
    "MONTH": r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)",
    "DAY": r"(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)",
    "HOUR": r"(?:2[0-3]|[01]?[0-9])",
    "MINUTE": r"[0-5][0-9]",
    "SECOND": r"(?:[0-5][0-9]|60)(?:[.,][0-9]+)?",
    "TIME": "%{HOUR}:%{MINUTE}:%{SECOND}",
    "TZ": r"[A-Z]{3,4}",
    "ISO8601_TIMEZONE": r"(?:Z|[+-]%{HOUR}(?::?%{MINUTE})?)",
    "TIMESTAMP_ISO8601": r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?%{ISO8601_TIMEZONE}?",
    "DATE": r"(?:%{YEAR}[/-]%{MONTHNUM}[/-]%{MONTHDAY}|%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}"
    r"|%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR})",
    "HTTPDATE": r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} [+-][0-9]{4}",
    "SYSLOGTIMESTAMP": r"%{MONTH} +%{MONTHDAY} %{TIME}",
    "SYSLOGPROG": r"[!-Z\\^-~]+(?:\[%{POSINT}\])?",
    "LOGLEVEL": rf"(?i:{_LEVELS})",
    "JAVACLASS": r"(?:[A-Za-z_$][A-Za-z0-9_$]*\.)*[A-Za-z_$][A-Za-z0-9_$]*",
}
