"""Inventories of whole captures, looked up by hand in Wireshark 4.0 and written down here.

Of the S7 controllers the SZL answers (`s7comm.szl`), of the Modicon the strings
of its UMAS answers and the Ethernet addresses, of the lab its truth files. Who sent
at all is `tshark -T fields -e eth.src -e ip.src -e ip.ttl`, ARP included: every one of
them is here, and nobody else.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from places import PCAPS

import otmon
from otmon.model.asset import Asset

Row = tuple[str | None, ...]


def said(asset: Asset) -> Row:
    """Who a device says it is."""
    return (
        asset.vendor,
        asset.model,
        asset.order_code,
        asset.firmware,
        asset.serial,
        asset.station_name,
        asset.hostname,
    )


def inventory(path: Path) -> dict[str, tuple[str, Row, tuple[str, ...]]]:
    """Hardware address, identity and roles by address; stations as `address/unit`.

    A role that is only possible has a question mark.
    """
    found = {}
    for asset in otmon.analyze(path).assets:
        name = asset.ip[0] if asset.ip else asset.mac[0]
        if asset.unit is not None:
            name = f"{name}/{asset.unit}"
        if name in found:
            name = f"{name} again"
        roles = (*asset.roles, *(f"{role}?" for role in asset.role_candidates))
        found[name] = ("".join(asset.mac), said(asset), roles)
    return found


NOTHING = (None, None, None, None, None, None)
ALIKE = ("hmi?", "historian?")
"""Who only reads."""
PLANT = {
    "10.20.1.10": ("00:14:22:10:01:10", ("Dell", *NOTHING), ("hmi", "scada_server")),
    "10.20.1.20": ("28:63:36:10:01:20", ("Siemens", *NOTHING), ()),
    "10.20.1.66": ("3c:97:0e:10:01:66", ("Wistron", *NOTHING), ("engineering_station?",)),
    "10.20.2.11": (
        "00:80:f4:10:02:11",
        ("Schneider Electric", None, "BMX P34 2020", "v3.20", None, None, None),
        ("plc",),
    ),
    "10.20.2.12": (
        "00:90:e8:10:02:12",
        ("Moxa", *NOTHING),
        ("gateway", "plc"),
    ),
    "10.20.2.12/1": ("00:90:e8:10:02:12", (None, *NOTHING), ("plc",)),
    "10.20.2.12/2": ("00:90:e8:10:02:12", (None, *NOTHING), ("plc",)),
    "10.20.2.12/3": ("00:90:e8:10:02:12", (None, *NOTHING), ("plc",)),
    "10.20.2.21": (
        "00:1b:1b:10:02:21",
        (
            "Siemens",
            "CPU 315-2 PN/DP",
            "6ES7 315-2EH14-0AB0",
            "V3.2.8",
            "S C-X4U421302009",
            "SIMATIC 300(1)",
            None,
        ),
        ("plc",),
    ),
    "10.20.3.31": (
        "00:30:a7:10:03:31",
        ("Schweitzer", "SEL-3530", None, "R148-V3", "1201940377", None, None),
        ("rtu",),
    ),
}


def test_the_demo_plant_has_these_devices_and_no_others() -> None:
    """The laptop's sweep of 24 units and its scan of ports make no ghosts."""
    assert inventory(PCAPS / "demo" / "plant.pcapng") == PLANT


