"""The engine: capture files or interfaces in, observations out.

Written in Rust. Frames are read on a thread of the engine's own, without the
GIL; what was observed comes in batches. Times are nanoseconds since 1970 from
packets, frames are pairs of (number of the file, number of the frame in it as
Wireshark counts), addresses are text. All classes are read-only.
"""

from collections.abc import Sequence
from os import PathLike
from typing import final, type_check_only

__all__ = [
    "Address",
    "AnomalyInfo",
    "Arp",
    "Behaviour",
    "Behaviours",
    "CaptureFile",
    "Claim",
    "ClassInfo",
    "Content",
    "Conversation",
    "Engine",
    "FieldInfo",
    "Frame",
    "HeaderShift",
    "Health",
    "Interface",
    "Loss",
    "NoReply",
    "Observation",
    "PointQuality",
    "ProtocolInfo",
    "Readback",
    "Rhythm",
    "SelectedFrame",
    "Selection",
    "Transaction",
    "Value",
    "ValueFacts",
    "Wanted",
    "anomalies",
    "classes",
    "compile_filter",
    "counter_meanings",
    "protocols",
    "select_frames",
    "version",
    "write_capture",
]

Frame = tuple[int, int]
"""The number of a file, from 0 in the order of `Engine.files`; the frame's number in it, from 1."""

Value = bool | int | float | str | bytes
"""A value as a protocol carries it; a time is an int of nanoseconds since 1970."""

@type_check_only
class _OfFlow:
    """What all observations have that come from one flow: its number and its ends."""

    @property
    def sequence(self) -> int:
        """Rises with every observation of a run."""
    @property
    def flow_id(self) -> int:
        """The flow's number, in order of first packets."""
    @property
    def client_ip(self) -> str | None:
        """Network address of who asks."""
    @property
    def client_mac(self) -> str | None:
        """Its hardware address, as seen on this segment: a router's, for a routed peer."""
    @property
    def client_address(self) -> str | None:
        """Its IP address, or its hardware address where it has none."""
    @property
    def client_port(self) -> int:
        """Its port; 0 where the transport has none."""
    @property
    def server_ip(self) -> str | None:
        """Network address of who answers."""
    @property
    def server_mac(self) -> str | None:
        """Its hardware address, as seen on this segment."""
    @property
    def server_address(self) -> str | None:
        """Its IP address, or its hardware address where it has none."""
    @property
    def server_port(self) -> int:
        """Its port; 0 where the transport has none."""
    @property
    def vlan(self) -> int | None:
        """Outermost VLAN id."""
    @property
    def interface(self) -> int:
        """The interface of its first packet, as `Health.interface` counts."""
    @property
    def transport(self) -> str:
        """`tcp`, `udp`, `ethernet` or `serial`."""
    @property
    def identified_by(self) -> str | None:
        """How the protocol is known: `port`, `probe`, `pairing`, `ethertype`, `association`."""
    @property
    def confidence(self) -> int:
        """Belief in the protocol, in percent."""

@final
class ValueFacts:
    """The values that a behaviour carried."""

    @property
    def kind(self) -> str:
        """`bool`, `integer`, `float`, `text`, `bytes` or `time`."""
    @property
    def min(self) -> float | None:
        """The lowest, where they are numbers."""
    @property
    def max(self) -> float | None:
        """The highest, where they are numbers."""
    @property
    def last(self) -> Value:
        """The first value of the last occurrence."""
    @property
    def change_count(self) -> int:
        """How often the values differed from those read or written before at the same place."""

@final
class Transaction(_OfFlow):
    """A request with its answer, or one of them alone, or an event.

    Operations of notable classes leave one by one, as do failures, requests
    without answer and whatever carries an anomaly; all others are counted in
    their `Behaviour` alone.
    """

    @property
    def behaviour(self) -> int | None:
        """The `behaviour` number of its `Behaviour`, which left before where it is new.

        Of several parts, that of the first of the highest class. None where a
        bound left the operation without a behaviour of its own.
        """
    @property
    def relation(self) -> int | None:
        """Alike in operations of one conversation that address the same unit.

        None where a bound left the operation without a conversation.
        """
    @property
    def time_ns(self) -> int:
        """Packet time of the request, or of the one PDU there is."""
    @property
    def frames(self) -> list[Frame]:
        """The frames of request and answer, in this order."""
    @property
    def request_frames(self) -> list[Frame]:
        """The frames of the request; empty where only the answer was seen."""
    @property
    def response_frames(self) -> list[Frame]:
        """The frames of the answer or event; empty where none was seen."""
    @property
    def awaits(self) -> bool:
        """Whether its answer may still come: it leaves again then, or when it is given up.

        Only of interfaces, of requests that matter and wait for long; it is in no count before.
        """
    @property
    def first_seen(self) -> bool:
        """Whether it is the news of a behaviour that was never seen before.

        An operation that leaves only because somebody asks for each is not: the `Behaviour` is.
        """
    @property
    def latency_ns(self) -> int | None:
        """From request to answer."""
    @property
    def protocol(self) -> str:
        """Whose PDUs they are: a name of `protocols`."""
    @property
    def role(self) -> str:
        """`request` where a request was seen, else `response`, `event` or `unknown`."""
    @property
    def answered(self) -> bool:
        """Whether an answer was seen."""
    @property
    def function_code(self) -> int:
        """The code on the wire."""
    @property
    def operation(self) -> str:
        """Its name, such as `write_multiple_registers`."""
    @property
    def operation_class(self) -> str:
        """The highest ranked class among its parts: a name of `classes`."""
    @property
    def unit(self) -> int | None:
        """The addressed station behind the server."""
    @property
    def targets(self) -> tuple[str, ...]:
        """What is addressed; of several parts those of the highest class, at most 16."""
    @property
    def quantity(self) -> int | None:
        """Elements addressed."""
    @property
    def values(self) -> list[Value]:
        """Values written by a change, else read; at most 256."""
    @property
    def value_texts(self) -> tuple[str, ...]:
        """The same as text: `true` and `false`, bytes in hexadecimal."""
    @property
    def value_count(self) -> int:
        """How many values there were."""
    @property
    def previous_values(self) -> list[Value]:
        """What the objects of a change held before, as last read or written.

        One for each of `values`; empty where one of them is not known, or without
        the option `previous`.
        """
    @property
    def status(self) -> str | None:
        """`ok`, or the name of the failure; of several parts the first failure."""
    @property
    def status_code(self) -> int | None:
        """The protocol's number of a failure."""
    @property
    def status_text(self) -> str | None:
        """The same as text."""
    @property
    def outcome(self) -> str:
        """`success`, `failure`, which is the protocol's own refusal, or `unknown`."""
    @property
    def unit_text(self) -> str | None:
        """The addressed station behind the server, as text."""
    @property
    def phase(self) -> str | None:
        """Of a two-step command: `select`, `operate`, `direct` or `cancel`."""
    @property
    def anomalies(self) -> tuple[str, ...]:
        """Departures from the specification in either PDU: names of `anomalies`."""
    @property
    def file_name(self) -> None:
        """The file that it is about: none, since what is transferred is told as `Content`."""
    @property
    def shape(self) -> int:
        """Alike in operations that differ only in ends, unit, targets, values, fields, times."""
    @property
    def fields(self) -> dict[str, Value]:
        """The protocol's own fields of both PDUs by full name, such as `modbus.transaction_id`."""
    def field(self, name: str) -> Value | None:
        """One of the protocol's own fields by its full name; None where it is not there."""
    @property
    def history_read_count(self) -> int:
        """Operations of its conversation before it that only looked."""
    @property
    def history_change_count(self) -> int:
        """Those that changed something."""
    @property
    def history_first_seen_ns(self) -> int:
        """Packet time of the conversation's first operation; its own, where it is the first."""

