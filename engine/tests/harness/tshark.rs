//! tshark, the second opinion on captures.

use std::path::Path;
use std::process::Command;

/// Whether tshark is there; a test without it is skipped by name, or fails where
/// `OTMON_REQUIRE_TSHARK=1` wants it.
pub fn tshark() -> bool {
    let found = Command::new("tshark").arg("--version").output().is_ok();
    assert!(
        found || std::env::var_os("OTMON_REQUIRE_TSHARK").is_none_or(|wanted| wanted != "1"),
        "no tshark: install it"
    );
    if !found {
        println!("skipped: no tshark");
    }
    found
}

/// The named fields of every frame in the file, one list per frame. A field that
/// occurs more than once has its occurrences separated by commas.
pub fn fields(file: &Path, names: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]);
    command.args(["-o", "tcp.desegment_tcp_streams:FALSE"]);
    for name in names {
        command.args(["-e", name]);
    }
    let output = command.arg("-r").arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
