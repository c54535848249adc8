"""What of a message is variable wherever it stands: the mask that fingerprints are taken of."""

from __future__ import annotations

_HEX = "[0-9a-fA-F]"
# UUIDs, 0x… numbers, and runs of hex digits with a decimal digit in them, with what follows after . : or ,
# (addresses, times, amounts). For engines that match in linear time (RE2's, Rust's): `re` would go back and forth.
VARIABLE = rf"{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}|0x{_HEX}+|{_HEX}*[0-9]{_HEX}*(?:[.:,][0-9]+)*"
MASK = "<*>"