@final
class Behaviour(_OfFlow):
    """Who does what to whom, again and again.

    Leaves once when new, and with its counts whenever they changed. Counts are
    absolute: a later observation of the same `id` replaces the earlier one.
    """

    @property
    def behaviour(self) -> int:
        """Its number in the run, never used again; `Transaction.behaviour` names it."""
    @property
    def id(self) -> str:
        """Digest of the key, 32 hexadecimal digits: the same on every run and machine."""
    @property
    def new(self) -> bool:
        """Whether this is the behaviour's first observation."""
    @property
    def protocol(self) -> str:
        """Whose PDUs they are: a name of `protocols`."""
    @property
    def role(self) -> str:
        """`request`, `response`, `event` or `unknown`."""
    @property
    def function_code(self) -> int:
        """The code on the wire."""
    @property
    def operation(self) -> str:
        """Its name, such as `read_holding_registers`."""
    @property
    def operation_class(self) -> str:
        """What it does: a name of `classes`."""
    @property
    def unit(self) -> int | None:
        """The addressed station behind the server."""
    @property
    def target(self) -> str | None:
        """The address space of a read (`hr`), the exact object of everything else (`hr:4`)."""
    @property
    def intervals(self) -> list[tuple[int, int]]:
        """Addresses read, first and last of each interval; near ones are merged."""
    @property
    def status(self) -> str | None:
        """`ok`, or the name of the failure; none for events and without answer."""
    @property
    def status_code(self) -> int | None:
        """The protocol's number of a failure."""
    @property
    def status_text(self) -> str | None:
        """The same as text."""
    @property
    def outcome(self) -> str:
        """`success`, `failure`, which is the protocol's own refusal, or `unknown`."""
    @property
    def unit_text(self) -> str | None:
        """The addressed station behind the server, as text."""
    @property
    def answered(self) -> bool:
        """Whether an answer was ever seen."""
    @property
    def count(self) -> int:
        """How often."""
    @property
    def first_seen_ns(self) -> int:
        """First packet time."""
    @property
    def last_seen_ns(self) -> int:
        """Last packet time."""
    @property
    def period_ns(self) -> float | None:
        """Mean interval of the most frequent address range; none before the second time."""
    @property
    def period_deviation_ns(self) -> float | None:
        """Standard deviation of the same intervals."""
    @property
    def latency_ns(self) -> float | None:
        """Mean time to the answer."""
    @property
    def values(self) -> ValueFacts | None:
        """The values that it carried."""
    @property
    def anomalies(self) -> tuple[str, ...]:
        """Every departure from the specification so far: names of `anomalies`."""
    @property
    def file_name(self) -> None:
        """The file that it is about: none, since what is transferred is told as `Content`."""
    @property
    def shape(self) -> int:
        """Alike in operations that differ only in ends, unit, targets, values, fields, times."""
    @property
    def frame(self) -> Frame:
        """The frame that showed it first."""
    @property
    def latest_frame(self) -> Frame:
        """The latest frame that showed addresses that were not read before; else the first."""
    @property
    def overflow(self) -> bool:
        """Whether the row stands for operations past a bound, without unit and target."""

@final
class Behaviours:
    """Behaviours as they were told last, kept in half of the room that they take by themselves."""

    def __init__(self) -> None:
        """None yet."""
    def __len__(self) -> int: ...
    def keep(self, behaviour: Behaviour) -> int:
        """Keeps one in place of what was told of it before; gives how often it had been then."""
    def get(self, number: int) -> Behaviour | None:
        """What was told last of the one with a number; none where it is not kept."""
    def in_order(self, *, distinct: bool = False) -> list[int]:
        """The numbers of all, in the order in which they were first seen.

        Args:
            distinct: Of those with one `id` only the latest: one that was evicted comes
                back with another number.
        """
    def anomaly_counts(self, *, distinct: bool = False) -> dict[str, dict[str, int]]:
        """How often those with an anomaly were seen, by protocol and anomaly."""
    def keep_latest(self, at_most: int) -> None:
        """Forgets all but those that were seen last."""

