"""The frames behind new alerts, saved before others take their place in memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from otmon import _engine
from otmon.alerts.aggregate import Aggregator
from otmon.config import Monitor
from otmon.evidence.frames import MAX_FRAMES, make
from otmon.evidence.store import EvidenceStore
from otmon.model.alert import AlertEvidence

MAX_EVIDENCE = 50
"""Alerts whose frames are saved at a time: of a flood of them the first."""


class LiveEvidence:
    """Takes frames out of the engine's memory into a folder."""

    def __init__(
        self, engine: _engine.Engine, names: Sequence[str], folder: Path, settings: Monitor
    ) -> None:
        """Takes whose frames they are, and where they go.

        Args:
            engine: Has the latest frames.
            names: Its interfaces, by their number in frames.
            folder: Where captures go.
            settings: How many bytes are kept.
        """
        self._engine = engine
        self._names = names
        self._store = EvidenceStore(folder, 0)
        self.configure(settings)

    def configure(self, settings: Monitor) -> None:
        """Takes other bounds."""
        self._store.most_bytes = settings.evidence_mib << 20
        self._has_frames = bool(settings.evidence_ring_mib)

    def save(self, aggregator: Aggregator) -> bool:
        """Saves the frames of alerts that have none saved; whether there was anything to save.

        Raises:
            CaptureError: They cannot be written.
        """
        if not self._has_frames:
            return False
        fresh = (
            (one, alert)
            for one, alert in aggregator.unsaved(self._names.__getitem__)
            if one.frames and one.evidence is None
        )
        chosen = list(itertools.islice(fresh, MAX_EVIDENCE))
        if not chosen:
            return False
        wanted = [one.places for one, _ in chosen]
        selections = self._engine.recent_frames(wanted, most_frames=MAX_FRAMES)
        saved = False
        for (one, alert), selection in zip(chosen, selections, strict=True):
            evidence = make(alert, selection)
            if not any(frame.is_evidence for frame in evidence.frames):
                continue
            path = self._store.add(alert.id, evidence)
            places = tuple(frame.place for frame in evidence.frames if frame.is_evidence)
            one.evidence = AlertEvidence(str(path), places, ())
            saved = True
        return saved
