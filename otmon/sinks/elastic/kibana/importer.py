"""Brings dashboards and rules into a Kibana over its API, and changes nothing twice.

What is there is asked for by export, and its hash compared: a dashboard that
somebody changed stays as it is until otmon brings another, and a rule that was
switched on stays on. Requests are those of Kibana's documentation: import and
export of saved objects, and of detection rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from otmon._engine import version
from otmon.errors import OptionsError, SinkError
from otmon.sinks.elastic.connection import checked, trust
from otmon.sinks.elastic.kibana.objects import TAG, SavedObject, ndjson, saved_objects, signed
from otmon.sinks.elastic.kibana.rules import detection_rules, is_rule
from otmon.sinks.elastic.kibana.views import VIEWS
from otmon.sinks.elastic.setup import Step

OLDEST = (8, 13)
"""The oldest Kibana that reads these objects and rules."""
TIMEOUT_S = 60.0
_EXPORT = "/api/saved_objects/_export"
_KEPT_OF_A_RULE = ("enabled", "actions")
"""What people decide about a rule that is there."""
_OWN_LISTS = "otmon-exception-"
"""How the id of each exception list of otmon begins; others are of people."""


@dataclass(frozen=True, slots=True)
class Kibana:
    """A Kibana, and how to be let in."""

    url: str
    """With the path of a space where it is not the default one: `https://kibana:5601/s/ot`."""
    ca_file: Path | None = None
    api_key: str | None = None
    user: tuple[str, str] | None = None
    allow_plaintext: bool = False


class Importer:
    """Talks to one Kibana."""

    def __init__(self, kibana: Kibana) -> None:
        """Raises OptionsError where the address or the CA file cannot be used."""
        self._url = checked(kibana.url, allow_plaintext=kibana.allow_plaintext).rstrip("/")
        context = trust(kibana.ca_file) if self._url.startswith("https:") else None
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=TIMEOUT_S)
        self._headers = {"kbn-xsrf": "true"}
        if kibana.api_key is not None:
            self._headers["authorization"] = f"ApiKey {kibana.api_key}"
        elif kibana.user is not None:
            self._headers |= urllib3.make_headers(basic_auth=":".join(kibana.user))

    def check(self) -> str:
        """The version of this Kibana.

        Raises:
            SinkError: It cannot be reached, is something else, or is too old.
        """
        answer = self._ask("GET", "/api/status")
        number = str(answer.get("version", {}).get("number", ""))
        parts = tuple(int(part) for part in number.split(".")[:2] if part.isdigit())
        if not parts:
            raise SinkError(f"{self._url} is no Kibana. Give the address of Kibana in --kibana.")
        if parts < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise SinkError(f"Kibana {number} is too old: {oldest} or later is needed.")
        return number

    def missing_views(self) -> list[str]:
        """The ids of the data views that are not there.

        Raises:
            SinkError: Kibana does not say.
        """
        missing = []
        for view in VIEWS:
            asked = {"objects": [{"type": "index-pattern", "id": view.id}]}
            if not self._lines("POST", _EXPORT, asked, absent=True):
                missing.append(view.id)
        return missing

    def install_objects(self, *, force: bool = False) -> Iterator[Step]:
        """Bring in data views, searches and dashboards, unless all are there already.

        Args:
            force: Bring them in whatever is there.

        Raises:
            SinkError: Kibana refuses them.
            OptionsError: A newer otmon brought what is there.
        """
        objects = signed(saved_objects())
        there = None if force else self._installed(objects)
        if there is not None:
            newest = _signature(one for one in objects if one["id"] == TAG)
            installed = _signature(there)
            if installed == newest:
                yield Step(f"{len(objects)} objects of Kibana", "unchanged")
                return
            _refuse_older(installed)
        answer = self._send("/api/saved_objects/_import?overwrite=true", ndjson(objects))
        _complain(answer.get("errors", ()))
        if not answer.get("success") or answer.get("successCount") != len(objects):
            raise SinkError(
                f"Kibana took {answer.get('successCount', 0)} of {len(objects)} objects."
            )
        did = "installed" if there is None else "updated"
        yield Step(f"{len(objects)} objects of Kibana", did)

    def install_rules(self, event_rules: Iterable[Mapping[str, Any]]) -> Iterator[Step]:
        """Bring in rules that are missing or differ; whether one is on is left as it is.

        Raises:
            SinkError: Kibana refuses them.
        """
        lines = detection_rules(event_rules)
        wanted = [one for one in lines if is_rule(one)]
        body = {"objects": [{"rule_id": one["rule_id"]} for one in wanted]}
        path = "/api/detection_engine/rules/_export?exclude_export_details=true"
        # A Kibana without Security does not know the path; one that knows none of the rules
        # may say so in the same way.
        found = self._lines("POST", path, body, absent=True)
        there = {one["rule_id"]: one for one in found if "rule_id" in one}
        changed, same, updated = [], 0, 0
        for one in wanted:
            old = there.get(one["rule_id"])
            if old is None:
                changed.append(one)
            elif old.get("meta", {}).get("otmon") == one["meta"]["otmon"]:
                same += 1
            else:
                updated += 1
                changed.append(_as_people_left_it(one, old))
        if changed:
            path = "/api/detection_engine/rules/_import?overwrite=true&overwrite_exceptions=true"
            named = {each["list_id"] for one in changed for each in one["exceptions_list"]}
            lists = [one for one in lines if not is_rule(one) and one["list_id"] in named]
            answer = self._send(path, ndjson([*changed, *lists]))
            _complain(answer.get("exceptions_errors", ()))
            _complain(answer.get("errors", ()))
            if not answer.get("success"):
                raise SinkError(f"Kibana took {answer.get('success_count', 0)} rules.")
        for count, did in (
            (len(changed) - updated, "installed"),
            (updated, "updated"),
            (same, "unchanged"),
        ):
            if count:
                yield Step(f"{count} rules of Kibana", did)

    def _installed(self, objects: Sequence[SavedObject]) -> list[SavedObject] | None:
        """The objects that are there; none unless all of them are."""
        asked = [{"type": one["type"], "id": one["id"]} for one in objects]
        body = {"objects": asked, "excludeExportDetails": True, "includeReferencesDeep": False}
        found = self._lines("POST", _EXPORT, body, absent=True)
        there = {(one.get("type"), one.get("id")) for one in found}
        return found if all((one["type"], one["id"]) in there for one in asked) else None

    def _send(self, path: str, text: str) -> dict[str, Any]:
        """Upload a file."""
        fields = {"file": ("otmon.ndjson", text.encode(), "application/ndjson")}
        return self._ask("POST", path, fields=fields)

    def _lines(
        self, method: str, path: str, body: Mapping[str, Any], *, absent: bool
    ) -> list[dict[str, Any]]:
        status, raw = self._request(method, path, json=body)
        if absent and status in (400, 404):
            return []
        if status != 200:
            raise _refused(method, path, status, raw)
        return [json.loads(line) for line in raw.splitlines() if line.strip()]

    def _ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        status, raw = self._request(method, path, **given)
        if status != 200:
            raise _refused(method, path, status, raw)
        try:
            answer = json.loads(raw)
        except ValueError as error:
            raise SinkError(f"{self._url} does not answer as Kibana does.") from error
        return answer if isinstance(answer, dict) else {}

    def _request(self, method: str, path: str, **given: Any) -> tuple[int, bytes]:
        try:
            answer = self._pool.request(
                method, f"{self._url}{path}", headers=self._headers, redirect=False, **given
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SinkError(
                f"Kibana cannot be reached: {error}. Check the address and the CA file."
            ) from error
        return answer.status, answer.data


def _as_people_left_it(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """A rule of now that is on, acts, and knows exceptions of people, as the one before did."""
    theirs = [
        one for one in old.get("exceptions_list", ()) if not one["list_id"].startswith(_OWN_LISTS)
    ]
    return {
        **new,
        **{name: old[name] for name in _KEPT_OF_A_RULE if name in old},
        "exceptions_list": [*theirs, *new["exceptions_list"]],
    }


def _signature(objects: Iterable[Mapping[str, Any]]) -> str:
    """What the tag says."""
    return next(
        (
            str(one.get("attributes", {}).get("description", ""))
            for one in objects
            if one.get("id") == TAG
        ),
        "",
    )


def _refuse_older(signature: str) -> None:
    number = signature.removeprefix("otmon ").partition(",")[0]
    if _parts(number) > _parts(version()):
        raise OptionsError(
            f"What Kibana has was brought by otmon {number}, which is newer than this one. "
            "Update otmon, or give --force."
        )


def _parts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _complain(errors: Sequence[Mapping[str, Any]]) -> None:
    if not errors:
        return
    first = errors[0]
    name = first.get("id") or first.get("rule_id") or first.get("list_id")
    raise SinkError(f"Kibana refuses {len(errors)} objects, of them {name}: {first.get('error')}.")


def _refused(method: str, path: str, status: int, raw: bytes) -> SinkError:
    try:
        said = json.loads(raw).get("message", "")
    except (ValueError, AttributeError):
        said = raw[:200].decode("utf8", "replace")
    fix = {
        401: "Give a key in OTMON_KIBANA_API_KEY, or a user in OTMON_ELASTIC_USER.",
        403: "The user or key needs all rights for saved objects and for Security's rules.",
        404: "Is it the address of a Kibana, with the path of its space?",
        413: "savedObjects.maxImportPayloadBytes of this Kibana is too small.",
    }.get(status, "")
    if status == 404 and "detection_engine" in path:
        fix = "Without Elastic Security it takes no rules: give --rules none."
    return SinkError(f"Kibana refuses {method} {path}: {status}, {said}. {fix}".rstrip())