@final
class Conversation(_OfFlow):
    """Client, server, protocol and port, across flows.

    Leaves once when new, and with its counts whenever they changed. Counts are
    absolute: a later observation of the same `id` replaces the earlier one.
    """

    @property
    def id(self) -> int:
        """The conversation's number in this run."""
    @property
    def new(self) -> bool:
        """Whether this is the conversation's first observation."""
    @property
    def left(self) -> bool:
        """Whether this is its last: it was silent longest and made room for others."""
    @property
    def protocol(self) -> str | None:
        """A name of `protocols`; none for traffic that is no industrial protocol."""
    @property
    def flow_count(self) -> int:
        """Flows."""
    @property
    def first_seen_ns(self) -> int:
        """First packet time."""
    @property
    def last_seen_ns(self) -> int:
        """Last packet time."""
    @property
    def vain_count(self) -> int:
        """Ended flows in which the client got nothing: no answer, a refusal, or silence."""
    @property
    def packets(self) -> int:
        """Packets, both ways; of flows that go on those up to the last delta."""
    @property
    def bytes(self) -> int:
        """Bytes on the wire, both ways."""
    @property
    def pdus(self) -> int:
        """PDUs, both ways."""
    @property
    def classes(self) -> dict[str, int]:
        """Operations by class, highest ranked first."""
    @property
    def failure_count(self) -> int:
        """Answers that were negative."""
    @property
    def answered_count(self) -> int:
        """Requests that were answered; where the server's side alone is seen, its messages."""
    @property
    def one_sided(self) -> bool:
        """Whether one direction was never seen."""
    @property
    def gap_bytes(self) -> int:
        """Bytes that the sensor did not see."""
    @property
    def frame(self) -> Frame:
        """The first frame of its first flow."""

@final
class Address:
    """A hardware address and an IP address seen together as sender.

    Leaves when new, when the IP comes back to it from another hardware address,
    when its counts changed, and when it makes room for others.
    """

    @property
    def sequence(self) -> int:
        """Rises with every observation of a run."""
    @property
    def left(self) -> bool:
        """Whether this is its last: it was silent longest and made room for others."""
    @property
    def mac(self) -> str | None:
        """Hardware address; none where the link layer has none."""
    @property
    def ip(self) -> str | None:
        """Network address."""
    @property
    def vlan(self) -> int | None:
        """Outermost VLAN id."""
    @property
    def packets(self) -> int:
        """Frames sent in flows that ended, or of ARP."""
    @property
    def first_seen_ns(self) -> int:
        """First packet time."""
    @property
    def last_seen_ns(self) -> int:
        """Last packet time."""
    @property
    def arp(self) -> bool:
        """Whether ARP said so."""
    @property
    def ttl(self) -> int:
        """The highest time to live seen; 0 where none was."""
    @property
    def frame(self) -> Frame:
        """The first frame."""
    @property
    def last_frame(self) -> Frame:
        """The last frame that began a flow, or was ARP."""

@final
class Claim:
    """Something said about an asset.

    Leaves when new, when it is said again instead of another value, and when it was
    said again. Its counts are those since it left last, so that they may be added up:
    where there are too many claims, those not said for longest begin anew.
    """

    @property
    def sequence(self) -> int:
        """Rises with every observation of a run."""
    @property
    def subject_ip(self) -> str | None:
        """Network address of the endpoint that it is about."""
    @property
    def subject_mac(self) -> str | None:
        """Its hardware address, as seen on this segment."""
    @property
    def vlan(self) -> int | None:
        """Outermost VLAN id."""
    @property
    def unit(self) -> int | None:
        """The station behind the endpoint, where it is about that."""
    @property
    def protocol(self) -> str:
        """A name of `protocols`."""
    @property
    def attribute(self) -> str:
        """What it says: `vendor`, `model`, `order_code`, `firmware`, `serial` and so on."""
    @property
    def value(self) -> str:
        """The value."""
    @property
    def source(self) -> str:
        """How it is known: `read_device_identification`."""
    @property
    def confidence(self) -> int:
        """Belief in percent."""
    @property
    def count(self) -> int:
        """How often it was said since it left last."""
    @property
    def flow_count(self) -> int:
        """In how many flows more."""
    @property
    def time_ns(self) -> int:
        """Packet time of the first time."""
    @property
    def last_seen_ns(self) -> int:
        """Packet time of the last time."""
    @property
    def frame(self) -> Frame:
        """The frame that said it first."""
    @property
    def last_frame(self) -> Frame:
        """The frame that said it last."""

@final
class Content(_OfFlow):
    """A program, firmware or file that was transferred."""

    @property
    def protocol(self) -> str:
        """A name of `protocols`."""
    @property
    def kind(self) -> str:
        """`program`, `firmware` or `file`."""
    @property
    def name(self) -> str:
        """Its name, such as `OB1`."""
    @property
    def to_server(self) -> bool:
        """Whether it went to the server."""
    @property
    def size(self) -> int:
        """Bytes seen."""
    @property
    def sha256(self) -> str:
        """SHA-256 of them, in hexadecimal."""
    @property
    def head(self) -> bytes:
        """The first of them, at most 64."""
    @property
    def complete(self) -> bool:
        """Whether all of it was seen."""
    @property
    def first_seen_ns(self) -> int:
        """First packet time."""
    @property
    def last_seen_ns(self) -> int:
        """Last packet time."""
    @property
    def frames(self) -> tuple[Frame, Frame]:
        """First and last frame."""

