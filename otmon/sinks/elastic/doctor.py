"""Is an Elasticsearch fit to be sent to, with this key? Nothing is changed to find out.

A sensor's own key may ask all of it: what needs more is left out, and said.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from otmon._engine import version as own_version
from otmon.errors import OptionsError
from otmon.model.finding import FAILURE, OK, WARNING, Finding
from otmon.sinks.elastic import cluster, newest, setup
from otmon.sinks.elastic.asking import ask
from otmon.sinks.elastic.catalogue import LATEST, STREAMS
from otmon.sinks.elastic.cluster import some
from otmon.sinks.elastic.connection import Server, connect, in_words, trust

TIMEOUT_S = 10.0
"""How long a server may take to answer one question."""
EXPIRES_S = 14 * 86_400
"""A certificate that lasts no longer than this should be renewed."""
_ADDS = ("auto_configure", "create_doc")
_REPLACES = ("auto_configure", "create_index", "index")
_TOO_MUCH = ("read", "delete", "delete_index", "manage")
_FAR_TOO_MUCH = ("manage", "manage_security", "all")


def examine(
    server: Server, namespace: str, clock_ns: Callable[[], int], sensor: str | None = None
) -> Iterator[Finding]:
    """Every check, in the order in which one depends on the other.

    Args:
        server: Where it is, and how to be let in.
        namespace: Of the streams that are written to.
        clock_ns: The clock of this machine.
        sensor: The id of the sensor whose newest documents are looked for.
    """
    fit = None
    for host in server.hosts:
        try:
            client = connect(replace(server, hosts=(host,), timeout_s=TIMEOUT_S))
        except OptionsError as error:
            yield Finding("configuration", FAILURE, str(error))
            continue
        if server.api_key is None and server.user is None:
            yield Finding(
                "configuration",
                WARNING,
                "no API key is given",
                "Make one with `otmon elastic setup --create-key`, unless the server wants none.",
            )
        yield from _certificate(host, server, clock_ns)
        answers = [*_version(client, host)]
        yield from answers
        if fit is None and all(one.status != FAILURE for one in answers):
            fit = client
    if fit is not None:
        yield from cluster.licence(fit)
        yield from _privileges(fit, namespace)
        yield from _templates(fit)
        yield from cluster.clocks_and_disks(fit, clock_ns)
        yield from cluster.blocks(fit, namespace)
        if sensor is not None:
            yield from newest.examine(fit, namespace, clock_ns, sensor)


def _certificate(host: str, server: Server, clock_ns: Callable[[], int]) -> Iterator[Finding]:
    parts = urlsplit(host)
    if parts.scheme != "https":
        advice = "Use https://, and name the CA in [elastic] ca_file or with --elastic-ca."
        yield Finding("TLS", WARNING, f"{host}: nothing is encrypted", advice)
        return
    place = (parts.hostname or "", parts.port or 443)
    try:
        with (
            socket.create_connection(place, TIMEOUT_S) as plain,
            trust(server.ca_file).wrap_socket(plain, server_hostname=place[0]) as encrypted,
        ):
            shown = encrypted.getpeercert() or {}
            protocol = encrypted.version()
    except ssl.SSLCertVerificationError as error:
        yield Finding("TLS", FAILURE, f"{host}: {error.verify_message}", _about(error))
        return
    except OSError:
        return  # that nothing answers is said by the next check
    ends_s = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    issuer = dict(pair for group in shown.get("issuer", ()) for pair in group)  # type: ignore[misc]  # names and values
    says = (
        f"{host}: {protocol}, certificate of {issuer.get('commonName', 'an unnamed CA')}"
        f" until {shown['notAfter']}"
    )
    if ends_s - clock_ns() / 1e9 < EXPIRES_S:
        yield Finding("TLS", WARNING, says, "Renew the certificate of the server.")
    else:
        yield Finding("TLS", OK, says)


def _about(error: ssl.SSLCertVerificationError) -> str:
    if "expired" in error.verify_message:
        return "Renew the certificate of the server, and see whether the clock here is right."
    if "mismatch" in error.verify_message or "not valid for" in error.verify_message:
        return "Use a name in hosts that stands in the certificate of the server."
    return (
        "Copy http_ca.crt from config/certs of a node, and name it in [elastic] ca_file or with "
        "--elastic-ca. If it is named, somebody else may be answering."
    )


def _version(client: Elasticsearch, host: str) -> Iterator[Finding]:
    try:
        number = str(client.info()["version"]["number"])
    except UnsupportedProductError:
        yield Finding(
            "server",
            FAILURE,
            f"{host} answers, but is no Elasticsearch",
            "Check the address: a proxy, Kibana and OpenSearch are no targets.",
        )
        return
    except ApiError as error:
        yield _refused(host, error)
        return
    except TlsError as error:
        yield Finding(
            "server", FAILURE, f"{host} is not trusted: {error.message}", "See TLS above."
        )
        return
    except ConnectionTimeout:
        yield Finding(
            "server",
            FAILURE,
            f"{host} did not answer for {TIMEOUT_S:.0f} s",
            "See whether a firewall drops what is sent there.",
        )
        return
    except TransportError as error:
        yield Finding(
            "server",
            FAILURE,
            f"{host} cannot be reached: {in_words(error)}",
            "Check name and port in [elastic] hosts, firewalls, and whether it runs.",
        )
        return
    except (KeyError, TypeError):
        number = ""
    yield _of_version(host, number)


def _of_version(host: str, number: str) -> Finding:
    numbers = [int(part) for part in re.findall(r"\d+", number)[:2]]
    says = f"{host} is Elasticsearch {number or 'of an unknown version'}"
    if len(numbers) < 2 or numbers[0] not in (8, 9):
        return Finding("server", FAILURE, says, "otmon sends to versions 8 and 9.")
    if numbers < [8, 13]:
        advice = "Use 8.13 or later: an older one makes an index where a template is missing."
        return Finding("server", WARNING, says, advice)
    return Finding("server", OK, says)


def _refused(host: str, error: ApiError) -> Finding:
    status = error.meta.status
    if status == 401:
        return Finding(
            "server",
            FAILURE,
            f"{host} does not accept the API key",
            "Make a new one with `otmon elastic setup --create-key`: it may have ended.",
        )
    if status == 403:
        return Finding(
            "server",
            WARNING,
            f"{host} does not say its version to this key",
            "Give the key the cluster privilege monitor; sending works without.",
        )
    return Finding("server", FAILURE, f"{host} answers {status}", "See the log of the server.")


def _privileges(client: Elasticsearch, namespace: str) -> Iterator[Finding]:
    streams = [f"{one}-{namespace}" for one in STREAMS if one != LATEST]
    latest = f"{LATEST}-{namespace}"
    wanted = {
        "cluster": ["monitor", *_FAR_TOO_MUCH],
        "index": [
            {"names": streams, "privileges": [*_ADDS, *_TOO_MUCH]},
            {"names": [latest], "privileges": [*_REPLACES, *_TOO_MUCH]},
        ],
    }
    answer = ask(client, "/_security/user/_has_privileges", wanted)
    if isinstance(answer, int):
        yield Finding(
            "privileges",
            WARNING,
            "the server has no users: whoever reaches it may read and delete everything",
            "Turn on xpack.security.enabled.",
        )
        return
    of_cluster, of_targets = answer["cluster"], answer["index"]
    missing = [
        f"{name} on {target}"
        for target, names in [*((one, _ADDS) for one in streams), (latest, _REPLACES)]
        for name in names
        if not of_targets[target].get(name)
    ]
    beyond = sorted({name for one in of_targets.values() for name in _TOO_MUCH if one.get(name)})
    beyond += [f"{name} on the cluster" for name in _FAR_TOO_MUCH if of_cluster.get(name)]
    make = "Make a key with `otmon elastic setup --create-key`."
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        yield Finding(
            "privileges", FAILURE, f"the key may not {', '.join(missing[:3])}{more}", make
        )
    if beyond:
        yield Finding(
            "privileges",
            WARNING,
            f"the key may do more than a sensor has to: {', '.join(beyond)}",
            f"{make} Whoever takes a sensor has its key.",
        )
    if not of_cluster.get("monitor"):
        yield Finding(
            "privileges",
            WARNING,
            "the key may not see version and templates (monitor)",
            "Give it the cluster privilege monitor; sending works without.",
        )
    if not (missing or beyond):
        yield Finding("privileges", OK, "the key can add, and neither read nor delete")


def _templates(client: Elasticsearch) -> Iterator[Finding]:
    states = [*setup.compare(client)]
    unknown = [one for one in states if one.did == "unknown"]
    if unknown:
        yield Finding(
            "templates",
            WARNING,
            "the key may not see the templates",
            "Give it the cluster privilege monitor, or ask with a user that may.",
        )
        return
    by_state: dict[str, list[str]] = {}
    for one in states:
        by_state.setdefault(one.did, []).append(one.name)
    say = "Run `otmon elastic setup`"
    if names := by_state.get("missing"):
        yield Finding(
            "templates", FAILURE, f"missing: {some(names)}", f"{say}; until then nothing is sent."
        )
    if names := by_state.get("foreign"):
        yield Finding("templates", FAILURE, f"not otmon's: {some(names)}", f"{say} --force.")
    if names := by_state.get("older"):
        yield Finding("templates", WARNING, f"of an older otmon: {some(names)}", f"{say}.")
    if names := by_state.get("newer"):
        yield Finding(
            "templates",
            WARNING,
            f"of a newer otmon: {some(names)}",
            "Update otmon here; what it sends is taken all the same.",
        )
    if names := by_state.get("differs"):
        yield Finding("templates", WARNING, f"not as otmon has them: {some(names)}", f"{say}.")
    if set(by_state) == {"same"}:
        yield Finding("templates", OK, f"all {len(states)} are those of otmon {own_version()}")
