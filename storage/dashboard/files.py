"""The dashboard's files as they are answered: read once, compressed once, under a name that changes with them."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Less than this fits a packet as it is.
_COMPRESS_FROM_BYTES = 1024


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


def load() -> Files:
    """Read them all, some hundred kilobytes.

    In the page `{version}` becomes the version, and `{modules}` a line for each module, so that the browser fetches
    them side by side instead of one after the other as it comes upon their imports.
    """
    folder = _FOLDER / "static"
    paths = sorted(path for path in folder.rglob("*") if path.suffix in _TYPES)
    assets = {path.relative_to(folder).as_posix(): _asset(path.read_bytes(), _TYPES[path.suffix]) for path in paths}
    page = (_FOLDER / "index.html").read_text("utf-8")
    tags = "".join(asset.etag for asset in assets.values())
    version = _digest((page + tags).encode())
    modules = (name for name in assets if name.endswith(".js"))
    preload = "\n".join(f'<link rel="modulepreload" href="static/{version}/{name}">' for name in modules)
    html = page.replace("{modules}", preload).replace("{version}", version)
    return Files(_asset(html.encode(), "text/html; charset=utf-8"), version, assets)


def _asset(content: bytes, content_type: str) -> Asset:
    zipped = gzip.compress(content, 9, mtime=0) if len(content) >= _COMPRESS_FROM_BYTES else None
    return Asset(content, zipped, content_type, _digest(content))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
