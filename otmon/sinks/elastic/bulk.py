"""One request to Elasticsearch: documents as its lines, and what the server said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from elastic_transport import ConnectionError as Unreachable
from elastic_transport import SerializationError, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from otmon.sinks.elastic.catalogue import LATEST
from otmon.sinks.elastic.connection import in_words
from otmon.sinks.elastic.documents import Moment
from otmon.sinks.elastic.results import Action, Verdict, of_items, of_status
from otmon.sinks.outbox import Row

_FILTER = (
    "took,errors,items.*.status,items.*._id,items.*.error.type,items.*.error.reason,"
    "items.*.failure_store"
)
_EVENT = b'{"event":{'
"""How every body begins, so that the time of sending can be added."""
_UNCLEAR = Verdict(Action.RETRY, "", "the answer does not say what became of each document")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said of a request."""

    said: Verdict | list[Verdict]
    """Of each document, in the order in which they were sent; or of the request as a whole."""
    retry_after_s: float | None = None
    """How long it wants to be left alone, in seconds, where it says so."""


class Bulk:
    """Asks a server to take documents, in the way its version wants to be asked."""

    def __init__(self, client: Elasticsearch, clock_ns: Callable[[], int]) -> None:
        """Takes the client, and the clock that says when documents are sent."""
        self._client = client
        self._clock_ns = clock_ns
        self._version: tuple[int, int] | None = None

    def get_ready(self) -> Verdict | None:
        """Look who answers and whether the templates are there; why not, where that stops it."""
        try:
            info = self._client.info()
            number = str(info["version"]["number"])
            major, minor = number.split(".")[:2]
            self._version = int(major), int(minor)
        except ApiError as error:
            # A key without `monitor` may not ask; the oldest form of requests goes everywhere.
            if error.meta.status != 403:
                return _of_error(error)
            self._version = None
        except (TransportError, UnsupportedProductError) as error:
            return _of_error(error)
        except (KeyError, ValueError, TypeError):
            self._version = None
        try:
            # Without otmon's templates the server would guess types from the first document.
            # Of the last only set-up brings one: an integration package cannot.
            for name in ("logs-otmon.alert", LATEST):
                self._client.indices.get_index_template(name=name)
        except ApiError as error:
            if error.meta.status == 404:
                return Verdict(
                    Action.PAUSE, "", "the templates are missing. Run `otmon elastic setup`", 404
                )
            if error.meta.status != 403:
                return _of_error(error)
        except TransportError as error:
            return _of_error(error)
        return None

    def send(self, rows: Sequence[Row]) -> Answer:
        """What the server says of each document, or of the whole request."""
        more: dict[str, Any] = {}
        if not is_plain(rows[0]) and (self._version is None or self._version >= (8, 13)):
            more["require_data_stream"] = True
        if self._version is not None and self._version >= (8, 18):
            more["include_source_on_error"] = False
        try:
            answer = self._client.bulk(
                operations=_lines(rows, self._clock_ns()), filter_path=_FILTER, **more
            )
        except ApiError as error:
            return Answer(_of_error(error), _retry_after_s(error))
        except (TransportError, UnsupportedProductError) as error:
            return Answer(_of_error(error))
        return Answer(of_items(answer.body, len(rows)) or _UNCLEAR)


def is_plain(row: Row) -> bool:
    """Whether it goes into an index of its own name, and not into a data stream."""
    return row.document.target.startswith(LATEST)


def _lines(rows: Sequence[Row], now_ns: int) -> Any:
    """Action and body of each document, with the time of sending in the body.

    The client passes lines of bytes on as they are, though its types do not say so.
    """
    ingested = f'{_EVENT.decode()}"ingested":"{Moment(now_ns).text()}",'.encode()
    lines: list[bytes] = []
    for row in rows:
        one = row.document
        version = f',"version":{one.version},"version_type":"external_gte"'
        where = f'"_index":{_quoted(one.target)},"_id":{_quoted(one.id)}'
        lines.append(f'{{"{one.op}":{{{where}{version if one.op == "index" else ""}}}}}'.encode())
        body = one.body
        if body.startswith(_EVENT) and not body.startswith(b'{"event":{}'):
            body = ingested + body[len(_EVENT) :]
        lines.append(body)
    return lines


def _of_error(error: Exception) -> Verdict:
    """What to do after the client raised."""
    match error:
        case UnsupportedProductError():
            return Verdict(
                Action.PAUSE, "", "what answers is no Elasticsearch. Check the address of hosts"
            )
        case ApiError():
            kind, reason = _told(error)
            verdict = of_status(error.meta.status, kind, "")
            if reason:
                return Verdict(
                    verdict.action, kind, f"{verdict.reason} ({reason[:300]})", verdict.status
                )
            return verdict
        case TlsError():
            return Verdict(
                Action.PAUSE,
                "tls",
                f"the certificate of the server is not trusted ({in_words(error)}). "
                "Name its CA in [elastic] ca_file or with --elastic-ca; checks are never weakened",
            )
        case SerializationError():
            return Verdict(Action.RETRY, "", "the answer was cut short or garbled")
        case Unreachable():
            return Verdict(Action.RETRY, "", f"the server cannot be reached ({in_words(error)})")
    return Verdict(Action.RETRY, "", in_words(error))


def _told(error: ApiError) -> tuple[str, str]:
    body = error.body
    inner = body.get("error") if isinstance(body, dict) else None
    if isinstance(inner, dict):
        return str(inner.get("type", "")), str(inner.get("reason", ""))
    return "", ""


def _retry_after_s(error: ApiError) -> float | None:
    said = error.meta.headers.get("retry-after")
    try:
        return None if said is None else min(max(float(said), 0.0), 3600.0)
    except ValueError:
        return None
