"""What a reader of foreign input is to the fuzzer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vllm_costmeter.core.dataclass import dataclass

ROOT = Path(__file__).resolve().parents[2]
LARGEST_SEED_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Reader:
    """One kind of foreign input."""

    name: str
    what: str
    """As the page says it."""
    read: Callable[[bytes, Path], object]
    """Reads the input as the product does. It may write it into the folder, which is its own and fast."""
    files: tuple[str, ...] = ()
    """Globs, from the project's root, of real inputs; none: the reader's own folder of scripts/fuzz/seeds."""
    built: Callable[[], list[bytes]] = list
    """Inputs that are no file of their own."""
    parses: tuple[str, ...] = ()
    """The files of the package that take the input apart."""

    def seeds(self) -> list[bytes]:
        """What inputs are made from, in a fixed order; long files cut at a line."""
        patterns = self.files or (f"scripts/fuzz/seeds/{self.name}/*",)
        found = [path.read_bytes() for pattern in patterns for path in sorted(ROOT.glob(pattern))]
        return [_short(each) for each in (*found, *self.built())]


def _short(data: bytes) -> bytes:
    if len(data) <= LARGEST_SEED_BYTES or data.startswith((b"SQLite", b"GGUF")):
        return data
    return data[: data.rfind(b"\n", 0, LARGEST_SEED_BYTES) + 1 or LARGEST_SEED_BYTES]


def written(folder: Path, name: str, data: bytes) -> Path:
    """The path of a file with that content."""
    path = folder / name
    path.write_bytes(data)
    return path


def text_of(data: bytes) -> str:
    """What came over HTTP or in a variable: always text."""
    return data.decode("utf-8", errors="replace")
