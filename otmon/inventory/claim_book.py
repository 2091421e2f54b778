"""What was said of a device: claims without repeats, which of them stand, and what contradicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otmon._engine import Claim

MAX_DISTINCT = 32
"""Distinct claims kept of one attribute; the least believed and longest unheard goes first."""
SURE = 0.90
"""Belief from which a claim is not replaced by the next one that comes."""
SIGHTINGS = 3
"""How often another value must be said before it stands instead of a sure one."""
CONVERSATIONS = 2
"""In how many conversations."""

SEVERAL = frozenset(("module", "role", "tag", "location", "os"))
"""Attributes of which a device may say several values."""

Frame = tuple[int, int]


@dataclass(slots=True)
class Told:
    """One distinct claim, with how often it was made."""

    attribute: str
    value: str
    source: str
    """Protocol and operation: `s7comm.read_szl`."""
    confidence: float
    """Belief, from 0 to 1."""
    ip: str | None
    """The address that said it, where one did."""
    unit: int | None
    first_ns: int
    last_ns: int
    frame: Frame | None = None
    last_frame: Frame | None = None
    count: int = 1
    """How often in this run."""
    flow_count: int = 1
    """Conversations of this run in which it was said."""
    past_count: int = 0
    """How often before."""
    past_flow_count: int = 0
    origin: tuple[str, int] | None = None
    """File and frame that said it first, where that was in an earlier run."""

    @property
    def protocol(self) -> str:
        """The protocol by which it was said."""
        return self.source.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A device says of itself what it did not say before."""

    old: Told
    new: Told
    replaced: bool
    """Whether the new value stands now."""


@dataclass(slots=True)
class _Standing:
    """The claim of one source that stands, and the one that wants its place."""

    told: Told
    rival: Told | None = None
    rival_count: int = 0
    """How often the rival had been said before it became one."""
    rival_flows: int = 0


_Slot = tuple[str, str, int | None]
"""Attribute, source and unit: of these a device says one value at a time."""


