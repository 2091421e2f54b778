"""The runs over capture files that others call: analyse, learn, learn into a state.

`analyze` is the public API. Rules are loaded while the engine already reads, on
its own thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

from otmon import _engine
from otmon.baseline.compare import Baseline
from otmon.baseline_memory import BaselineMemory
from otmon.config import Config
from otmon.errors import StateError, UsageError
from otmon.input_faults import faults
from otmon.model.result import Result
from otmon.pdu_lines import Paths, Progress, listed
from otmon.pipeline import Analysis
from otmon.site_memory import DELTA_S, SiteMemory, look_up
from otmon.state import last_analysis
from otmon.state.site_file import SiteFile
from otmon.wanted import wanted_from_the_start

if TYPE_CHECKING:
    from otmon.shipping import Shipping

MODE_DELTA_S = 60.0
"""How often counts are told where a site has operating modes, in seconds of packet time."""


def analyze(
    paths: Paths,
    *,
    state: str | os.PathLike[str] | None = None,
    keep: bool = False,
    keep_duplicates: bool = False,
    config: Config | None = None,
    baseline: Paths | Baseline | None = None,
    progress: Progress | None = None,
    shipping: Shipping | None = None,
) -> Result:
    """What capture files show, as the document of `otmon analyze --format json`.

    Args:
        paths: One or several capture files, directories of them, or `-` for
            standard input. Several are one timeline.
        state: The site's state file, which the analysis continues; made where
            there is none. Without it that of the configuration, else none.
        keep: Without a state, keep the result as the user's last analysis.
        keep_duplicates: Count frames that a mirror port delivered twice.
        config: What the site says; without it the defaults.
        baseline: What is normal: captures to learn it from, or what was learned.
        progress: Called now and then with the bytes read so far and in all.
        shipping: Gets what is to be sent; it is in the outbox of the state then, else in its
            own.

    Raises:
        CaptureError: No input is usable. Malformed traffic never raises.
        StateError: The state file cannot be used.

    A KeyboardInterrupt ends the reading; what was found so far is the result.
    Nothing of it goes into the state, which takes a capture as a whole.
    """
    config = config or Config()
    before: Analysis | None = None
    if baseline is not None and not isinstance(baseline, Baseline):
        if _are_captures(listed(baseline)):
            before = _learned(baseline, keep_duplicates, config, progress)
            baseline = before.learned
        else:
            baseline = known(baseline, config=config)
    if state is None and config.state.path is not None:
        state = config.place(config.state.path)
    if state is None:
        engine = _engine_of(
            listed(paths),
            config,
            keep_duplicates=keep_duplicates,
            ranges=baseline is not None,
            shipping=shipping,
        )
        analysis = Analysis(engine, config, baseline=baseline, before=before, shipping=shipping)
        analysis.run(progress)
        with _to_the_end():
            result = analysis.result()
            analysis.ship(result)
            if baseline is not None:
                result = _remarked(result, *baseline.remarks)
            return _kept(analysis, result) if keep else result
    with SiteFile.open(state) as site:
        site.claim()
        inputs = look_up(site, listed(paths))
        memory = SiteMemory(site, config, inputs)
        engine = _engine_of(
            inputs.paths, config, keep_duplicates=keep_duplicates, memory=memory, shipping=shipping
        )
        if shipping is not None:
            shipping.begin(site)
        analysis = Analysis(engine, config, memory, baseline, shipping=shipping)
        analysis.run(progress)
        with _to_the_end():
            result = analysis.finish()
        return result if baseline is None else _remarked(result, *baseline.remarks)


def _engine_of(
    paths: Sequence[str | os.PathLike[str]],
    config: Config,
    *,
    keep_duplicates: bool,
    memory: SiteMemory | None = None,
    ranges: bool = True,
    shipping: Shipping | None = None,
) -> _engine.Engine:
    """An engine that tells all that `Analysis` takes.

    Args:
        paths: The input.
        config: What the site says.
        keep_duplicates: Count frames that a mirror port delivered twice.
        memory: What is known of the site from before.
        ranges: Whether it is of interest which addresses were never read before.
        shipping: Wants counts of what goes on, now and then.
    """
    return _engine.Engine(
        paths,
        keep_duplicates=keep_duplicates,
        conversations=() if memory is None else memory.known(),
        rhythm=True,
        health=True,
        spoof=True,
        points=config.detectors.looks_at_points,
        ranges=ranges,
        wanted=wanted_from_the_start(config),
        delta_s=_delta_s(config, shipping, memory),
    )


def _delta_s(config: Config, shipping: Shipping | None, memory: SiteMemory | None) -> float | None:
    """How often counts are told of what goes on; only in the end, where nobody asks."""
    if memory is not None:
        # A state learns from a capture what it would have learned from the wire.
        return DELTA_S
    if shipping is not None:
        return shipping.interval_ns / 1e9
    # What is told less often belongs to no operating mode.
    return MODE_DELTA_S if config.modes else None


def _kept(analysis: Analysis, result: Result) -> Result:
    """The result, kept as the user's last analysis."""
    try:
        with last_analysis.fresh() as site:
            analysis.keep_in(site, result)
    except StateError as error:
        return _remarked(result, f"the analysis could not be kept: {error}")
    return result


