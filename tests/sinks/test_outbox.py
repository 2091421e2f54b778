"""The queue before a remote sink."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from otmon.sinks import dead_letters, ledger, outbox
from otmon.sinks.outbox import Bounds, Document, Failure
from otmon.state.site_file import SiteFile

LATER = 2**62


def document(
    name: str, priority: int = 3, body: bytes = b'{"event":{}}', **more: object
) -> Document:
    given = {"target": "logs-otmon.operation-default", "op": "create"} | more
    return Document(priority=priority, id=name, body=body, **given)  # type: ignore[arg-type]  # each has its own


def put(site: SiteFile, *documents: Document, bounds: Bounds | None = None) -> int:
    with site.transaction() as db:
        return outbox.put(db, documents, bounds)


def waiting(site: SiteFile, **limits: int) -> list[str]:
    with site.reading() as db:
        rows = outbox.batch(db, now_ns=LATER, **limits)
    return [row.document.id for row in rows]


def status(site: SiteFile) -> outbox.Status:
    with site.reading() as db:
        return outbox.status(db)


def test_what_matters_most_goes_first_then_what_came_first(site):
    put(site, document("a", 4), document("b", 0), document("c", 4), document("d", 1))

    assert ["b", "d", "a", "c"] == waiting(site)


def test_a_document_that_waits_is_not_put_in_twice(site):
    assert 1 == put(site, document("a"))
    assert 0 == put(site, document("a"))
    assert ["a"] == waiting(site)


def test_a_newer_version_of_an_index_document_replaces_the_older_one(site):
    put(site, document("a", op="index", version=1, body=b"old"))
    put(site, document("a", op="index", version=2, body=b"newer"))

    with site.reading() as db:
        rows = outbox.batch(db, now_ns=LATER)
    assert [b"newer"] == [row.document.body for row in rows]
    assert len(b"newer") + outbox.ROW_BYTES == status(site).bytes


def test_documents_of_a_transaction_that_fails_are_not_there(site):
    with pytest.raises(ZeroDivisionError), site.transaction() as db:
        outbox.put(db, [document("a")])
        raise ZeroDivisionError

    assert [] == waiting(site)
    assert 0 == status(site).bytes


def test_a_batch_has_bounds_by_number_and_by_bytes_but_is_never_empty(site):
    put(site, *(document(str(number), body=b"x" * 100) for number in range(5)))

    assert ["0", "1"] == waiting(site, at_most=2)
    assert ["0", "1"] == waiting(site, max_bytes=250)
    assert ["0"] == waiting(site, max_bytes=1)


def test_what_is_acknowledged_is_gone_with_its_bytes(site):
    put(site, document("a"), document("b"))
    with site.transaction() as db:
        outbox.acknowledge(db, outbox.batch(db, at_most=1, now_ns=LATER))

    assert ["b"] == waiting(site)
    assert len(b'{"event":{}}') + outbox.ROW_BYTES == status(site).bytes


def test_an_acknowledgement_never_takes_out_another_document_that_got_its_number(site):
    put(site, document("a", op="index", version=1), document("b", op="index", version=1))
    with site.reading() as db:
        rows = outbox.batch(db, now_ns=LATER)
    # While both are on their way the last is replaced: SQLite gives its number again.
    put(site, document("b", op="index", version=2, body=b"newer"))
    with site.transaction() as db:
        outbox.put_off(db, [(rows[1], LATER + 1)])
        outbox.acknowledge(db, rows)

    with site.reading() as db:
        left = outbox.batch(db, now_ns=LATER)
    assert [(rows[1].seq, b"newer", 0)] == [(o.seq, o.document.body, o.attempts) for o in left]
    assert len(b"newer") + outbox.ROW_BYTES == status(site).bytes


def test_what_is_on_its_way_is_not_given_again(site):
    put(site, *map(document, "abcd"))
    with site.reading() as db:
        first = outbox.batch(db, at_most=2, now_ns=LATER)
        second = outbox.batch(db, now_ns=LATER, besides=[row.seq for row in first])

    assert ["c", "d"] == [row.document.id for row in second]


def test_a_queue_is_empty_until_something_is_put_in_and_after_it_is_taken_out(site):
    told = []
    for change in (lambda: put(site, document("a")), lambda: take(site)):
        with site.reading() as db:
            told.append(outbox.is_empty(db))
        change()
    with site.reading() as db:
        told.append(outbox.is_empty(db))

    assert [True, False, True] == told


def take(site: SiteFile) -> None:
    with site.transaction() as db:
        outbox.acknowledge(db, outbox.batch(db, now_ns=LATER))


def test_what_is_put_off_waits_until_its_time(site):
    put(site, document("a"), document("b"))
    with site.transaction() as db:
        first = outbox.batch(db, at_most=1, now_ns=0)
        outbox.put_off(db, [(first[0], 500)])
        before = [row.document.id for row in outbox.batch(db, now_ns=499)]
        after = [(row.document.id, row.attempts) for row in outbox.batch(db, now_ns=500)]

    assert ["b"] == before
    assert [("a", 1), ("b", 0)] == after


def test_a_full_queue_drops_conversations_then_operations_and_never_alerts(site):
    kinds = [(0, 3), (1, 3), (3, 3), (4, 3)]
    documents = [
        document(f"{priority}.{number}", priority, b"x" * 840)
        for priority, count in kinds
        for number in range(count)
    ]
    put(site, *documents, bounds=Bounds(max_bytes=7_000))
    assert 6 == len(waiting(site))  # one goes at a time by lots of DROP_ROWS

    put(site, document("0.9", 0, b"x" * 840), bounds=Bounds(max_bytes=2_000))

    assert ["0.0", "0.1", "0.2", "0.9"] == waiting(site)
    assert {"dropped.room.4": 3, "dropped.room.3": 3, "dropped.room.1": 3} == status(site).counts


def test_what_is_too_old_is_dropped_and_counted(site):
    put(site, document("a", 0))
    with site.transaction() as db:
        db.execute("UPDATE outbox SET enqueued_at = 0")
    put(site, document("b", 0))

    assert ["b"] == waiting(site)
    assert {"dropped.age.0": 1} == status(site).counts


def test_all_that_is_too_old_goes_however_much_it_is(site):
    put(site, *(document(str(number)) for number in range(2 * outbox.DROP_ROWS + 1)))
    with site.transaction() as db:
        db.execute("UPDATE outbox SET enqueued_at = 0")
    put(site, document("new"))

    assert ["new"] == waiting(site)
    assert {"dropped.age.3": 2 * outbox.DROP_ROWS + 1} == status(site).counts


def test_a_dead_letter_says_why_and_can_be_sent_again(site):
    put(site, document("a"))
    with site.transaction() as db:
        rows = outbox.batch(db, now_ns=LATER)
        dead_letters.bury(db, [(rows[0], Failure(400, "document_parsing_exception", "bad date"))])
        (told,) = dead_letters.dead_by_error(db)

    assert (400, "document_parsing_exception", "bad date", 1) == (
        told.status,
        told.kind,
        told.reason,
        told.count,
    )
    assert ("logs-otmon.operation-default",) == told.targets
    assert [] == waiting(site)
    with site.transaction() as db:
        assert 1 == dead_letters.revive(db)
    assert ["a"] == waiting(site)
    assert 0 == status(site).dead_letters


def test_dead_letters_have_a_tenth_of_the_room_and_the_oldest_go_first(site):
    put(site, *(document(str(number), body=b"x" * 100) for number in range(150)))
    with site.transaction() as db:
        rows = outbox.batch(db, now_ns=LATER)
        dead = [(row, Failure(400, "bad", "bad")) for row in rows]
        dead_letters.bury(db, dead, Bounds(max_bytes=100_000))

    assert 50 == status(site).dead_letters
    assert {"dead_letter": 150, "dead_letter_dropped": 100} == status(site).counts


def test_dead_letters_that_were_never_in_the_queue_have_the_same_room(site):
    dead = [(document(str(n), body=b"x" * 100), Failure(0, "too_big", "big")) for n in range(150)]
    with site.transaction() as db:
        dead_letters.lament(db, dead, Bounds(max_bytes=100_000))

    assert 50 == status(site).dead_letters


def test_numbers_of_a_series_are_given_once(site):
    with site.transaction() as db:
        assert 1 == ledger.next_in(db, "alert", 3)
        assert 4 == ledger.next_in(db, "alert")
        assert 1 == ledger.next_in(db, "asset")


def backlog(path: Path, megabytes: int = 16) -> int:
    """Lets so much wait in a state, beside something that stays; gives the size of the file."""
    with SiteFile.open(path, durable=False) as site:
        put(site, document("first"), *(
            document(f"d{number}", body=b"x" * 1_000) for number in range(megabytes * 1_000)
        ))  # fmt: skip
        with site.transaction() as db:
            # What came last stands at the end of the file.
            db.execute("INSERT OR REPLACE INTO meta VALUES ('kept', ?)", ("y" * 50_000,))
    return path.stat().st_size


def sent(path: Path) -> int:
    """Takes all that waits out, a batch at a time as a sender does; gives the size of the file."""
    with SiteFile.open(path, durable=False) as site:
        while True:
            with site.transaction() as db:
                rows = outbox.batch(db, at_most=1_000, now_ns=LATER)
                outbox.acknowledge(db, rows)
                outbox.shrink(db)
            if not rows:
                break
        assert [] == site.check()
        with site.reading() as db:
            kept = db.execute("SELECT value FROM meta WHERE name = 'kept'").fetchone()[0]
    assert "y" * 50_000 == kept
    return path.stat().st_size


def test_a_state_gives_the_room_of_a_backlog_back_when_it_was_sent(tmp_path):
    path = tmp_path / "site.otmon"
    full = backlog(path)
    spare = (outbox.SPARE_PAGES + 100) * 4096

    assert full > 16_000_000
    assert sent(path) < spare + 500_000


def test_no_more_than_so_many_pages_are_given_back_at_a_time(tmp_path):
    backlog(tmp_path / "site.otmon")
    with SiteFile.open(tmp_path / "site.otmon", durable=False) as site:
        pages = []
        for _ in range(2):
            with site.transaction() as db:
                db.execute("DELETE FROM outbox")
                pages.append(db.execute("PRAGMA page_count").fetchone()[0])
                outbox.shrink(db)
                pages.append(db.execute("PRAGMA page_count").fetchone()[0])

    # Of every 820 pages one says where the others are; it goes with them.
    gone = [pages[0] - pages[1], pages[2] - pages[3]]
    assert [True] * 2 == [0 <= one - outbox.RETURNED_PAGES <= 8 for one in gone]


def test_a_state_of_an_older_otmon_goes_on_as_it_is(tmp_path):
    path = tmp_path / "site.otmon"
    backlog(path, 1)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA auto_vacuum = NONE")
        db.execute("VACUUM")
    full = path.stat().st_size
    again = backlog(path, 16)

    assert full < again == sent(path)
