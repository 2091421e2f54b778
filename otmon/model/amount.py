"""Numbers as people read them."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """How many of a thing there are: 1 alert, 2 alerts."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def size(count: int) -> str:
    """Bytes as people read them."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{count:,} bytes" if unit == "bytes" else f"{amount:.3g} {unit}"
