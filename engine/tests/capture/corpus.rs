//! Captures of others, as their manifest describes them.

use std::path::Path;

use engine::capture::{Input, Timeline};

use super::captures::captures;

/// Frames in the file, and what is known about it.
fn count(path: &Path) -> (u64, String) {
    let mut timeline = match Timeline::open(vec![Input::Path(path.to_owned())]) {
        Ok(timeline) => timeline,
        Err(error) => return (0, error.to_string()),
    };
    let mut count = 0;
    while timeline.next().is_some() {
        count += 1;
    }
    let [facts] = timeline.files() else { panic!("one file, one entry") };
    let mut remarks = Vec::new();
    if facts.truncated {
        remarks.push("truncated".to_owned());
    }
    if facts.skipped_bytes > 0 {
        remarks.push(format!("skipped {}", facts.skipped_bytes));
    }
    remarks.extend(facts.error.iter().map(ToString::to_string));
    (count, remarks.join(", "))
}

/// The captures that the manifest does not mark as sound: what is read of them.
/// tshark stops at the first damaged record; the frames after it are found again.
const DAMAGED: [(&str, u64, &str); 6] = [
    // Three bytes too many after frame 18; tshark reads 18.
    ("malformed/OISF.suricata-verify__10.7.29.101_49898-178.63.41.150_25.pcap", 199, "skipped 3"),
    // Bytes are missing in frame 1, so the next header is not where it should be.
    // tshark takes payload for a header and shows a frame of 1970; what follows is
    // one record that is cut.
    ("malformed/OISF.suricata-verify__fuzz.pcap", 1, "damaged at byte 228"),
    // 80 bytes too many after frame 6, where tshark stops.
    ("malformed/OISF.suricata-verify__tls_DER-incomplete-content.pcap", 13, "skipped 80"),
    ("malformed/OISF.suricata-verify__tls_DER-incomplete-header.pcap", 13, "skipped 80"),
    ("tunnel-vlan-l2/ntop.nDPI__fuzz-2021-10-13.pcap", 1, "truncated"),
    ("tunnel-vlan-l2/secdev.scapy__bad_rsn_parsing_overrides_ssid.pcap", 1, "truncated"),
];

#[test]
fn every_capture_has_as_many_frames_as_its_manifest_says() {
    let Some(folder) = captures() else { return };
    let manifest = std::fs::read_to_string(folder.join("public/MANIFEST.tsv")).unwrap();
    let mut differing = Vec::new();
    for line in manifest.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let (file, packets, status) = (columns[0], columns[7].parse().unwrap(), columns[13]);
        let (frames, remark) = DAMAGED
            .iter()
            .find(|(damaged, ..)| *damaged == file)
            .map_or((packets, ""), |(_, frames, remark)| (*frames, *remark));
        let (count, remarks) = count(&folder.join("public").join(file));
        let as_said = if remark.is_empty() { remarks.is_empty() } else { remarks.contains(remark) };
        if count != frames || !as_said || (status == "ok") != remark.is_empty() {
            differing.push(format!("{file}: {packets} ({status}), read {count} ({remarks})"));
        }
    }

    assert_eq!(Vec::<String>::new(), differing);
}