def _remarked(result: Result, *remarks: str) -> Result:
    """The result with more to say of the run."""
    if not remarks:
        return result
    capture = dataclasses.replace(result.capture, remarks=(*result.capture.remarks, *remarks))
    return dataclasses.replace(result, capture=capture)


@contextlib.contextmanager
def _to_the_end() -> Iterator[None]:
    """Ignores one Ctrl-C while what was read becomes a result, which takes about a second.

    Another one ends it, as does one where the caller has a handler of its own.
    """

    def ignore(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)

    before = signal.getsignal(signal.SIGINT)
    # Handlers belong to the main thread alone; others are not interrupted.
    if before is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGINT, ignore)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def known(
    paths: Paths,
    *,
    keep_duplicates: bool = False,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Baseline:
    """What is normal, as an export or a state file says, or as captures show.

    Raises:
        CaptureError: No input is usable.
        StateError: The state file cannot be used.
        UsageError: The export says something that is not so.
    """
    inputs = listed(paths)
    config = config or Config()
    kinds = {_kind_of(path) for path in inputs}
    if _are_captures(inputs):
        return learn(inputs, keep_duplicates=keep_duplicates, config=config, progress=progress)
    if len(inputs) > 1:
        raise UsageError(
            "A baseline is one export, one state file, or captures. Name one of these."
        )
    (path,) = inputs
    if kinds == {"state"}:
        with SiteFile.open(path, read_only=True) as site:
            return BaselineMemory(site, config.baseline).baseline
    from otmon.baseline import reading

    said = reading.read(Path(path).read_text(encoding="utf-8"), os.fspath(path))
    baseline = Baseline(said.book, said.site, config.baseline)
    baseline.sources = (os.fspath(path),)
    return baseline


def _are_captures(paths: Sequence[str | os.PathLike[str]]) -> bool:
    """Whether all of them are to be learned from."""
    return {_kind_of(path) for path in paths} == {"capture"}


def _kind_of(path: str | os.PathLike[str]) -> str:
    """Whether a path is a `state` file, an `export` of a baseline, or else a `capture`."""
    place = Path(path)
    if not place.is_file():
        return "capture"
    with place.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"SQLite format 3\0"):
        return "state"
    return "export" if b"\notmon_baseline:" in b"\n" + head else "capture"


def learn_into(
    paths: Paths,
    state: str | os.PathLike[str],
    *,
    keep_duplicates: bool = False,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Result:
    """Learns captures of which a person says that they are normal, into a state file.

    Raises:
        CaptureError: No input is usable.
        StateError: The state file cannot be used.
    """
    config = config or Config()
    with SiteFile.open(state) as site:
        site.claim()
        inputs = look_up(site, listed(paths))
        memory = SiteMemory(site, config, inputs)
        engine = _engine_of(inputs.paths, config, keep_duplicates=keep_duplicates, memory=memory)
        analysis = Analysis(engine, config, memory)
        analysis.learn_all(progress)
        with _to_the_end():
            return analysis.finish()


def learn(
    paths: Paths,
    *,
    keep_duplicates: bool = False,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Baseline:
    """What is normal, from captures of which a person says that they are.

    Raises:
        CaptureError: No input is usable.
    """
    return _learned(paths, keep_duplicates, config or Config(), progress).learned


def _learned(
    paths: Paths, keep_duplicates: bool, config: Config, progress: Progress | None
) -> Analysis:
    """A run that has learned what is normal, and who is there.

    Raises:
        KeyboardInterrupt: A person stopped it: half of a baseline is none.
    """
    engine = _engine_of(listed(paths), config, keep_duplicates=keep_duplicates)
    baseline = Baseline(settings=config.baseline)
    baseline.sources = tuple(map(str, listed(paths)))
    analysis = Analysis(engine, config, baseline=baseline)
    analysis.learn_all(progress)
    if analysis.interrupted:
        raise KeyboardInterrupt
    baseline.said_normal = False
    baseline.remarks = tuple(faults(engine.files()))
    return analysis
