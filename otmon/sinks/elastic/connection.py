"""The client of Elasticsearch, made so that it neither repeats by itself nor trusts anybody.

The only trust is a CA file or that of the system: a fingerprint alone would
accept a forged chain to which somebody appends the real CA.
"""

from __future__ import annotations

import gzip
import ipaddress
import os
import re
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from otmon.errors import OptionsError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

KEY_VARIABLE = "OTMON_ELASTIC_API_KEY"
USER_VARIABLE = "OTMON_ELASTIC_USER"
PASSWORD_VARIABLE = "OTMON_ELASTIC_PASSWORD"
KIBANA_VARIABLE = "OTMON_KIBANA_API_KEY"
REQUEST_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where Elasticsearch is, and how to be let in."""

    hosts: tuple[str, ...]
    ca_file: Path | None = None
    api_key: str | None = None
    user: tuple[str, str] | None = None
    """Name and password, for setting up."""
    allow_plaintext: bool = False
    timeout_s: float = REQUEST_TIMEOUT_S


def credentials(
    key_file: Path | None, *, users: bool = False
) -> tuple[str | None, tuple[str, str] | None]:
    """The API key, from its file or else the environment; name and password for setting up.

    Raises:
        OptionsError: The file cannot be read, or others can read it, too.
    """
    if users and (name := os.environ.get(USER_VARIABLE)):
        return None, (name, os.environ.get(PASSWORD_VARIABLE, ""))
    if key_file is None:
        return os.environ.get(KEY_VARIABLE) or None, None
    try:
        mode = key_file.stat().st_mode
        key = key_file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionsError(
            f"The API key {key_file} cannot be read ({error}). Name another in api_key_file."
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise OptionsError(
            f"Others can read the API key {key_file}. Make it yours alone: chmod 600 {key_file}"
        )
    if not key:
        raise OptionsError(f"The API key {key_file} is empty. Put the encoded key into it.")
    return key, None


def kibana_key(server: Server) -> tuple[str | None, tuple[str, str] | None]:
    """The key for Kibana, or else what lets one into Elasticsearch."""
    key = os.environ.get(KIBANA_VARIABLE)
    return (key, None) if key else (server.api_key, server.user)


def connect(server: Server) -> Elasticsearch:
    """A client that sends each request once and does not look for other nodes.

    Raises:
        OptionsError: An address or the CA file cannot be used, the connection
            would not be encrypted, or the client is not installed.
    """
    try:
        from elasticsearch import Elasticsearch
    except ImportError as error:
        raise OptionsError(
            "The client of Elasticsearch is not installed. Install it: pip install 'otmon[elastic]'"
        ) from error
    hosts = [checked(host, allow_plaintext=server.allow_plaintext) for host in server.hosts]
    if not hosts:
        raise OptionsError("No Elasticsearch is named. Give --elastic URL, or [elastic] hosts.")
    more: dict[str, Any] = {}
    if any(host.startswith("https:") for host in hosts):
        more["ssl_context"] = trust(server.ca_file)
    if server.api_key is not None:
        more["api_key"] = server.api_key
    elif server.user is not None:
        more["basic_auth"] = server.user
    return Elasticsearch(
        hosts,
        max_retries=0,
        retry_on_timeout=False,
        request_timeout=server.timeout_s,
        node_class=_quick_node(),
        meta_header=False,
        **more,
    )


def _quick_node() -> type[Any]:
    """A connection that compresses what it sends, quickly.

    The client's own compression makes documents half as large again and takes three times as
    long, a tenth of all the time that sending takes.
    """
    from elastic_transport import HttpHeaders, Urllib3HttpNode
    from elastic_transport.client_utils import DEFAULT

    class QuickNode(Urllib3HttpNode):
        def perform_request(
            self,
            method: str,
            target: str,
            body: bytes | None = None,
            headers: HttpHeaders | None = None,
            request_timeout: Any = DEFAULT,
        ) -> Any:
            if body:
                body = gzip.compress(body, 1)
                headers = HttpHeaders(headers or {})
                headers["content-encoding"] = "gzip"
            return super().perform_request(method, target, body, headers, request_timeout)

    return QuickNode


def checked(host: str, *, allow_plaintext: bool) -> str:
    """An address with its port.

    Raises:
        OptionsError: It is none, has a password in it, or would not be encrypted.
    """
    parts = urlsplit(host)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
        raise OptionsError(
            f"{_without_secrets(host)!r} is no address of Elasticsearch. "
            "Write it as https://name:9200."
        )
    if parts.username is not None or parts.password is not None:
        raise OptionsError(
            f"{_without_secrets(host)} has a password in it. Put an API key into a file and name "
            "it in api_key_file."
        )
    if parts.scheme == "http" and not allow_plaintext and not _is_here(parts.hostname):
        raise OptionsError(
            f"{host} would not be encrypted, and the API key could be read on the way. "
            "Use https://, or set [elastic] allow_plaintext = true."
        )
    if port is None:
        name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        standard = 443 if parts.scheme == "https" else 80
        return f"{parts.scheme}://{name}:{standard}{parts.path}"
    return host


def _without_secrets(host: str) -> str:
    before, at, after = host.rpartition("@")
    return f"{before.partition('://')[0]}://{after}" if at else host


def _is_here(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def in_words(error: Exception) -> str:
    """What went wrong on the way to a server, without the words of the library that saw it."""
    said = str(getattr(error, "message", error))
    said = re.sub(r"^<?HTTPS?Connection(Pool)?\([^)]*\)>?: ", "", said)
    return re.sub(r"\[Errno -?\d+\] ", "", said)[:300]


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Chains to the CA of the file, else to one that the system trusts; names are checked."""
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise OptionsError(
            f"The CA file {ca_file} cannot be used ({error}). "
            "Copy http_ca.crt from config/certs of a node, and name it in [elastic] ca_file or "
            "with --elastic-ca."
        ) from error