@final
class Rhythm(_OfFlow):
    """What happened to the rhythm of something asked, written or sent again and again.

    Leaves with the option `rhythm` alone. One place (operation, unit, target,
    interval) of a conversation has one rhythm, however it is answered. It has a
    period from 20 intervals on of which the median distance from their median is
    at most a fifth of it. What events send unasked has no period. Nothing is
    overdue past the end of the input, nor for a time in which its interface was
    not seen: the deadline then begins anew.
    """

    @property
    def kind(self) -> str:
        """`periodic`, `period_change`, `overdue`, `returned` or `burst`."""
    @property
    def id(self) -> str:
        """Digest of the key, 32 hexadecimal digits: the same on every run and machine."""
    @property
    def behaviour(self) -> int:
        """The number of the behaviour that showed it last."""
    @property
    def conversation(self) -> int:
        """The number of its conversation in this run."""
    @property
    def protocol(self) -> str:
        """Whose PDUs they are: a name of `protocols`."""
    @property
    def role(self) -> str:
        """`request`, or `event` of what is sent unasked."""
    @property
    def operation(self) -> str:
        """Its name, such as `read_holding_registers`."""
    @property
    def operation_class(self) -> str:
        """What it does: a name of `classes`."""
    @property
    def unit(self) -> int | None:
        """The addressed station behind the server."""
    @property
    def target(self) -> str | None:
        """The address space of a read (`hr`), the exact object of everything else (`hr:4`)."""
    @property
    def interval(self) -> tuple[int, int] | None:
        """First and last address of a read."""
    @property
    def time_ns(self) -> int:
        """Packet time at which it was noticed."""
    @property
    def count(self) -> int:
        """Occurrences so far."""
    @property
    def last_seen_ns(self) -> int:
        """Packet time of the last one; of one that returned, of the last before it stayed away."""
    @property
    def frame(self) -> Frame:
        """The frame of the latest one."""
    @property
    def period_ns(self) -> float | None:
        """The learned period, a median; none without one."""
    @property
    def deviation_ns(self) -> float | None:
        """Median distance of the intervals from it."""
    @property
    def deadline_ns(self) -> int | None:
        """How long it may stay away: max(10 s, 5 x period, period + 10 x deviation)."""
    @property
    def observed_ns(self) -> float | None:
        """Of a changed period the new one; of one overdue or returned how long it stayed away."""
    @property
    def burst_count(self) -> int | None:
        """Of a burst, the occurrences in its ten seconds so far."""
    @property
    def usual_count(self) -> int | None:
        """Of a burst, the 99th percentile of the occurrences in ten seconds before it."""
    @property
    def client_last_seen_ns(self) -> int | None:
        """Of an overdue one: packet time of the last frame of the client, to anybody."""
    @property
    def server_last_seen_ns(self) -> int | None:
        """The same of the server."""
    @property
    def unanswered_count(self) -> int:
        """Calls of the client to the server in a row that nobody answered, up to now."""

@final
class NoReply(_OfFlow):
    """A client calls a server again and again and gets no answer, or at last one.

    Leaves with the option `rhythm` alone: from 8 calls in a row and 10 s on,
    every 10 s for a minute, and then whenever the time has doubled.
    """

    @property
    def answered(self) -> bool:
        """Whether an answer came at last: then the calls before it are told once more."""
    @property
    def protocol(self) -> str | None:
        """A name of `protocols`; none where the calls were attempts to connect alone."""
    @property
    def unit(self) -> int | None:
        """The addressed station behind the server."""
    @property
    def request_count(self) -> int:
        """Requests in a row."""
    @property
    def repeat_count(self) -> int:
        """Segments that the client sent again meanwhile."""
    @property
    def open_count(self) -> int:
        """Attempts to open a connection."""
    @property
    def refused_count(self) -> int:
        """Attempts that the server refused: its address is alive."""
    @property
    def since_ns(self) -> int:
        """Packet time of the first of these calls."""
    @property
    def time_ns(self) -> int:
        """Packet time of the latest call, or of the answer."""
    @property
    def last_answer_ns(self) -> int | None:
        """Packet time of the last answer before; none where there never was one."""
    @property
    def frames(self) -> tuple[Frame, Frame]:
        """The frames of the first and the latest call."""
    @property
    def server_last_seen_ns(self) -> int | None:
        """Packet time of the last frame of the server, to anybody."""

@final
class Health:
    """How well an interface was seen for a time; leaves with the option `health` alone.

    `start` and `end`: nothing is known before, or after. `window`: in these ten
    seconds something was not good, or the frames of TCP flows were one-sided.
    `silent`: no frame came for much longer than usual; `hole`: the same between
    two files; told when it begins while others go on, and again when it ended.
    `back`: the clock jumped back by more than a second. `dropped`: the capturing
    machine lost frames between these times. What has no row is good.
    """

    @property
    def sequence(self) -> int:
        """Rises with every observation of a run."""
    @property
    def kind(self) -> str:
        """`start`, `end`, `window`, `silent`, `hole`, `back` or `dropped`."""
    @property
    def interface(self) -> int:
        """The interface: files that follow one another share theirs."""
    @property
    def file(self) -> int:
        """The number of the file of its latest frame."""
    @property
    def from_ns(self) -> int:
        """Where it begins; of a clock that jumped back the time before."""
    @property
    def until_ns(self) -> int:
        """Where it ends; of a clock that jumped back the time after."""
    @property
    def frames(self) -> int:
        """Frames."""
    @property
    def bytes(self) -> int:
        """Bytes of them on the wire."""
    @property
    def gap_bytes(self) -> int:
        """TCP payload bytes that were not seen, as far as known."""
    @property
    def dropped_packets(self) -> int:
        """Frames that the capturing machine says it lost."""
    @property
    def duplicate_frames(self) -> int:
        """Second copies of mirrored frames."""
    @property
    def truncated_frames(self) -> int:
        """Frames that the snap length cut."""
    @property
    def tcp_frames(self) -> int:
        """Frames of TCP flows."""
    @property
    def one_sided_frames(self) -> int:
        """Those of them in flows of which the other direction was never seen."""
    @property
    def late_frames(self) -> int:
        """Frames more than a second older than one before them."""
    @property
    def mirror_gap_frames(self) -> int:
        """Mirrored packets that are missing by the sequence numbers of their tunnel."""
    @property
    def fault_count(self) -> int:
        """Faults of dissectors; each cost a flow what it remembered."""
    @property
    def unread_bytes(self) -> int:
        """Bytes of identified flows in which no PDU could be read."""
    @property
    def left_out_count(self) -> int:
        """What was forgotten, or not kept, because a table was full."""