CHECK_POINT_INSIDE, CHECK_POINT_OUTSIDE = (
    (mac, ("Check Point Software Technologies", *NOTHING), ("network_device",))
    for mac in ("00:1c:7f:39:de:5b", "00:1c:7f:39:de:5f")
)
PUBLIC = {
    "s7comm/cisagov.icsnpp-s7comm__snap7.pcap": {
        "134.217.61.131": ("00:0c:29:c1:49:92", ("VMware", *NOTHING), ("engineering_station?",)),
        "134.217.61.211": (
            "00:0e:8c:d0:f9:cb",
            (
                "Siemens",
                "CPU 315-2 PN/DP",
                "6ES7 315-2EH14-0AB0",
                "V3.2.7",
                "S C-B1U393142011",
                "S7300/ET200M station_1",
                None,
            ),
            ("plc",),
        ),
    },
    "s7comm/apache.plc4x__s7__manual-test-capture.pcapng": {
        "192.168.23.30": (
            "e0:dc:a0:b9:1b:0d",
            ("Siemens", None, "6ES7 212-1AE40-0XB0", "V4.4.0", None, None, None),
            ("plc",),
        ),
        "192.168.23.200": ("48:65:ee:12:d2:c7", ("Gopod Group Limited", *NOTHING), ALIKE),
    },
    "umas/ITI.ICS-Security-Tools__modicon_test.pcap": {
        "192.168.63.100": (
            "3c:97:0e:91:54:ab",
            (
                "Wistron",
                None,
                None,
                None,
                None,
                None,
                "USER-714E74F21B",
            ),
            ("engineering_station",),
        ),
        "192.168.63.253": (
            "00:00:54:14:f2:4f",
            ("Schneider Electric", "140 CPU 311 10", None, "2.70", None, None, None),
            ("plc",),
        ),
    },
    # The same traffic before and behind a firewall with two cards: each device once. 10.50.1.253
    # is what the firewall makes of clients; of it there is nothing but its packets.
    "modbus/idaholab.Malcolm-Test-Artifacts__Advantech.pcap": {
        "10.50.1.50": ("00:d0:c9:a6:92:fa", ("Advantech", *NOTHING), ("plc",)),
        "10.50.1.253": ("", (None, *NOTHING), ALIKE),
        "10.200.1.124": ("00:c0:ca:32:be:ab", ("ALFA", *NOTHING), ALIKE),
        "00:1c:7f:39:de:5b": CHECK_POINT_INSIDE,
        "00:1c:7f:39:de:5f": CHECK_POINT_OUTSIDE,
    },
    "modbus/idaholab.Malcolm-Test-Artifacts__Modicon.pcap": {
        "10.50.1.10": ("00:50:56:b3:bd:bd", ("VMware", *NOTHING), ALIKE),
        "10.50.1.52": ("00:00:54:14:f2:4f", ("Schneider Electric", *NOTHING), ("plc",)),
        "10.200.1.86": ("14:10:9f:da:f8:4b", ("Apple", *NOTHING), ()),
        "10.200.1.174": ("c8:e0:eb:16:5b:bd", ("Apple", *NOTHING), ()),
        "10.200.1.193": ("78:31:c1:cd:c4:62", ("Apple", *NOTHING), ()),
        "10.200.1.232": ("00:1f:3b:8f:20:6b", ("Intel", *NOTHING), ()),
        "10.200.1.252": ("28:cf:e9:16:0f:95", ("Apple", *NOTHING), ()),
        "00:1c:7f:39:de:5b": CHECK_POINT_INSIDE,
        "00:1c:7f:39:de:5f": CHECK_POINT_OUTSIDE,
    },
    # Units 1, 2, 3 and 7 answer behind a serial gateway; the client reads for 14 minutes.
    "modbus/ITI.ICS-Security-Tools__modbus_test_2.pcap": {
        "192.168.0.20": ("00:90:e8:4c:83:db", ("Moxa", *NOTHING), ("gateway", "plc")),
        **{
            f"192.168.0.20/{unit}": ("00:90:e8:4c:83:db", (None, *NOTHING), ("plc",))
            for unit in (1, 2, 3, 7)
        },
        "192.168.0.21": ("20:47:47:87:d4:96", ("Dell", *NOTHING), ALIKE),
    },
    "modbus/apache.plc4x__tcp__manual-test-capture.pcapng": {
        "192.168.23.30": ("e0:dc:a0:b9:1b:0d", ("Siemens", *NOTHING), ("plc",)),
        "192.168.23.200": ("48:65:ee:12:d2:c7", ("Gopod Group Limited", *NOTHING), ALIKE),
    },
    "dnp3/cisagov.icsnpp-dnp3__dnp3_example.pcap": {
        "10.10.20.5": ("00:0c:29:4f:60:cf", ("VMware", *NOTHING), ("scada_server",)),
        "10.10.20.8": (
            "00:30:a7:1c:08:a3",
            ("Schweitzer Engineering Laboratories", *NOTHING),
            ("rtu",),
        ),
    },
    # 00:10:18 sends as the master and as the outstation, besides its own address.
    "dnp3/fkie-cad.ipal_transcriber__dnp3.pcap": {
        "192.168.10.66": ("00:10:18:cb:8c:13", ("Broadcom", *NOTHING), ()),
        "192.168.10.221": ("00:18:64:02:2f:a6", ("Eaton", *NOTHING), ("scada_server",)),
        "192.168.10.222": ("00:18:64:02:30:fc", ("Eaton", *NOTHING), ("rtu",)),
    },
    "s7comm/digitalbond.Quickdraw-Snort__s7_test.pcap": {
        "192.168.10.90": (
            "08:00:06:01:00:00",
            ("Siemens", None, "6ES7 312-5AC02-0AB0", "V1.2.0", None, None, None),
            ("plc",),
        ),
        "192.168.10.201": ("3c:97:0e:91:54:ab", ("Wistron", *NOTHING), ()),
    },
    # Two frames of the operator come again through another machine, one hop later.
    "s7comm/ITI.ICS-Security-Tools__s7comm_clean.pcap": {
        "192.168.0.2": ("00:1c:06:1c:69:e4", ("Siemens", *NOTHING), ("plc",)),
        "192.168.0.21": ("20:47:47:87:d4:96", ("Dell", *NOTHING), ALIKE),
        "b0:83:fe:75:35:74": ("b0:83:fe:75:35:74", ("Dell", *NOTHING), ("network_device",)),
    },
    # Client and server of a simulator in one container, without hardware addresses.
    "s7comm/cisagov.icsnpp-s7comm__s7ident.pcap": {
        "172.17.0.2": (
            "",
            (
                "Siemens",
                "CPU 315-2 PN/DP",
                "6ES7 315-2EH14-0AB0",
                "V3.2.6",
                "S C-C2UR28922012",
                "SNAP7-SERVER",
                None,
            ),
            ("plc", "engineering_station?"),
        ),
    },
    # Captures of many years in one file. 10.0.0.9 and 192.168.80.249 are second addresses of cards;
    # the hardware address of one 127.0.0.1 is that of a group. Of 192.168.0.2, which only got
    # frames, there is nothing. 130.126.140.229 answers as stations 2 and 4.
    "dnp3/idaholab.Malcolm-Test-Artifacts__DNP3.pcap": {
        "1.1.1.1": ("00:04:23:d8:42:f7", ("Intel", *NOTHING), ()),
        "1.1.1.2": ("00:04:23:d8:e3:63", ("Intel", *NOTHING), ()),
        "10.0.0.3": ("00:02:b3:ce:70:51", ("Intel", *NOTHING), ("rtu",)),
        "10.0.0.8": (
            "00:50:04:93:70:67",
            ("3COM", *NOTHING),
            ("scada_server", "engineering_station?"),
        ),
        "10.10.20.5": ("00:0c:29:4f:60:cf", ("VMware", *NOTHING), ("scada_server",)),
        "10.10.20.8": (
            "00:30:a7:1c:08:a3",
            ("Schweitzer Engineering Laboratories", *NOTHING),
            ("rtu",),
        ),
        "127.0.0.1": ("06:05:04:03:02:01", (None, *NOTHING), ()),
        "127.0.0.1 again": ("", (None, *NOTHING), ()),
        "130.126.140.229": ("00:1b:21:0b:15:24", ("Intel", *NOTHING), ("gateway", "rtu")),
        "130.126.140.229/2": ("00:1b:21:0b:15:24", (None, *NOTHING), ("rtu",)),
        "130.126.140.229/4": ("00:1b:21:0b:15:24", (None, *NOTHING), ("rtu",)),
        "130.126.142.250": ("b8:ac:6f:ab:45:7a", ("Dell", *NOTHING), ("scada_server",)),
        "192.168.0.1": ("00:1b:21:07:3e:6a", ("Intel", *NOTHING), ()),
        "192.168.1.1": ("08:00:27:ff:2f:c5", ("VirtualBox", *NOTHING), ("rtu",)),
        "192.168.1.2": ("08:00:27:e2:e7:ab", ("VirtualBox", *NOTHING), ()),
        "192.168.5.145": ("00:1c:23:10:b3:62", ("Dell", *NOTHING), ()),
        "192.168.10.9": ("d0:67:e5:46:88:c4", ("Dell", *NOTHING), ()),
        "192.168.60.1": ("00:50:56:c0:00:08", ("VMware", *NOTHING), ()),
        "192.168.60.130": ("00:0c:29:24:3a:0a", ("VMware", *NOTHING), ("rtu",)),
        "192.168.66.33": ("00:16:cb:8e:3f:0b", ("Apple", *NOTHING), ()),
        "192.168.66.34": ("00:42:15:69:87:25", (None, *NOTHING), ("rtu",)),
        "192.168.77.225": ("08:00:27:a3:d4:2b", ("VirtualBox", *NOTHING), ()),
        "192.168.77.235": ("08:00:27:3c:31:98", ("VirtualBox", *NOTHING), ("rtu",)),
        "192.168.80.12": ("00:50:c2:4f:94:64", ("RTDS Technologies", *NOTHING), ("rtu",)),
        "192.168.80.160": ("00:16:76:c7:ce:db", ("Intel", *NOTHING), ("scada_server",)),
        "192.168.247.131": ("00:0c:29:96:bc:64", ("VMware", *NOTHING), ()),
    },
    # BACnet is not dissected. 104.130.52.9 is an address that a laptop (.251) sends from as well as
    # the switch; two Macs send for machines inside them, whose packets have lost one hop.
    "bacnet/idaholab.Malcolm-Test-Artifacts__BACnet_Host.pcap": {
        "10.200.1.15": ("78:a5:04:c9:b4:78", ("Texas Instruments", *NOTHING), ()),
        "10.200.1.40": ("6c:88:14:a3:30:b0", ("Intel", *NOTHING), ()),
        "10.200.1.54": ("78:31:c1:cd:c4:62", ("Apple", *NOTHING), ()),
        "10.200.1.58": ("b8:f6:b1:14:29:67", ("Apple", *NOTHING), ()),
        "10.200.1.59": ("c8:bc:c8:cd:1d:0f", ("Apple", *NOTHING), ("network_device",)),
        "10.200.1.77": ("", (None, *NOTHING), ()),
        "10.200.1.86": ("", (None, *NOTHING), ()),
        "10.200.1.110": ("24:77:03:78:ca:38", ("Intel", *NOTHING), ()),
        "10.200.1.124": ("00:c0:ca:32:be:ab", ("ALFA", *NOTHING), ()),
        "10.200.1.127": ("00:c0:ca:50:3b:4f", ("ALFA", *NOTHING), ()),
        "10.200.1.166": ("08:11:96:32:ec:98", ("Intel", *NOTHING), ()),
        "10.200.1.169": ("54:35:30:70:94:51", ("Hon Hai Precision Ind", *NOTHING), ()),
        "10.200.1.174": ("c8:e0:eb:16:5b:bd", ("Apple", *NOTHING), ()),
        "10.200.1.181": ("e8:94:f6:27:b4:a6", ("TP-LINK TECHNOLOGIES", *NOTHING), ()),
        "10.200.1.210": ("6c:40:08:b5:00:f8", ("Apple", *NOTHING), ()),
        "10.200.1.232": ("00:1f:3b:8f:20:6b", ("Intel", *NOTHING), ()),
        "10.200.1.233": ("80:19:34:16:15:1b", ("Intel", *NOTHING), ()),
        # It sends for a public address, as one that translates addresses does.
        "10.200.1.251": ("3c:a9:f4:21:22:f8", ("Intel", *NOTHING), ("network_device",)),
        "104.130.52.9": ("00:19:07:24:3c:ca", ("Cisco Systems", *NOTHING), ()),
        "104.130.52.9 again": ("", (None, *NOTHING), ("public_peer",)),
        "14:10:9f:da:f8:4b": ("14:10:9f:da:f8:4b", ("Apple", *NOTHING), ("network_device",)),
    },
    # EtherNet/IP is not dissected: vendors are those of hardware addresses. Those of which there is
    # no IP packet asked by ARP.
    "enip/cisagov.icsnpp-enip__enip_cip_example.pcap": {
        "10.1.1.164": ("00:19:07:24:3c:ca", ("Cisco Systems", *NOTHING), ()),
        "10.1.1.167": ("3c:a9:f4:21:22:f8", ("Intel", *NOTHING), ()),
        "192.168.1.4": ("64:4b:f0:2b:31:71", ("CalDigit", *NOTHING), ()),
        "192.168.1.22": ("00:1d:9c:c5:13:dd", ("Rockwell Automation", *NOTHING), ()),
        "192.168.1.24": ("34:c0:f9:fe:65:6b", ("Rockwell Automation", *NOTHING), ()),
        "192.168.10.21": ("00:0c:29:19:9e:8e", ("VMware", *NOTHING), ()),
        "192.168.10.24": ("00:0c:29:f7:85:99", ("VMware", *NOTHING), ()),
        "192.168.10.105": ("00:1d:09:99:b2:2c", ("Dell", *NOTHING), ()),
        "192.168.10.120": ("00:00:bc:3e:eb:e4", ("Rockwell Automation", *NOTHING), ()),
        "192.168.10.131": ("00:e0:62:60:35:d0", ("Koyo", *NOTHING), ()),
        "00:1e:f6:73:59:81": ("00:1e:f6:73:59:81", ("Cisco Systems", *NOTHING), ()),
        "00:21:91:06:f1:66": ("00:21:91:06:f1:66", ("D-Link", *NOTHING), ()),
    },
    # Only GOOSE: one sender, and two groups that are no devices.
    "goose/robidev.iec61850-dissector__goose_trace.pcap": {
        "00:03:b3:01:89:e3": ("00:03:b3:01:89:e3", ("IA Link Systems", *NOTHING), ()),
    },
    # WinCC over a VPN: the CPU starts from a time to live of 30, and has lost one hop.
    "s7comm/ITI.ICS-Security-Tools__wincc_s300_setup-alarm-read-write.pcapng": {
        "134.249.53.130": ("00:ff:e6:0f:40:8d", (None, *NOTHING), ("hmi",)),
        "134.249.61.182": ("", (None, *NOTHING), ("public_peer", "plc")),
        "00:ff:e7:0f:40:8d": ("00:ff:e7:0f:40:8d", (None, *NOTHING), ("network_device",)),
    },
    # A scan of 1,000 ports of two hosts: who never answered is not there.
    "it-scan/ntop.nDPI__tcp_scan.pcapng": {
        "192.168.1.2": ("00:80:8f:9a:ae:bd", ("C. ITOH ELECTRONICS", *NOTHING), ()),
        "192.168.1.178": ("28:37:37:00:6d:c8", ("Apple", *NOTHING), ()),
    },
}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_capture_has_the_devices_that_wireshark_shows(name: str, corpus: Path) -> None:
    assert inventory(corpus / "public" / name) == PUBLIC[name]


