"""Transfers that come once an hour, a day or a week, and one that did not come.

A backup that is no longer made is noticed on the day when it is needed. A job is
what one client transfers from or to one server: all of it that lies close
together is one run. Runs that begin at even intervals are expected again.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from otmon.detectors.bounded import Json, Recent
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding_between
from otmon.detectors.quality import Quality
from otmon.model.event import NEVER_NS, Event, Frame
from otmon.model.observed import Ends
from otmon.thresholds import JobsThresholds

SECOND = 1_000_000_000
HOUR_NS = 3_600 * SECOND
MAX_JOBS = 8_192
"""Jobs that are known; the one that ran longest ago goes first."""
MAX_RUNS = 16
"""Beginnings of runs that are kept of one job."""
DAY_RUNS = 8
"""Runs of a daily job that are needed at least: a weekend is among them."""

_CLASSES = frozenset(("program_upload", "file_read", "file_write"))

_Key = tuple[str | None, str | None, int | None, str | None, str]
"""Client, server, VLAN, protocol, class."""


@dataclass(slots=True)
class _Job:
    """What is known of a job."""

    interface: int
    client_address: str | None
    server_address: str | None
    vlan: int | None
    begins_ns: list[int] = field(default_factory=list)
    last_ns: int = 0
    """When something of it was seen last."""
    missed: bool = False
    skipped: int = 0
    """Runs that nobody can say anything of: the sensor did not see well."""
    frames: tuple[Frame, ...] = ()
    """Those of the last beginning; not known after a restart, where files have other numbers."""

    def intervals_ns(self) -> list[int]:
        """Times from one run to the next."""
        pairs = zip(self.begins_ns, self.begins_ns[1:], strict=False)
        return [after - before for before, after in pairs]


class Jobs(Detector):
    """Speaks when a transfer that came at even intervals of an hour and more does not come.

    It is late by twice the spread of its intervals, and by a quarter of an hour at
    least. A daily job must have run over a weekend. Where the sensor did not see
    well around the time at which it was due, nothing is said, and the next run is
    waited for.
    """

    name = "jobs"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "job_missed": "A transfer that came regularly did not come.",
    }
    loss_sensitive = True
    watches = (
        "Transfers of programs and files: each client, server and kind of transfer is a "
        "job. It needs five runs at even intervals, eight of a daily job."
    )
    silent = (
        "Around times in which the sensor did not see well, of intervals below 50 minutes, "
        "and past the end of a capture."
    )

    def __init__(
        self, settings: JobsThresholds | None = None, quality: Quality | None = None
    ) -> None:
        self.settings = settings or JobsThresholds()
        self._quality = quality or Quality()
        self._jobs: Recent[_Key, _Job] = Recent(MAX_JOBS)

    def wants(self, event: Event) -> bool:
        """Transfers of programs and files."""
        if event.operation_class not in _CLASSES or event.is_behaviour:
            return False
        return event.get("ot.role") == "request" and event.get("event.outcome") == "success"

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a part of a transfer."""
        record, time_ns = event.record, event.time_ns
        client, server, vlan = record.client_ip, record.server_ip, record.vlan
        key = (client, server, vlan, event.service, str(event.operation_class))
        job = self._jobs.make(key, lambda: _Job(record.interface, client, server, vlan))
        if time_ns - job.last_ns > self.settings.pause_s * SECOND or not job.begins_ns:
            self._begins(job, time_ns)
            job.frames = event.frames
        job.last_ns = max(job.last_ns, time_ns)
        return ()

    def _begins(self, job: _Job, time_ns: int) -> None:
        if job.missed or job.skipped:
            # What lies before the break says nothing of the intervals after it.
            job.begins_ns = [self._expected_ns(job) or time_ns] if job.skipped else []
            job.missed, job.skipped = False, 0
        job.begins_ns = [*job.begins_ns[1 - MAX_RUNS :], time_ns]
        self.due_ns = min(self.due_ns, self._deadline_ns(job))

    def _expected_ns(self, job: _Job) -> int | None:
        """When the last run that was skipped should have begun."""
        period_ns = self._period_ns(job)
        return None if period_ns is None else job.begins_ns[-1] + job.skipped * period_ns

    def _period_ns(self, job: _Job) -> int | None:
        intervals_ns = job.intervals_ns()
        own = self.settings
        if len(intervals_ns) < own.run_count - 1:
            return None
        period_ns = round(statistics.median(intervals_ns))
        if period_ns < own.period_s * SECOND or self._spread_ns(job) > own.spread * period_ns:
            return None
        daily = period_ns > 20 * HOUR_NS and period_ns < 28 * HOUR_NS
        return None if daily and len(intervals_ns) < DAY_RUNS - 1 else period_ns

    def _spread_ns(self, job: _Job) -> int:
        intervals_ns = job.intervals_ns()
        period_ns = statistics.median(intervals_ns)
        return round(max(abs(one - period_ns) for one in intervals_ns))

    def _deadline_ns(self, job: _Job) -> int:
        """From when on the next run is missed; never, where there is none to expect."""
        period_ns = None if job.missed else self._period_ns(job)
        if period_ns is None:
            return NEVER_NS
        late_ns = max(2 * self._spread_ns(job), self.settings.late_s * SECOND)
        return job.begins_ns[-1] + (job.skipped + 1) * period_ns + late_ns

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Tells the jobs whose time has passed."""
        found: list[Event] = []
        due_ns = NEVER_NS
        for key, job in list(self._jobs.items()):
            deadline_ns = self._deadline_ns(job)
            if deadline_ns <= time_ns:
                # A clock that leaps over years is no reason to look at each day of them.
                leapt = (time_ns - deadline_ns) // (self._period_ns(job) or 1)
                job.skipped += max(leapt - MAX_RUNS, 0)
                deadline_ns = self._deadline_ns(job)
            while deadline_ns <= time_ns:
                found += self._late(key, job, deadline_ns, time_ns)
                deadline_ns = self._deadline_ns(job)
            due_ns = min(due_ns, deadline_ns)
        self.due_ns = due_ns
        return found

    def _late(self, key: _Key, job: _Job, deadline_ns: int, time_ns: int) -> Iterator[Event]:
        period_ns = self._period_ns(job) or 0
        late_ns = max(2 * self._spread_ns(job), self.settings.late_s * SECOND)
        if not self._quality.good(job, deadline_ns - 2 * late_ns, deadline_ns):
            job.skipped += 1
            return
        job.missed = True
        client, server, vlan, protocol, operation_class = key
        ends = Ends(
            client_ip=client, server_ip=server, vlan=vlan, protocol=protocol, frames=job.frames
        )
        yield finding_between(
            self,
            ends,
            time_ns,
            "job_missed",
            category="ot_anomaly",
            expected=f"{operation_class} every {_hours(period_ns)}",
            observed=f"none for {_hours(time_ns - job.begins_ns[-1])}",
            since_ns=job.begins_ns[-1],
        )

    def memory(self) -> Json:
        """The jobs."""
        return self._jobs.written(
            lambda job: [
                job.interface,
                job.client_address,
                job.server_address,
                job.vlan,
                job.begins_ns,
                job.last_ns,
                job.missed,
                job.skipped,
            ]
        )

    def restore(self, memory: Json) -> None:
        """Takes them."""
        self._jobs.read(memory, lambda one: _Job(*one))
        self.due_ns = 0


def _hours(duration_ns: int) -> str:
    return f"{duration_ns / HOUR_NS:.3g} h"