@final
class Loss(_OfFlow):
    """Bytes of a conversation that the sensor did not see, in one window of ten seconds.

    Leaves with the option `health` alone.
    """

    @property
    def protocol(self) -> str | None:
        """A name of `protocols`; none for other traffic."""
    @property
    def from_ns(self) -> int:
        """Where the window begins."""
    @property
    def until_ns(self) -> int:
        """Where it ends."""
    @property
    def gap_count(self) -> int:
        """Holes."""
    @property
    def gap_bytes(self) -> int:
        """Bytes in them, as far as known."""

@final
class Arp:
    """The ARP messages of one sender in one minute of packet time.

    Leaves with the option `spoof` alone: as soon as 8 addresses were asked for and
    whenever they have doubled, with the counts so far; and at the end of the minute,
    where there were so many, or answers that nobody asked for, or messages about
    the sender itself.
    """

    @property
    def sequence(self) -> int:
        """Rises with every observation of a run."""
    @property
    def mac(self) -> str:
        """The sender as its messages have it."""
    @property
    def ip(self) -> str:
        """Its address; 0.0.0.0 of a probe."""
    @property
    def vlan(self) -> int | None:
        """Outermost VLAN id."""
    @property
    def interface(self) -> int:
        """The interface, as `Health.interface` counts."""
    @property
    def from_ns(self) -> int:
        """Packet time of the first message in the minute."""
    @property
    def until_ns(self) -> int:
        """Packet time of the last."""
    @property
    def request_count(self) -> int:
        """Questions."""
    @property
    def target_count(self) -> int:
        """Addresses asked for, up to 1024."""
    @property
    def silent_count(self) -> int:
        """Those of them that had never sent anything by ARP when asked for."""
    @property
    def reply_count(self) -> int:
        """Answers."""
    @property
    def unasked_count(self) -> int:
        """Answers that nobody was seen to ask for."""
    @property
    def gratuitous_count(self) -> int:
        """Messages about its own address."""
    @property
    def frames(self) -> tuple[Frame, Frame]:
        """The first and the last frame."""

@final
class HeaderShift(_OfFlow):
    """Something in one direction of a flow that another machine may have sent.

    Leaves with the option `spoof` alone, of one direction the first four times and
    whenever their count has doubled. A time to live counts that differs after four
    packets with another one; an IP identification that is far from the row of its
    sender, which then goes on.
    """

    @property
    def kind(self) -> str:
        """`ttl`, `ip_id`, or `overlap` of bytes that were sent twice and differ."""
    @property
    def from_client(self) -> bool:
        """Whether it came from the client, as far as it says."""
    @property
    def time_ns(self) -> int:
        """Packet time."""
    @property
    def values(self) -> tuple[int, int] | None:
        """The value before, and the one that is different; none of an overlap."""
    @property
    def frames(self) -> tuple[Frame, Frame]:
        """The frame before, and the one that is different."""
    @property
    def count(self) -> int:
        """How often that has happened in this direction of the flow."""

@final
class Readback(_OfFlow):
    """A write that was accepted, and what its objects held when they were read after it.

    Leaves with the option `points` alone, the first times of the same target, and
    whenever they turn out to be different: three reads, over more than six seconds,
    that show something else, and nobody wrote in between. Its flow is that of the read.
    """

    @property
    def protocol(self) -> str:
        """The dissector: a name of `protocols`."""
    @property
    def unit(self) -> int | None:
        """The addressed station behind the server."""
    @property
    def target(self) -> str:
        """What was written to: `hr:100-102`."""
    @property
    def writer(self) -> str | None:
        """The address of who wrote."""
    @property
    def written_ns(self) -> int:
        """Packet time of the answer to the write."""
    @property
    def time_ns(self) -> int:
        """Packet time of the request of the read."""
    @property
    def frames(self) -> list[Frame]:
        """Of the write, of the first read that showed something else, and of the last."""
    @property
    def different(self) -> list[tuple[int, float, float]]:
        """Numbers of elements, with what was written to them and what they hold; at most 16.

        Where addresses are those of bytes, elements are bytes.
        """

@final
class PointQuality(_OfFlow):
    """Points of one kind whose quality is now another.

    Leaves with the option `points` alone; of points that were not seen before only
    where they are not as they should be.
    """

    @property
    def protocol(self) -> str:
        """The dissector: a name of `protocols`."""
    @property
    def unit(self) -> int | None:
        """The station."""
    @property
    def time_ns(self) -> int:
        """Packet time."""
    @property
    def frame(self) -> Frame:
        """The frame that says so."""
    @property
    def space(self) -> str:
        """The kind of points by the group of their states: `g30`."""
    @property
    def before(self) -> int | None:
        """Their flags before; none where they were not seen before."""
    @property
    def now(self) -> int:
        """Their flags now, without those that do not tell of quality."""
    @property
    def points(self) -> list[int]:
        """The numbers of the first 16 of them."""
    @property
    def count(self) -> int:
        """How many they are."""

