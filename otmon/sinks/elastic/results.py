"""What an answer of Elasticsearch means for a request and for each document of it.

Pure functions: what was said goes in, what to do comes out. Nothing is given
up that could still succeed, and nothing waits behind what never will.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_ATTEMPTS = 10
"""Tries of a document that is refused for no reason that is known."""
FIRST_ALONE_S = 10.0
"""How long such a document waits after its first try, in seconds; then twice as long each time."""

SETUP = "Run `otmon elastic setup`"
_BUSY = frozenset((408, 429, 500, 502, 503, 504))
_REFUSED = frozenset((401, 403, 404))
_NEVER = frozenset(
    (
        "document_parsing_exception",
        "mapper_parsing_exception",
        "illegal_argument_exception",
        "strict_dynamic_mapping_exception",
    )
)


class Action(enum.Enum):
    """What to do with documents or with a whole request."""

    ACKNOWLEDGE = "acknowledge"
    """The server has it."""
    DUPLICATE = "duplicate"
    """The server had it already: it has it."""
    RETRY = "retry"
    """Keep it and try again later; so does everything else for a while."""
    RETRY_ALONE = "retry alone"
    """Keep it and try it again later, without making others wait."""
    PAUSE = "pause"
    """Keep it; somebody has to do something first."""
    DEAD = "dead"
    """The server will never take it."""
    SPLIT = "split"
    """Send it in parts, to find the document at fault."""
    SHRINK = "shrink"
    """Send it in parts, and less at a time from now on."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and why."""

    action: Action
    kind: str = ""
    """The type of the error, as the server names it."""
    reason: str = ""
    status: int = 0
    fallen: bool = False
    """Whether the server put the document into its failure store instead."""


def of_status(status: int, kind: str = "", reason: str = "") -> Verdict:
    """What to do after a whole request was answered with an error."""
    if status == 400:
        action = Action.SPLIT
    elif status == 413:
        action = Action.SHRINK
    elif status in _BUSY:
        action = Action.RETRY
    elif status in _REFUSED or 300 <= status < 400:
        action = Action.PAUSE
    else:
        action = Action.RETRY
    return Verdict(action, kind, reason or _said(status), status)


def _said(status: int) -> str:
    if status == 401:
        return "the server does not accept the API key. Give a valid one in api_key_file"
    if status == 403:
        return "the API key may not write there. Give it the privileges of `otmon elastic setup`"
    if status == 404:
        return f"the server does not know the target. {SETUP}"
    if 300 <= status < 400:
        return "the server redirects, which otmon does not follow. Give the final address"
    return f"the server answered {status}"


_TAKEN = Verdict(Action.ACKNOWLEDGE, status=201)


def of_items(answer: Any, sent: int) -> list[Verdict] | None:
    """What to do with each document, in the order in which they were sent.

    None where the answer does not say it of each: nothing is known then.
    """
    items = answer.get("items") if isinstance(answer, Mapping) else None
    if not isinstance(items, Sequence) or isinstance(items, str) or len(items) != sent:
        return None
    verdicts = []
    for item in items:
        if not isinstance(item, dict) or len(item) != 1:
            return None
        (result,) = item.values()
        if not isinstance(result, dict) or not isinstance(result.get("status"), int):
            return None
        verdicts.append(of_item(result))
    return verdicts


def of_item(result: Mapping[str, Any]) -> Verdict:
    """What to do with a document, by its own part of an answer."""
    status = result["status"]
    if status == 201 and "failure_store" not in result:
        return _TAKEN
    error = result.get("error")
    error = error if isinstance(error, Mapping) else {"reason": str(error or "")}
    kind, reason = str(error.get("type", "")), str(error.get("reason", ""))
    if status in (200, 201):
        fallen = result.get("failure_store") == "used"
        return Verdict(Action.ACKNOWLEDGE, "failure_store" if fallen else "", "", status, fallen)
    return Verdict(_action(status, kind, reason), kind, _advice(status, kind, reason), status)


def _action(status: int, kind: str, reason: str) -> Action:
    if status == 409 and kind in ("version_conflict_engine_exception", ""):
        return Action.DUPLICATE
    if status in (408, 429, 502, 503, 504) or (status == 500 and "rejected_execution" in kind):
        return Action.RETRY
    if status == 403 and kind == "cluster_block_exception":
        return Action.RETRY
    if status == 401 or (status == 403 and kind in ("security_exception", "")):
        return Action.PAUSE
    if _no_template(kind, reason):
        return Action.PAUSE
    if status == 400 and kind in _NEVER:
        return Action.DEAD
    return Action.RETRY_ALONE


def _no_template(kind: str, reason: str) -> bool:
    return kind == "index_not_found_exception" or "require_data_stream" in reason


def _advice(status: int, kind: str, reason: str) -> str:
    if _no_template(kind, reason):
        return f"the templates are missing. {SETUP}. The server said: {reason}"
    if status == 401 or (status == 403 and kind == "security_exception"):
        return f"{_said(status)}. The server said: {reason}"
    return reason


def is_hopeless(attempts: int) -> bool:
    """Whether a document that is refused for an unknown reason was tried often enough."""
    return attempts >= MOST_ATTEMPTS


def alone_wait_s(attempts: int) -> float:
    """How long such a document waits after so many tries: all of them take over an hour."""
    return FIRST_ALONE_S * float(2 ** (attempts - 1))
