"""The same messages in another form on the wire: otmon and tshark still say the same.

Modbus is not among them: tshark does not read its messages in segments shorter than a header.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from differential import dnp3, oracle, s7comm
from differential.compare import EXTRA, compare
from sameness.changes import Change, ipv6, moved_port, segmented
from sameness.wire import read, write

import otmon

CAPTURES: dict[str, ModuleType] = {
    "lab/dnp3-control-file.pcapng": dnp3,
    "lab/dnp3-polling-unsol.pcapng": dnp3,
    "public/dnp3/ntop.nDPI__dnp3.pcap": dnp3,
    "lab/s7comm-mixed-c.pcapng": s7comm,
    "public/s7comm/cisagov.icsnpp-s7comm__s7ident.pcap": s7comm,
}
FORMS: dict[str, tuple[Change, ...]] = {
    "in segments of 11 bytes": (segmented(11),),
    "over IPv6, in segments of 5 bytes": (ipv6, segmented(5)),
    "on other ports": (moved_port,),
    "on other ports, in segments of 7 bytes": (moved_port, segmented(7)),
}
PORTS = {dnp3: ("dnp3.tcp.port:50000",), s7comm: ("tpkt.tcp.ports:30102",)}
"""What tshark must be told of servers on other ports."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("capture", CAPTURES)
def test_a_form_changes_nothing_that_is_said(
    capture: str, form: str, corpus: Path, tshark: str, tmp_path: Path
) -> None:
    reader, changes = CAPTURES[capture], FORMS[form]
    plain = tmp_path / "plain.pcapng"
    command = [tshark, "-n", "-r", str(corpus / capture), "-F", "pcapng", "-w", str(plain)]
    subprocess.run(command, check=True, capture_output=True)
    frames = read(plain)
    for change in changes:
        frames = change(frames)
    path = write(tmp_path / "form.pcap", frames)
    preferences = PORTS[reader] if moved_port in changes else ()

    theirs = list(reader.of_tshark(oracle.packets(tshark, path, reader.LAYERS, preferences)))
    pdus = otmon.pdus(path, keep_duplicates=True)
    own = reader.of_otmon(pdu for pdu in pdus if pdu["protocol"] in reader.PROTOCOLS)
    agreement = compare(reader.__name__, capture, theirs, own)

    # What only otmon sees tshark did not put together.
    different = [str(one) for one in agreement.differences if one.fact != EXTRA]
    assert theirs
    assert [] == different
