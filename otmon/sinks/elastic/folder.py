"""Everything that set-up would install, as files for an administrator without otmon."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from otmon._engine import version
from otmon.errors import OptionsError
from otmon.sinks.elastic.kibana.objects import ndjson, saved_objects, signed
from otmon.sinks.elastic.kibana.package import NAME, package
from otmon.sinks.elastic.kibana.rules import detection_rules
from otmon.sinks.elastic.roles import roles, writer_key
from otmon.sinks.elastic.templates import templates


def write_folder(
    folder: Path, lifecycle: str, event_rules: Iterable[Mapping[str, Any]]
) -> Iterator[Path]:
    """Write requests, objects and rules, with a README of the steps.

    Args:
        folder: Where; it is made. Files of the same names are replaced.
        lifecycle: `ilm`, `dsl` or `none`.
        event_rules: As `otmon rules convert` makes them.

    Raises:
        OptionsError: Something cannot be written.
    """
    rules = [*event_rules]
    for name, content in _files(lifecycle, rules):
        place = folder / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        except OSError as error:
            raise OptionsError(
                f"{place} cannot be written: {error.strerror}. Name another folder."
            ) from error
        yield place


def _files(lifecycle: str, rules: list[Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
    requests = []
    for number, one in enumerate(templates(lifecycle), 1):
        name = f"elasticsearch/{number:02d}-{one.name.replace('@', '-')}.json"
        requests.append(f"PUT {one.path}    < {name}")
        yield name, _json(one.body)
    for role, body in roles():
        name = f"elasticsearch/role-{role}.json"
        requests.append(f"PUT /_security/role/{role}    < {name}")
        yield name, _json(body)
    name = "elasticsearch/writer-key.json"
    requests.append(f"POST /_security/api_key    < {name}    (once for each sensor)")
    yield name, _json(writer_key("SENSOR"))
    yield "kibana/otmon.ndjson", ndjson(signed(saved_objects())).encode()
    yield "kibana/rules.ndjson", ndjson(detection_rules(rules)).encode()
    archive = f"{NAME}-{version()}.zip"
    yield archive, package(rules)
    steps = _README.format(version=version(), requests="\n".join(requests), archive=archive)
    yield "README.md", steps.encode()


def _json(body: object) -> bytes:
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


_README = """# otmon {version} in Elasticsearch and Kibana, by hand

Nothing here needs otmon or a network beyond Elasticsearch and Kibana. All of it may be done again
after an update; ids stay.

## 1. Elasticsearch

**Before** the first document, in this order; each body is the file. In Kibana's Dev Tools put the
text of the file below the line, or use curl:

    curl --cacert http_ca.crt -u USER -X PUT https://es.example:9200/PATH \\
      -H 'Content-Type: application/json' --data-binary @FILE

```
{requests}
```

The answer to the last has the key in `encoded`: into a file on the sensor that only otmon can read
(`[elastic] api_key_file`). It may add documents, and neither read nor delete any.

## 2. Kibana

Either the objects, into each space that wants them: Stack Management, Saved Objects, Import,
`kibana/otmon.ndjson`, or

    curl -u USER -H 'kbn-xsrf: true' -F file=@kibana/otmon.ndjson \\
      'https://kibana.example:5601/api/saved_objects/_import?overwrite=true'

and the rules, all switched off: Security, Rules, Import, `kibana/rules.ndjson`, or

    curl -u USER -H 'kbn-xsrf: true' -F file=@kibana/rules.ndjson \\
      'https://kibana.example:5601/api/detection_engine/rules/_import'

(with `?overwrite=true&overwrite_exceptions=true` after an update: rules that were switched on are
off again then). Exceptions of the site ([rules] filters) come along as exception lists.

Or the package: Integrations, Create new integration, Upload it as a .zip: `{archive}`. It brings
streams, dashboards and rules; of the requests above only `otmon-asset-latest` with its parts, the
roles and the keys are needed then.

Switch on *OTMON alerts* or Elastic's own *External Alerts*, not both.

## 3. Documents over the gap

On the sensor `otmon monitor --elastic-dry-run FOLDER` or `otmon analyze --elastic-dry-run FOLDER
CAPTURE` writes them; where Elasticsearch is, `otmon elastic replay FOLDER` sends them. Twice is
harmless.
"""