Observation = (
    Transaction
    | Behaviour
    | Conversation
    | Address
    | Claim
    | Content
    | Rhythm
    | NoReply
    | Health
    | Loss
    | Arp
    | HeaderShift
    | Readback
    | PointQuality
)
"""A record that leaves the engine."""

@final
class CaptureFile:
    """The facts about an input file."""

    @property
    def path(self) -> str:
        """As it was named, or found in a directory; `-` is standard input."""
    @property
    def format(self) -> str | None:
        """`pcap` or `pcapng`; none where that could not be told."""
    @property
    def compression(self) -> str | None:
        """`gzip` or `zstd`."""
    @property
    def size(self) -> int:
        """Bytes on disk; 0 where not known."""
    @property
    def link_types(self) -> list[int]:
        """LINKTYPE_ values of its interfaces."""
    @property
    def packets(self) -> int:
        """Frames read."""
    @property
    def bytes(self) -> int:
        """Bytes of them on the wire."""
    @property
    def first_seen_ns(self) -> int | None:
        """Packet time of the first one."""
    @property
    def last_seen_ns(self) -> int | None:
        """Packet time of the last one."""
    @property
    def truncated(self) -> bool:
        """Whether it ends in the middle of a record."""
    @property
    def skipped_bytes(self) -> int:
        """Bytes passed over because they were damaged."""
    @property
    def untimed_packets(self) -> int:
        """Frames without a time of their own: they have that of the frame before."""
    @property
    def late(self) -> bool:
        """Whether it was read later than its time: too many files overlap."""
    @property
    def dropped_packets(self) -> int:
        """Frames that the capturing machine says it lost."""
    @property
    def comments(self) -> list[str]:
        """Comments of people and programs in the file."""
    @property
    def error(self) -> str | None:
        """Why it was not read to its end."""

_KnownConversation = tuple[str, str, int | None, str, int, int, int]
"""Client, server, VLAN id and protocol of an earlier run; its operations that look, those that
change something, and the packet time of the first. Addresses are IP addresses, else hardware
addresses. What this version cannot place is left out."""

@final
class Wanted:
    """What a rule has to see each time: exchanges for which everything given here holds.

    They leave as `Transaction`, read or not, up to the bound on notable operations of a
    source and class (`suppressed_notable`). What is asked for here may be wider than its
    rule: that looks again.

    Args:
        protocol: Its name, as in `ProtocolInfo.name`.
        operation_class: The class of the operation, or of one of its parts.
        operation: Its name.
        function_code: Its number.
        unit: The station behind the endpoint.
        space: Where addresses count, as targets begin: `hr`, `DB10`, `g30`.
        addresses: The lowest and the highest; what reaches into them holds.
        values: The lowest and the highest; one of the numbers lies between them.
        changes: Only when values are other than those before at the same place. The
            first ones are.
        field: The name of a field of the question: only when it is other than the last
            one of the same conversation and station. The first one is.

    Raises:
        OptionsError: No such protocol or class.
    """

    def __new__(
        cls,
        protocol: str,
        *,
        operation_class: str | None = None,
        operation: str | None = None,
        function_code: int | None = None,
        unit: int | None = None,
        space: str | None = None,
        addresses: tuple[int, int] | None = None,
        values: tuple[float, float] | None = None,
        changes: bool = False,
        field: str | None = None,
    ) -> Wanted: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...