def test_the_controller_that_triton_changed_is_a_safety_controller(corpus: Path) -> None:
    """Who loaded it may be an engineering station: a person must say so."""
    path = corpus / "tristation" / "triton_malware_exec_nozomi_bsd3.pcap"
    attacker = ("00:0c:29:28:dd:c5", ("VMware", *NOTHING), ("engineering_station?",))

    assert {
        "192.168.1.2": ("40:00:00:00:00:02", ("Triconex", *NOTHING), ("safety_controller",)),
        "192.168.1.88": attacker,
    } == inventory(path)


def test_a_unit_says_who_it_is_and_its_neighbour_behind_the_same_address_does_not(
    corpus: Path,
) -> None:
    """Unit 99, which was asked once and refused, is nobody."""
    mac = "00:80:f4:10:02:11"
    said = ("Schneider Electric", "M221-A", "TM221CE24R", "1.10", None, None, None)

    assert {
        "10.10.1.10": ("00:14:22:10:01:10", ("Dell", *NOTHING), ("hmi",)),
        "10.10.1.20": ("3c:d9:2b:10:01:20", ("HP", *NOTHING), ()),
        "10.10.1.30": ("00:50:56:10:01:30", ("VMware", *NOTHING), ()),
        "10.10.2.11": (mac, ("Schneider Electric", *NOTHING), ("gateway", "plc")),
        "10.10.2.11/1": (mac, said, ("plc",)),
        "10.10.2.11/17": (mac, (None, *NOTHING), ("plc",)),
    } == inventory(corpus / "lab" / "modbus-mixed.pcapng")


