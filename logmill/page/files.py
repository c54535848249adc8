"""The files of a page as they are answered: read once, compressed once, under a name that changes with them.

The page may run no script and use no style but its own files, load from and send to nobody but its server, and be shown
in no frame. Trusted Types keep even our own scripts from making HTML of text.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SHARED = Path(__file__).parent / "static"
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Less than this fits a packet as it is.
_COMPRESS_FROM_BYTES = 1024
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"

VERSION = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file.

    Attributes:
        content: as it is.
        zipped: by gzip; None where that is not worth it.
        content_type: as in HTTP.
        etag: changes with the content.
    """

    content: bytes
    zipped: bytes | None
    content_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer: status, headers, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Files:
    """The page and what it loads.

    Attributes:
        page: answered at `/`.
        version: changes with any of the files; they may be kept for ever under a path with it.
        assets: by their path below `static/`.
    """

    page: Asset
    version: str
    assets: dict[str, Asset]

    def send_page(self, accept_encoding: str, if_none_match: str) -> Sent:
        """The answer to a request for the page that has these headers, "" for those that it has not."""
        return _send(self.page, _ASK_AGAIN, accept_encoding, if_none_match)

    def send_asset(self, version: str, name: str, accept_encoding: str, if_none_match: str) -> Sent | None:
        """The answer to one for `static/<version>/<name>`; None where there is no such file."""
        wanted = self.assets.get(name) if VERSION.fullmatch(version) else None
        if wanted is None:
            return None
        # A page that is older than its service gets the newer file, but must not keep it by that name.
        return _send(wanted, _FOR_EVER if version == self.version else _ASK_AGAIN, accept_encoding, if_none_match)


def load(folder: Path) -> Files:
    """Read the page `index.html` of a folder, the files of its `static`, and those that all pages share.

    Some hundred kilobytes. In the page `{version}` becomes the version, and `{modules}` a line for each module,
    so that the browser fetches them side by side instead of one after the other as it comes upon their imports.
    """
    assets = {**_read(_SHARED), **_read(folder / "static")}
    page = (folder / "index.html").read_text("utf-8")
    names = sorted(assets)
    version = _digest((page + "".join(assets[name].etag for name in names)).encode())
    html = page.replace("{modules}", _preload(names, version)).replace("{version}", version)
    return Files(_asset(html.encode(), "text/html; charset=utf-8"), version, assets)


def _preload(names: Iterable[str], version: str) -> str:
    modules = (name for name in names if name.endswith(".js"))
    return "\n".join(f'<link rel="modulepreload" href="static/{version}/{name}">' for name in modules)


def _read(folder: Path) -> dict[str, Asset]:
    paths = (path for path in folder.rglob("*") if path.suffix in _TYPES)
    return {path.relative_to(folder).as_posix(): _asset(path.read_bytes(), _TYPES[path.suffix]) for path in paths}


def _asset(content: bytes, content_type: str) -> Asset:
    zipped = gzip.compress(content, 9, mtime=0) if len(content) >= _COMPRESS_FROM_BYTES else None
    return Asset(content, zipped, content_type, _digest(content))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _send(asset: Asset, caching: str, accept_encoding: str, if_none_match: str) -> Sent:
    zipped = asset.zipped if asset.zipped is not None and _takes_gzip(accept_encoding) else None
    # The two forms differ in their bytes, so they have names of their own.
    tag = f'"{asset.etag}"' if zipped is None else f'"{asset.etag}-gzip"'
    headers = {**_HEADERS, "Cache-Control": caching, "Vary": "Accept-Encoding", "ETag": tag}
    known = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    if tag in known or "*" in known:
        return Sent(304, headers, b"")
    headers["Content-Type"] = asset.content_type
    if zipped is None:
        return Sent(200, headers, asset.content)
    return Sent(200, {**headers, "Content-Encoding": "gzip"}, zipped)


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether the header names gzip, and not with the quality 0."""
    for part in accept_encoding.split(","):
        name, _, quality = part.partition(";")
        if name.strip().lower() == "gzip":
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", quality)
    return False
