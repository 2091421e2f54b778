"""The statements of a site: found by key, bounded, with what they know of peers and assets."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from otmon.baseline.ranges import merged
from otmon.model.statement import Edge, Key, Party, Statement

MAX_STATEMENTS = 200_000
"""Statements of a site; past them what is only seen makes room, then nothing is added."""
MAX_WAITING_SHARE = 0.1
"""Share of them that may wait for a person; past it the oldest of them makes room."""
MAX_EDGES = 65_536
"""Conversations of a site."""
FLEETING = 2
"""Times up to which what is being learned may make room for something else."""

EdgeKey = tuple[str, str, str]
OperationKey = tuple[int | None, str, str]
Address = tuple[str | None, str | None, int | None]
"""IP, MAC and VLAN."""


def statement_id(key: Key) -> str:
    """`b-` and ten characters that depend on the key alone."""
    text = "\x1f".join("" if part is None else str(part) for part in key)
    digest = hashlib.sha256(text.encode()).digest()
    # Ten characters of base 32 are the first 50 bits, of 7 bytes.
    return "b-" + base64.b32encode(digest[:7])[:10].decode().lower()


def is_known(statement: Statement) -> bool:
    """Whether what it says is no news: it is normal, or was there while the site learned."""
    if statement.state == "pending":
        return not statement.novel
    return statement.state in ("learning", "learned", "approved")


def _join_edges(edge: Edge, other: Edge) -> None:
    edge.first_seen_ns = min(edge.first_seen_ns, other.first_seen_ns)
    edge.last_seen_ns = max(edge.last_seen_ns, other.last_seen_ns)
    edge.new_ns = max(edge.new_ns, other.new_ns)
    edge.transactions += other.transactions
    edge.flows += other.flows


class _Leaf:
    """An edge with what was said of it."""

    __slots__ = ("edge", "operations", "statements")

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.statements: dict[Key, Statement] = {}
        self.operations: Counter[OperationKey] = Counter()


class Book:
    """All statements and edges.

    What a person settled and what was learned for good never make room for
    traffic: a flood of new things pushes out only other new things.
    """

    def __init__(self, most: int = MAX_STATEMENTS) -> None:
        """Takes how many statements there may be."""
        self._most = most
        self._most_waiting = max(1, int(most * MAX_WAITING_SHARE))
        self._statements: dict[Key, Statement] = {}
        self._ids: dict[str, Key] = {}
        self._leaves: dict[EdgeKey, _Leaf] = {}
        self._peers: Counter[tuple[str, str]] = Counter()
        self._assets: Counter[str] = Counter()
        self._waiting: dict[Key, None] = {}
        """What waits for a person, the oldest first."""
        self._fleeting: dict[Key, None] = {}
        """What is being learned and was seen hardly more than once, the oldest first."""
        self._parties: dict[str, Party] = {}
        self._names: dict[str, str] = {}
        """Ids by name."""
        self._addresses: dict[Address, str] = {}
        """Ids by address, as they were told last."""
        self._by_ip: dict[tuple[str, int | None], str] = {}
        """Ids by IP and VLAN, as they were told first."""
        self._cards: set[tuple[str | None, int | None]] = set()
        """Hardware addresses that are known, with their VLANs."""
        self.evicted_count = 0
        """Statements that made room for others."""
        self.left_out_count = 0
        """Statements for which there was no room."""
        self.changed: dict[Key, None] = {}
        """Statements that differ from what was kept last."""
        self.counted: dict[Key, None] = {}
        """Those of which only the counts may differ."""
        self.changed_edges: dict[EdgeKey, None] = {}
        self.removed: dict[str, None] = {}
        """Ids of statements that are gone since then."""
        self.changed_parties: dict[str, None] = {}

    def party(self, identity: str) -> Party | None:
        """The device of an id."""
        return self._parties.get(identity)

    def parties(self) -> Iterable[Party]:
        """Every device that statements name, and some that they named once."""
        return self._parties.values()

    def name(self, identity: str) -> str:
        """What people call a device."""
        party = self._parties.get(identity)
        return identity if party is None else party.name

    def named(self, name: str) -> str | None:
        """The id of the device that people call so."""
        return self._names.get(name)

    def who(self, address: Address) -> str | None:
        """The id of what had an address when it was told of last.

        An IP address that comes by the hardware address of another known device
        came by another way, through a router: it is who it was. One that comes
        by a new hardware address is somebody else, until the inventory says.
        """
        known = self._addresses.get(address)
        ip, mac, vlan = address
        if known is None and ip is not None and (mac, vlan) in self._cards:
            return self._by_ip.get((ip, vlan))
        return known

    def add_address(self, address: Address, identity: str) -> None:
        """Takes another address of a device."""
        self._addresses[address] = identity
        self.changed_parties[identity] = None
        ip, mac, vlan = address
        if ip is not None:
            self._by_ip.setdefault((ip, vlan), identity)
        self._cards.add((mac, vlan))

    def kept(self) -> None:
        """Takes note that everything was written."""
        for changes in (self.changed, self.counted, self.changed_edges, self.changed_parties):
            changes.clear()
        self.removed.clear()

    def replace(self, statement: Statement) -> None:
        """Takes a statement as it is somewhere else, whatever was known of it."""
        known = self._statements.get(statement.key)
        if known is None:
            self.add(statement)
            return
        self._index(known, -1)
        counted = known.count, known.last_seen_ns
        for part in dataclasses.fields(statement):
            setattr(known, part.name, getattr(statement, part.name))
        known.count, known.last_seen_ns = (
            max(counted[0], known.count),
            max(counted[1], known.last_seen_ns),
        )
        self._index(known, 1)
        self._queue(known)

    def at(self, ip: str | None, vlan: int | None) -> str | None:
        """The id of what had an IP address first, whatever the hardware address."""
        return None if ip is None else self._by_ip.get((ip, vlan))

    def addresses(self) -> Iterable[tuple[Address, str]]:
        """Every address with the id that it has."""
        return self._addresses.items()

    def add_party(self, party: Party) -> Party:
        """Takes a device, under a name that no other has."""
        known = self._parties.get(party.id)
        self.add_address((party.ip, party.mac, party.vlan), party.id)
        if known is not None and (known.ip is not None or party.ip is None):
            return known
        if known is not None:
            # It was known by its hardware address alone: people call it by its other one.
            del self._names[known.name]
        name, tried = party.name, 1
        while name in self._names:
            tried += 1
            name = party.name if party.vlan is None else f"{party.name} vlan {party.vlan}"
            name = name if name not in self._names else f"{party.name} ({tried})"
        party = dataclasses.replace(party, name=name)
        self._parties[party.id] = party
        self._names[name] = party.id
        return party

    def __len__(self) -> int:
        return len(self._statements)

    def get(self, key: Key) -> Statement | None:
        """The statement of a key."""
        return self._statements.get(key)

    def by_id(self, identity: str) -> Statement | None:
        """The statement of an id."""
        key = self._ids.get(identity)
        return None if key is None else self._statements[key]

    def statements(self) -> Iterable[Statement]:
        """Every statement, in no order."""
        return self._statements.values()

    def edges(self) -> Iterator[Edge]:
        """Every edge, in the order in which they were seen first."""
        return (leaf.edge for leaf in self._leaves.values())

    def edge(self, key: EdgeKey) -> Edge | None:
        """The edge of client, server and protocol."""
        leaf = self._leaves.get(key)
        return None if leaf is None else leaf.edge

    def of_edge(self, key: EdgeKey) -> Iterable[Statement]:
        """What was said of an edge, in the order of first sight."""
        leaf = self._leaves.get(key)
        return () if leaf is None else leaf.statements.values()

    def add_edge(self, edge: Edge) -> bool:
        """Takes an edge; false where there is no room."""
        key = (edge.client, edge.server, edge.protocol)
        if key not in self._leaves and len(self._leaves) >= MAX_EDGES:
            self.left_out_count += 1
            return False
        self._leaves[key] = _Leaf(edge)
        self.changed_edges[key] = None
        return True

    def set_edge(self, edge: Edge) -> None:
        """Takes whether an edge learns from the same edge somewhere else."""
        known = self.edge((edge.client, edge.server, edge.protocol))
        if known is None:
            self.add_edge(edge)
            return
        known.enforcing, known.enforcing_ns = edge.enforcing, edge.enforcing_ns

    def add(self, statement: Statement) -> bool:
        """Takes a new statement; false where there is no room for it."""
        if not self._make_room(statement):
            self.left_out_count += 1
            return False
        key = statement.key
        if key.kind != "asset" and key[1:4] not in self._leaves:
            first, last = statement.first_seen_ns, statement.last_seen_ns
            self.add_edge(Edge(*key[1:4], True, first, last, first))
        self._statements[key] = statement
        self._ids[statement.id] = key
        leaf = self._leaves.get(key[1:4])
        if leaf is not None:
            leaf.statements[key] = statement
        self._index(statement, 1)
        self._queue(statement)
        self.changed[key] = None
        self.removed.pop(statement.id, None)
        return True

    def remove(self, statement: Statement) -> None:
        """Forgets a statement, and its edge where nothing else is said of it."""
        key = statement.key
        self._index(statement, -1)
        del self._statements[key]
        self._ids.pop(statement.id, None)
        self._waiting.pop(key, None)
        self._fleeting.pop(key, None)
        self.changed.pop(key, None)
        self.counted.pop(key, None)
        self.removed[statement.id] = None
        leaf = self._leaves.get(key[1:4])
        if leaf is not None:
            leaf.statements.pop(key, None)
            if not leaf.statements:
                del self._leaves[key[1:4]]
                self.changed_edges[key[1:4]] = None

    def rename(self, ids: Mapping[str, str]) -> None:
        """Takes other ids for devices: what was said of the old one is said of the new.

        Where the same was said of both, it is joined.
        """
        for old, new in ids.items():
            party = self._parties.pop(old, None)
            if party is not None:
                del self._names[party.name]
                self.changed_parties[old] = None
                self.add_party(dataclasses.replace(party, id=new))
        for address, identity in self._addresses.items():
            self._addresses[address] = ids.get(identity, identity)
        statements = [
            one for one in self._statements.values() if not ids.keys().isdisjoint(one.key[1:3])
        ]
        edges = [edge for edge in self._leaves if not ids.keys().isdisjoint(edge[:2])]
        self._restate(
            statements,
            edges,
            lambda client, server, protocol: (
                ids.get(client, client),
                ids.get(server, server),
                protocol,
            ),
        )

    def identify(self, edge: EdgeKey, protocol: str) -> None:
        """Takes the protocol of a conversation that nobody could tell until now."""
        leaf = self._leaves[edge]
        self._restate(
            list(leaf.statements.values()),
            [edge],
            lambda client, server, _: (client, server, protocol),
        )

    def _restate(
        self,
        statements: Iterable[Statement],
        edges: Iterable[EdgeKey],
        now: Callable[[str, str, str], EdgeKey],
    ) -> None:
        """Says of other edges what was said of these; where the same was said, it is joined."""
        moved = [(edge, self._leaves[edge]) for edge in edges]
        for statement in statements:
            self.remove(statement)
        for edge, leaf in moved:
            self._leaves.pop(edge, None)
            self.changed_edges[edge] = None
            client, server, protocol = now(*edge)
            same = self.edge((client, server, protocol))
            if same is None:
                self.add_edge(
                    dataclasses.replace(leaf.edge, client=client, server=server, protocol=protocol)
                )
            else:
                _join_edges(same, leaf.edge)
                self.changed_edges[client, server, protocol] = None
        for statement in statements:
            client, server, protocol = now(*statement.key[1:4])
            key = statement.key._replace(client=client, server=server, protocol=protocol)
            known = self._statements.get(key)
            if known is None:
                statement.key, statement.id = key, statement_id(key)
                self.add(statement)
            else:
                known.count += statement.count
                known.first_seen_ns = min(known.first_seen_ns, statement.first_seen_ns)
                known.last_seen_ns = max(known.last_seen_ns, statement.last_seen_ns)
                known.ranges = merged((*known.ranges, *statement.ranges))
                self.changed[key] = None

    def set_state(self, statement: Statement, state: str) -> None:
        """Changes the state of a statement that is in the book."""
        self._index(statement, -1)
        statement.state = state
        self._index(statement, 1)
        self._queue(statement)
        self.changed[statement.key] = None

    def seen_again(self, statement: Statement) -> None:
        """Takes note that a statement lasts."""
        if statement.count > FLEETING:
            self._fleeting.pop(statement.key, None)
        self.counted[statement.key] = None

    def knows_asset(self, asset: str) -> bool:
        """Whether a device takes part in anything known."""
        return self._assets[asset] > 0

    def knows_peer(self, client: str, server: str) -> bool:
        """Whether anything is known between two devices."""
        return self._peers[client, server] > 0

    def knows_operation(self, edge: EdgeKey, operation: OperationKey) -> bool:
        """Whether an operation on a unit is known on an edge, whatever it addresses."""
        leaf = self._leaves.get(edge)
        return leaf is not None and leaf.operations[operation] > 0

    def alike(
        self, edge: EdgeKey, operation: OperationKey, *, refused: bool = False, space: str = ""
    ) -> Statement | None:
        """A known statement about an operation on a unit, whatever it addresses.

        Args:
            edge: Client, server and protocol.
            operation: Unit, class and operation.
            refused: Whether it is one about refusals.
            space: What it addresses something in; empty for anything.
        """
        leaf = self._leaves.get(edge)
        if leaf is None or not leaf.operations[operation]:
            return None
        return next(
            (
                one
                for key, one in leaf.statements.items()
                if (key.unit, key.operation_class, key.operation) == operation
                and (key.kind == "exception") == refused
                and (not space or key.target.partition(":")[0] == space)
                and is_known(one)
            ),
            None,
        )

    def _index(self, statement: Statement, step: int) -> None:
        if not is_known(statement):
            return
        key = statement.key
        if key.kind == "edge":
            self._peers[key.client, key.server] += step
            self._assets[key.client] += step
            self._assets[key.server] += step
        elif key.kind == "asset":
            self._assets[key.client] += step
        elif key.kind not in ("session", "outside"):
            leaf = self._leaves.get(key[1:4])
            if leaf is not None:
                leaf.operations[key.unit, key.operation_class, key.operation] += step

    def _queue(self, statement: Statement) -> None:
        key = statement.key
        self._waiting.pop(key, None)
        self._fleeting.pop(key, None)
        if statement.state == "pending":
            self._waiting[key] = None
        elif statement.state == "learning" and statement.count <= FLEETING:
            self._fleeting[key] = None

    def _make_room(self, statement: Statement) -> bool:
        waits = statement.state == "pending"
        if waits and len(self._waiting) >= self._most_waiting:
            self._evict(self._waiting)
        if len(self._statements) < self._most:
            return True
        for line in (self._waiting, self._fleeting):
            if line:
                self._evict(line)
                return True
        return False

    def _evict(self, line: dict[Key, None]) -> None:
        self.evicted_count += 1
        self.remove(self._statements[next(iter(line))])
