"""The baseline of a site file, as one run or one command uses it."""

from __future__ import annotations

from typing import Any

from otmon.baseline.book import Book
from otmon.baseline.compare import Baseline
from otmon.baseline.learn import Site
from otmon.config import Baseline as Settings
from otmon.state import baseline as kept
from otmon.state import journal
from otmon.state.site_file import SiteFile


class BaselineMemory:
    """A baseline that was loaded, and what of it has to be written."""

    def __init__(self, site: SiteFile, settings: Settings) -> None:
        """Loads all of it; a site that has none begins to learn."""
        with site.reading() as db:
            self.baseline = Baseline(load(db), Site.of(kept.load_facts(db)), settings)
            self._entry = journal.last_id(db)
        self.baseline.sources = (str(site.path),)

    def save(self, db: Any) -> None:
        """Takes over what people settled in the meantime, and writes what has changed.

        Args:
            db: A connection inside a transaction; `saved` says that it ended well.
        """
        self.baseline.enforce_saturated()
        self._entry, touched, edges = kept.settled_since(db, self._entry)
        if touched:
            self.baseline.take_over(touched, edges)
        self.write(db)

    def write(self, db: Any) -> None:
        """Writes what has changed, and nothing else."""
        kept.save(db, changes_of(self.baseline))

    def saved(self) -> None:
        """The transaction of `save` ended well."""
        self.baseline.book.kept()


def load(db: Any) -> Book:
    """The statements of a site file."""
    book = Book()
    for party, addresses in kept.load_parties(db):
        book.add_party(party)
        for address in addresses:
            book.add_address(address, party.id)
    for edge in kept.load_edges(db):
        book.add_edge(edge)
    for statement in kept.load_statements(db):
        book.add(statement)
    book.kept()
    return book


def changes_of(baseline: Baseline) -> kept.Changes:
    """What has to be written of a baseline."""
    book = baseline.book
    statements = [one for one in map(book.get, book.changed) if one is not None]
    counted = [
        one
        for key in book.counted
        if key not in book.changed and (one := book.get(key)) is not None
    ]
    edges = [one for one in map(book.edge, book.changed_edges) if one is not None]
    addresses: dict[str, list[kept.Address]] = {}
    if book.changed_parties:
        for address, identity in book.addresses():
            if identity in book.changed_parties:
                addresses.setdefault(identity, []).append(address)
    parties = [
        (party, addresses.get(party.id, []))
        for party in map(book.party, book.changed_parties)
        if party is not None
    ]
    return kept.Changes(
        statements=statements,
        counted=counted,
        removed=list(book.removed),
        edges=edges,
        removed_edges=[key for key in book.changed_edges if book.edge(key) is None],
        parties=parties,
        removed_parties=[one for one in book.changed_parties if book.party(one) is None],
        facts=baseline.site.facts(),
    )