@final
class Engine:
    """Reads capture files as one timeline and says what was observed.

    Args:
        paths: Capture files, directories (their capture files by name), or `-`
            for standard input.
        keep_duplicates: Count second copies of mirrored packets, too.
        pdu_log: Write every PDU as a JSON line for `read_pdus`, instead of
            making observations.
        rhythm: Say what happens to rhythms, and what stays unanswered.
        health: Say how well interfaces and conversations were seen.
        spoof: Say which senders may not be who they say.
        previous: Say what objects held before a change: `Transaction.previous_values`.
        points: Say how written values read back, and which points change their quality.
        ranges: Let a `Behaviour` leave whenever it reads addresses that it did not read before.
        delta_s: Seconds of packet time after which the counts of all that changed
            leave, again and again, also of flows that go on: `Address`, `Claim`,
            `Conversation`, `Behaviour`. They are absolute. By default they leave
            at the end.
        early_s: Seconds of packet time after which a request that matters leaves without
            its answer, and again with it. Never by default.
        conversations: What was done before this run, see `_KnownConversation`.
        behaviours: `Behaviour.id` of those that an earlier run had: they leave,
            but not as new.
        rhythms: `Rhythm.id`, period and deviation of those that were periodic in an
            earlier run.
        wanted: What leaves as a `Transaction` each time though it would be folded into
            its `Behaviour`; 1024 at most.

    Raises:
        CaptureError: No input is usable. Where some are, the others say why not
            in `files`. Malformed traffic never raises.
    """

    def __new__(
        cls,
        paths: Sequence[str | PathLike[str]],
        *,
        keep_duplicates: bool = False,
        pdu_log: bool = False,
        rhythm: bool = False,
        health: bool = False,
        spoof: bool = False,
        previous: bool = False,
        points: bool = False,
        ranges: bool = False,
        delta_s: float | None = None,
        early_s: float | None = None,
        conversations: Sequence[_KnownConversation] = ...,
        behaviours: Sequence[str] = ...,
        rhythms: Sequence[tuple[str, float, float]] = ...,
        wanted: Sequence[Wanted] = ...,
    ) -> Engine: ...
    @staticmethod
    def live(
        interfaces: Sequence[str],
        *,
        filter: str | None = None,
        snap_length: int | None = None,
        promiscuous: bool = True,
        ring_mib: int = 64,
        user: tuple[int, int] | None = None,
        writable: Sequence[str | PathLike[str]] | None = None,
        evidence_mib: int = 0,
        backlog: int = 100_000,
        keep_duplicates: bool = False,
        pdu_log: bool = False,
        observations: bool = True,
        rhythm: bool = False,
        health: bool = False,
        spoof: bool = False,
        previous: bool = False,
        points: bool = False,
        ranges: bool = False,
        delta_s: float | None = None,
        early_s: float | None = None,
        wanted: Sequence[Wanted] = ...,
    ) -> Engine:
        """Captures from interfaces, and takes from the process every means to send.

        From then on the kernel refuses, for all threads and for good: new sockets,
        sending through any, and writing into the capturing ones. All capabilities
        are given up. Call it in a process that needs no network of its own.

        Where Python is slow, frames go on being read: of what is only counted the
        latest is kept, the rest is left out and counted (`suppressed_backlog`).

        Args:
            interfaces: Their names; frames come in the order of time over all of them.
            filter: What the kernel holds against frames before they get here: see
                `compile_filter`.
            snap_length: Bytes kept of every frame; all by default. A program given as
                numbers says it itself.
            promiscuous: Take frames for other machines, too: a mirror port has no others.
            ring_mib: Room for frames that wait, in MiB for each interface, 2 to 1024.
            user: Numbers of the user and the group to become.
            writable: Folders; no file outside them can be changed from then on, where the kernel
                can see to that (Landlock). One that is not there is made. Files stay as they
                are by default.
            evidence_mib: Room for the latest frames, for `recent_frames`, in MiB.
            backlog: Observations that wait for Python at most, besides those that are told
                once only; more are left out and counted.
            keep_duplicates: Count second copies of mirrored packets, too.
            pdu_log: Write every PDU as a JSON line, for `take_pdus` or `read_pdus`.
            observations: Make observations as well, where there is a log.
            rhythm: Say what happens to rhythms, and what stays unanswered.
            health: Say how well interfaces and conversations were seen.
            spoof: Say which senders may not be who they say.
            previous: Say what objects held before a change: `Transaction.previous_values`.
            points: Say how written values read back, and which points change their quality.
            ranges: Let a `Behaviour` leave whenever it reads addresses that it did not read
                before.
            delta_s: Seconds after which the counts of all that changed leave, again
                and again; by default at the end alone.
            early_s: Seconds after which a request that matters leaves without its answer,
                and again with it; never by default.
            wanted: What leaves each time though it would be folded; 1024 at most.

        Raises:
            CaptureError: An interface cannot be captured, or the kernel did not
                lock the process in. Nothing is captured then.
            OptionsError: The filter or a number makes no sense.
        """
    def watch(self, wanted: Sequence[Wanted]) -> None:
        """Say anew what leaves each time; it holds after the next batch, for interfaces only.

        Raises:
            OptionsError: More than 1024 are wanted.
        """
    def interfaces(self) -> list[Interface]:
        """How the interfaces are, as of the last second, in their order; empty for files."""
    def read_batch(self, limit: int = 4096, timeout_s: float = 1.0) -> list[Observation] | None:
        """Wait for observations and return them, oldest first.

        Returns:
            Up to `limit` observations; an empty list where none came within
            `timeout_s` seconds; none at the end.

        Raises:
            OptionsError: The engine was opened with `pdu_log`.
            EngineError: A fault in the engine itself.
        """
    def read_pdus(self, limit: int = 65536) -> bytes:
        """Wait for PDUs and return them as whole JSON lines, in capture order.

        Returns:
            Up to `limit` bytes, or one line where that is longer; empty at the end.

        Raises:
            OptionsError: The engine was opened without `pdu_log`.
            EngineError: A fault in the engine itself.
        """
    def take_pdus(self, limit: int = 1048576) -> bytes:
        """The PDUs that came along with what `read_batch` gave, as whole JSON lines.

        Returns:
            Up to `limit` bytes, or one line where that is longer; empty where there are
            none for now.
        """
    def files(self) -> list[CaptureFile]:
        """The facts about the inputs so far, in the order of their numbers."""
    def counters(self) -> dict[str, int]:
        """What was counted so far, by name: `frames`, `pdus.modbus`."""
    def recent_frames(
        self,
        wanted: Sequence[Sequence[Frame]],
        *,
        context: int = 5,
        most_frames: int = 200,
        most_bytes: int = 1 << 20,
    ) -> list[Selection]:
        """Takes frames out of the latest ones of interfaces, as `select_frames` does of files.

        Of each list that is wanted there is a selection: to take several together costs
        hardly more than one. Frames that are gone already are missing; of files, all are.
        """
    def now_ns(self) -> int | None:
        """Packet time, as of the last second or so; none before the first frame."""
    def taken_ns(self) -> int | None:
        """Packet time up to which `read_batch` gave all that was observed; none before the first.

        Later than `now_ns` it never is where frames are ahead of who reads batches.
        """
    def know(
        self,
        conversations: Sequence[_KnownConversation] = ...,
        behaviours: Sequence[str] = ...,
        rhythms: Sequence[tuple[str, float, float]] = ...,
    ) -> None:
        """Tells an engine that captures from interfaces what was done before this run.

        It learns it within a tenth of a second, also of conversations that have
        begun. An engine that reads files takes it as it is made, so that the same
        files give the same.
        """
    @property
    def confined(self) -> bool:
        """Whether the kernel refuses to change any file outside `writable`."""
    def progress(self) -> tuple[int, int]:
        """Bytes read of the input files, and their bytes in all; 0 in all where not known."""
    def close(self) -> None:
        """Stop reading. What was found so far can still be taken, to the end."""

