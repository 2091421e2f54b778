"""In what something is new that no statement covers, by the words of `baseline.novel`."""

from __future__ import annotations

from otmon.baseline.book import Book, is_known
from otmon.baseline.deed import LINK_CLASSES, Deed
from otmon.model.statement import Key


def of_edge(book: Book, client: str, server: str) -> tuple[str, ...]:
    """In what a conversation of two devices is new that nobody knows, the widest first."""
    if book.knows_peer(client, server):
        return ("service",)
    if book.knows_asset(client) and book.knows_asset(server):
        return ("peer", "service")
    return ("asset", "peer", "service")


def of_deed(book: Book, deed: Deed) -> tuple[str, ...]:
    """In what a deed on an enforcing edge is new."""
    head = book.get(Key("edge", *deed.edge))
    if head is not None and not is_known(head):
        if deed.operation_class in LINK_CLASSES:
            return head.novel
        return (*head.novel, "operation")
    if deed.operation_class in LINK_CLASSES:
        return ()
    operation = (deed.unit, deed.operation_class, deed.operation)
    if not book.knows_operation(deed.edge, operation):
        return ("operation",)
    if deed.failure is not None:
        return ("exception",)
    return ("read_range",) if deed.folded else ("object",)


def widest(key: Key) -> str:
    """In what a statement's subject is new, once nothing covers it any more."""
    return {
        "asset": "asset",
        "edge": "service",
        "change": "object",
        "stream": "object",
        "read": "operation",
        "outside": "read_range",
        "session": "session",
        "exception": "exception",
    }.get(key.kind, "operation")
