"""What commands share that send to Elasticsearch: the server, and sending until done."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from otmon.cli import console
from otmon.config import Config
from otmon.errors import OptionsError, SinkError
from otmon.sensor_identity import sensor_of
from otmon.shipping import Shipping, bounds_of
from otmon.sinks import outbox
from otmon.sinks.elastic import bundle
from otmon.sinks.elastic.connection import Server, connect, credentials, kibana_key
from otmon.sinks.elastic.documents import Sensor
from otmon.state.site_file import SiteFile, now_ns

if TYPE_CHECKING:
    from otmon.sinks.elastic.kibana.importer import Importer
    from otmon.sinks.elastic.sender import Sender

PATIENCE_S = 120.0
"""How long a command waits for a server that does not take anything, in seconds."""


@contextlib.contextmanager
def spool() -> Iterator[SiteFile]:
    """A queue for this run alone."""
    with (
        tempfile.TemporaryDirectory(prefix="otmon-") as folder,
        SiteFile.open(Path(folder) / "spool.otmon", durable=False) as site,
    ):
        yield site


def server(config: Config, url: str | None, *, users: bool = False) -> Server:
    """Where Elasticsearch is, by the option or else the configuration."""
    settings = config.elastic
    key_file = settings.api_key_file
    key, user = credentials(None if key_file is None else config.place(key_file), users=users)
    return Server(
        hosts=settings.hosts if url is None else (url,),
        ca_file=None if settings.ca_file is None else config.place(settings.ca_file),
        api_key=key,
        user=user,
        allow_plaintext=settings.allow_plaintext,
    )


def sender(store: SiteFile, config: Config, url: str | None, sensor: Sensor) -> Sender:
    """What sends the outbox of a store."""
    client = connect(server(config, url))
    # Imported here: it needs the client, of which `connect` says how to install it.
    from otmon.sinks.elastic.sender import Sender, health_probe

    return Sender(
        store,
        client,
        bounds=bounds_of(config),
        probe=health_probe(sensor, now_ns),
        log=lambda line: console.err().print(f"otmon: elastic: {line}", soft_wrap=True),
    )


def send_all(store: SiteFile, config: Config, url: str | None, sensor: Sensor, kept: str) -> str:
    """Send everything that waits, and say what became of it.

    Raises:
        SinkError: Not all of it was taken; `kept` says what becomes of the rest.
    """
    one = sender(store, config, url, sensor)
    done = one.drain(PATIENCE_S)
    with store.reading() as db:
        left = outbox.status(db)
    if not done:
        raise SinkError(
            f"{left.rows} documents were not sent: {one.reason or 'the server is busy'}. {kept}"
        )
    return told(one.tally.delivered, one.tally.duplicates, one.tally.dead)


def told(delivered: int, duplicates: int, dead: int) -> str:
    """A sentence about what was sent."""
    parts = [f"{delivered} documents sent"]
    if duplicates:
        parts.append(f"{duplicates} were there already")
    if dead:
        parts.append(f"{dead} will never be taken (see `otmon elastic status`)")
    return ", ".join(parts)


def writer(store: SiteFile, config: Config, folder: Path, sensor: Sensor) -> bundle.Writer:
    """What writes the outbox of a store into files."""
    return bundle.Writer(
        store,
        folder,
        sensor.name,
        room=bounds_of(config).max_bytes,
        clock_ns=now_ns,
        log=lambda line: console.err().print(f"otmon: elastic: {line}", soft_wrap=True),
    )


def write_all(store: SiteFile, config: Config, folder: Path, sensor: Sensor) -> str:
    """Write everything that waits into files, and say how much it was.

    Raises:
        SinkError: There is no room for all of it.
    """
    one = writer(store, config, folder, sensor)
    one.finish()
    files = one.files
    if one.reason:
        raise SinkError(one.reason)
    count = sum(file.documents for file in files)
    files_of = "1 file" if len(files) == 1 else f"{len(files)} files"
    return f"{count} documents in {files_of} of {folder}"


class Shipment:
    """What a run over captures sends, and how."""

    def __init__(
        self,
        shipping: Shipping,
        own: SiteFile,
        config: Config,
        state: Path | None,
        url: str | None,
        folder: Path | None,
    ) -> None:
        self.shipping = shipping
        self._own = own
        self._config = config
        self._state = state
        self._url = url
        self._folder = folder

    @classmethod
    @contextlib.contextmanager
    def of(
        cls,
        config: Config,
        captures: Sequence[str],
        state: str | None,
        url: str | None,
        folder: str | None,
    ) -> Iterator[Shipment]:
        """What a run sends; wrong addresses and keys are told before the run.

        Raises:
            OptionsError: The server or its key cannot be used.
        """
        if folder is None:
            connect(server(config, url)).close()
        place = None if state is None else Path(state)
        if place is None and config.state.path is not None:
            place = config.place(config.state.path)
        with spool() as own:
            # A state is of a site, and its documents are those of the site's sensor.
            sensor = sensor_of(config, captures if place is None else ())
            shipping = Shipping(config, sensor, own)
            yield cls(shipping, own, config, place, url, None if folder is None else Path(folder))

    def send(self) -> str:
        """Send it, and say what became of it.

        Raises:
            SinkError: Not all of it was taken.
        """
        if self._state is None:
            return self._send(self._own, "Run it again: nothing will be there twice.")
        with SiteFile.open(self._state) as site:
            site.relax()
            return self._send(
                site, f"They wait in {self._state}: `otmon elastic send --state {self._state}`."
            )

    def _send(self, store: SiteFile, kept: str) -> str:
        sensor = self.shipping.sensor
        if self._folder is not None:
            return write_all(store, self._config, self._folder, sensor)
        return send_all(store, self._config, self._url, sensor, kept)


def kibana(config: Config, url: str, ca_file: str | None) -> Importer:
    """What speaks to a Kibana.

    Raises:
        OptionsError: The client is not installed, or what the configuration says cannot be used.
    """
    try:
        from otmon.sinks.elastic.kibana.importer import Importer, Kibana
    except ImportError as error:
        raise OptionsError(
            "What speaks to Kibana is not installed. Install it: pip install 'otmon[elastic]'"
        ) from error
    settings = server(config, None, users=True)
    api_key, user = kibana_key(settings)
    return Importer(
        Kibana(
            url,
            ca_file=settings.ca_file if ca_file is None else Path(ca_file),
            api_key=api_key,
            user=user,
            allow_plaintext=settings.allow_plaintext,
        )
    )