@final
class Interface:
    """How an interface is, and what it lost since the capture began."""

    @property
    def name(self) -> str:
        """Its name."""
    @property
    def received(self) -> int:
        """Frames that passed the filter, also those that found no room in the ring."""
    @property
    def ring_drops(self) -> int:
        """Frames that found no room in the ring."""
    @property
    def ring_freezes(self) -> int:
        """How often the ring was full."""
    @property
    def driver_drops(self) -> int:
        """Frames that the driver or the card lost."""
    @property
    def sent(self) -> int:
        """Frames that this machine sent through it: on a mirror port there should be none."""
    @property
    def running(self) -> bool:
        """Whether it is up and has a link."""
    @property
    def reopened(self) -> int:
        """How often it went away and was captured again."""

@final
class FieldInfo:
    """A field that a protocol adds to its PDUs."""

    @property
    def name(self) -> str:
        """Its full name, such as `modbus.transaction_id`."""
    @property
    def kind(self) -> str:
        """`bool`, `integer`, `float`, `text`, `bytes` or `time`."""
    @property
    def description(self) -> str:
        """One sentence for people, with the unit where there is one."""

@final
class ProtocolInfo:
    """A protocol that otmon dissects."""

    @property
    def name(self) -> str:
        """Its name, also the Sigma service."""
    @property
    def tcp_ports(self) -> list[int]:
        """Its TCP ports."""
    @property
    def udp_ports(self) -> list[int]:
        """Its UDP ports."""
    @property
    def fields(self) -> list[FieldInfo]:
        """Every field that it can emit."""

@final
class ClassInfo:
    """An operation class."""

    @property
    def name(self) -> str:
        """The token that rules, output and documents use."""
    @property
    def meaning(self) -> str:
        """One sentence."""
    @property
    def notable(self) -> bool:
        """Whether every operation of it leaves as a `Transaction`."""
    @property
    def change(self) -> bool:
        """Whether it changes something in the plant or its devices."""

@final
class AnomalyInfo:
    """A named departure from a specification."""

    @property
    def name(self) -> str:
        """The token that rules, output and documents use."""
    @property
    def meaning(self) -> str:
        """One sentence."""

@final
class SelectedFrame:
    """A frame taken out of a capture file."""

    @property
    def file(self) -> str:
        """Path of its file."""
    @property
    def number(self) -> int:
        """Its number in the file, as Wireshark counts."""
    @property
    def time_ns(self) -> int:
        """Packet time in nanoseconds since 1970."""
    @property
    def link_type(self) -> int:
        """LINKTYPE_ value."""
    @property
    def original_length(self) -> int:
        """Bytes on the wire."""
    @property
    def reason(self) -> str:
        """Why it was taken: `evidence` was asked for, else `handshake` or `context`."""
    @property
    def transport(self) -> str | None:
        """`tcp`, `udp` or `ip`; none where it is no IP."""
    @property
    def source_ip(self) -> str | None:
        """Who sent the innermost packet."""
    @property
    def source_port(self) -> int | None:
        """From which port; 0 where it has none."""
    @property
    def destination_ip(self) -> str | None:
        """Whom it was sent to."""
    @property
    def destination_port(self) -> int | None:
        """To which port; 0 where it has none."""
    @property
    def data(self) -> bytes:
        """The bytes that were captured."""

@final
class Selection:
    """Frames taken out of capture files."""

    @property
    def frames(self) -> list[SelectedFrame]:
        """The frames, in the order of packet time."""
    @property
    def missing_count(self) -> int:
        """Frames asked for that are not in their file."""
    @property
    def left_out_count(self) -> int:
        """Frames that were found and left out for the bounds."""
    @property
    def errors(self) -> list[str]:
        """Why files could not be read, or not to their end."""

def select_frames(
    wanted: Sequence[tuple[str | PathLike[str], Sequence[int]]],
    *,
    context: int = 5,
    most_frames: int = 200,
    most_bytes: int = 1 << 20,
) -> Selection:
    """Takes frames out of capture files, with what stands around them in their flows.

    The files are read twice, up to the last frame that matters. Besides the frames
    come `context` frames of each flow before and after, and the TCP handshake; past
    the bounds the context goes first, then the middle of what was asked for.

    Args:
        wanted: Files, each with numbers of frames as Wireshark counts.
        context: Frames before and after in the flow.
        most_frames: Bound on frames.
        most_bytes: Bound on bytes of frames.

    Raises:
        CaptureError: No file can be read.
    """

def write_capture(frames: Sequence[tuple[SelectedFrame, str]], comment: str) -> bytes:
    """A pcapng capture of frames, each with its comment, in the order given.

    Args:
        frames: Frames and what a reader should know of them.
        comment: What the whole is.
    """

def protocols() -> list[ProtocolInfo]:
    """Every protocol, in the order of the registry."""

def classes() -> list[ClassInfo]:
    """Every operation class, highest rank first."""

def anomalies() -> list[AnomalyInfo]:
    """Every anomaly."""

def counter_meanings() -> dict[str, str]:
    """What each plain counter counts, by its name."""

def version() -> str:
    """The version of otmon."""

def compile_filter(expression: str, snap_length: int = 262144) -> str:
    """The program that a capture filter becomes, as `tcpdump -ddd` prints it.

    Args:
        expression: `not port 22` and the like, a part of pcap-filter(7): `host`, `net`,
            `port`, `portrange`, `proto`, `ether`, `ip`, `ip6`, `arp`, `tcp`, `udp`, `icmp`,
            `icmp6`, `src`, `dst`, `vlan`, `less`, `greater`, `and`, `or`, `not`; or a
            program already. The kernel takes the outer VLAN tag out before it looks, so
            tagged frames need no word of their own.
        snap_length: Bytes kept of a frame that passes.

    Raises:
        OptionsError: It is not understood; the text says where.
    """