def test_the_hosts_of_the_lab_are_found_with_their_addresses(corpus: Path) -> None:
    """Nobody is invented: the truth names every host that sent a frame."""
    path = corpus / "lab" / "plant-normal.pcapng"
    truth = json.loads(path.with_name("plant-normal.truth.json").read_text(encoding="utf-8"))
    known = {host["ip"]: host["mac"] for host in truth["hosts"].values()}
    found = inventory(path)
    hosts = {name: mac for name, (mac, _, _) in found.items() if "/" not in name}

    assert set(hosts.items()) <= set(known.items())
    # The engineering station and the attacker have nothing to do on an ordinary day.
    assert {"10.10.1.20", "10.10.9.66"} == known.keys() - hosts.keys()
    roles = {name: roles for name, (_, _, roles) in found.items()}
    assert [("hmi",), ("scada_server",), ("plc",), ("rtu",)] == [
        roles[ip] for ip in ("10.10.1.10", "10.10.1.40", "10.10.2.12", "10.10.3.21")
    ]


def test_names_told_in_several_answers_are_one_device_that_does_not_contradict_itself() -> None:
    result = otmon.analyze(PCAPS / "modbus" / "identify_in_parts.pcapng")
    [device] = [asset for asset in result.assets if "10.20.2.11" in asset.ip]

    assert [] == list(result.alerts)
    assert ("Schneider Electric", "BMX P34 2020", "BMXP342020", "v3.20") == said(device)[:4]
    assert {"Modicon M340", "Pump station"} <= {claim.value for claim in device.evidence}