@dataclass(slots=True)
class ClaimBook:
    """The claims of one device."""

    evicted_count: int = 0
    change_count: int = 0
    """Rises with everything that is worth remembering."""
    _told: dict[str, dict[tuple[str, str, int | None], Told]] = field(default_factory=dict)
    _standing: dict[_Slot, _Standing] = field(default_factory=dict)

    def add(self, claim: Claim) -> Contradiction | None:
        """Takes a claim of the engine, new or counted on."""
        told = Told(
            attribute=claim.attribute,
            value=claim.value,
            source=f"{claim.protocol}.{claim.source}",
            confidence=claim.confidence / 100,
            ip=claim.subject_ip,
            unit=claim.unit,
            first_ns=claim.time_ns,
            last_ns=claim.last_seen_ns,
            frame=claim.frame,
            last_frame=claim.last_frame,
            count=claim.count,
            flow_count=claim.flow_count,
        )
        return self.put(told)

    def put(self, told: Told) -> Contradiction | None:
        """The same for a claim in its own words; its counts are added to what is known."""
        of_attribute = self._told.setdefault(told.attribute, {})
        key = (told.value, told.source, told.unit)
        known = of_attribute.get(key)
        if known is None:
            if len(of_attribute) >= MAX_DISTINCT and not self._make_room(of_attribute):
                return None
            of_attribute[key] = known = told
            self.change_count += 1
            before = (0, 0)
        else:
            before = (known.count, known.flow_count)
            known.count += told.count
            known.flow_count += told.flow_count
            known.past_count += told.past_count
            known.past_flow_count += told.past_flow_count
            known.confidence = max(known.confidence, told.confidence)
            if told.last_ns >= known.last_ns:
                known.last_ns, known.last_frame = told.last_ns, told.last_frame
            known.frame = known.frame or told.frame
        if known.attribute in SEVERAL:
            return None
        return self._weigh(known, before)

    def keep(self, told: Told) -> None:
        """Takes a claim that the site remembers; what comes first stands."""
        self._told.setdefault(told.attribute, {})[told.value, told.source, told.unit] = told
        if told.attribute not in SEVERAL:
            slot = (told.attribute, told.source, told.unit)
            self._standing.setdefault(slot, _Standing(told))

    def note_merge(self, key: str, time_ns: int, frame: Frame | None) -> None:
        """Notes why two devices are one."""
        self.keep(
            Told(
                "identity", key, "inventory.merge", 1.0, None, None, time_ns, time_ns, frame, frame
            )
        )

    def _weigh(self, told: Told, before: tuple[int, int]) -> Contradiction | None:
        slot = (told.attribute, told.source, told.unit)
        standing = self._standing.get(slot)
        if standing is None:
            self._standing[slot] = _Standing(told)
            return None
        old = standing.told
        if old is told:
            standing.rival = None
            return None
        if old.confidence < SURE:
            if told.confidence >= old.confidence:
                self._standing[slot] = _Standing(told)
            return None
        if told.confidence < SURE:
            return None
        if told.last_frame is not None and told.last_frame == old.last_frame:
            # One message says both: the device has several values of it.
            return None
        fresh = standing.rival is not told
        if fresh:
            standing.rival = told
            standing.rival_count, standing.rival_flows = before
        sightings = told.count - standing.rival_count
        conversations = told.flow_count - standing.rival_flows
        if sightings >= SIGHTINGS and conversations >= CONVERSATIONS:
            self._standing[slot] = _Standing(told)
            self.change_count += 1
            return Contradiction(old, told, replaced=True)
        return Contradiction(old, told, replaced=False) if fresh else None

    def shown(self, attribute: str) -> Told | None:
        """The most believed claim of those that stand; of equals, the newest."""
        standing = [own.told for slot, own in self._standing.items() if slot[0] == attribute]
        return max(standing, key=_belief, default=None)

    def said(self, protocol: str, ip: str | None = None) -> dict[str, str]:
        """What the device says of itself by one protocol, as far as that is sure."""
        return {
            own.told.attribute: own.told.value
            for own in self._standing.values()
            if own.told.confidence >= SURE
            and own.told.unit is None
            and own.told.protocol == protocol
            and (ip is None or own.told.ip == ip)
        }

    def all(self) -> Iterator[Told]:
        """Every claim."""
        for of_attribute in self._told.values():
            yield from of_attribute.values()

    def of(self, attribute: str) -> Iterator[Told]:
        """Every claim of one attribute."""
        yield from self._told.get(attribute, {}).values()

    def stands(self, told: Told) -> bool:
        """Whether a claim is the one of its source that stands."""
        standing = self._standing.get((told.attribute, told.source, told.unit))
        return standing is None or standing.told is told

    def take(self, wanted: Callable[[Told], bool]) -> list[Told]:
        """Removes the claims that are wanted elsewhere, and gives them."""
        taken = [told for told in self.all() if wanted(told)]
        for told in taken:
            del self._told[told.attribute][told.value, told.source, told.unit]
            slot = (told.attribute, told.source, told.unit)
            standing = self._standing.get(slot)
            if standing is not None and standing.told is told:
                del self._standing[slot]
        return taken

    def absorb(self, some: Iterable[Told]) -> None:
        """Takes the claims of another device over; contradictions have been looked at."""
        for told in sorted(some, key=lambda one: (one.first_ns, one.value)):
            self.put(told)

    def _make_room(self, of_attribute: dict[tuple[str, str, int | None], Told]) -> bool:
        spare = [told for told in of_attribute.values() if not self._is_standing(told)]
        if not spare:
            return False
        least = min(spare, key=_belief)
        del of_attribute[least.value, least.source, least.unit]
        self.evicted_count += 1
        return True

    def _is_standing(self, told: Told) -> bool:
        standing = self._standing.get((told.attribute, told.source, told.unit))
        return standing is not None and told in (standing.told, standing.rival)


def _belief(told: Told) -> tuple[float, int, str]:
    return (told.confidence, told.first_ns, told.value)
