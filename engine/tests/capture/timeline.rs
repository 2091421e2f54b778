//! Several files as one timeline.

use engine::capture::{FileFacts, Input, Problem, Timeline, expand};

use super::{BIG, Folder, LITTLE, START, gzip, pcap, pcap_record, pcapng, read_all};

#[test]
fn a_directory_stands_for_its_captures_by_magic_and_name() {
    let folder = Folder::new("directory");
    let capture = pcap(LITTLE, 1);
    let b = folder.file("b", &capture);
    let a = folder.file("a.txt", &gzip(&capture));
    let c = folder.file("c.dat", &pcapng(BIG, 1));
    folder.file("notes.pcap", b"text");
    folder.file("void.pcap", b"");
    folder.file("text.gz", &gzip(b"text"));
    std::fs::create_dir_all(folder.0.join("more")).unwrap();
    folder.file("more/d.pcap", &capture);

    let inputs = expand(&[b.clone(), folder.0.clone(), "-".into(), "-".into()]).unwrap();

    let expected = [b, a, c].map(Input::Path);
    assert_eq!([&expected[..], &[Input::Stdin]].concat(), inputs);
}

#[test]
fn a_directory_without_captures_is_said_to_be_one() {
    let folder = Folder::new("bare");
    folder.file("notes.pcap", b"text");

    assert_eq!(Problem::NoCaptures, expand(std::slice::from_ref(&folder.0)).unwrap_err().problem);
    assert_eq!(Problem::NothingNamed, expand(&[]).unwrap_err().problem);
}

/// A file with a frame at each of these seconds.
fn at_seconds(folder: &Folder, name: &str, seconds: &[u32]) -> Input {
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 1);
    for second in seconds {
        file.extend(pcap_record(LITTLE, START + second, &[*second as u8; 60]));
    }
    Input::Path(folder.file(name, &file))
}

/// File and second of each frame, and the names of the files in order.
fn timeline_of(inputs: Vec<Input>) -> (Vec<(u32, u8)>, Vec<String>, Timeline) {
    let mut timeline = Timeline::open(inputs).unwrap();
    let frames = read_all(&mut timeline).iter().map(|f| (f.file, f.bytes[0])).collect();
    let name = |facts: &FileFacts| facts.path.file_name().unwrap().to_string_lossy().into_owned();
    let names = timeline.files().iter().map(name).collect();
    (frames, names, timeline)
}

#[test]
fn rotated_files_follow_one_another_by_their_first_frames() {
    let folder = Folder::new("rotated");
    let inputs = vec![
        at_seconds(&folder, "a", &[20, 21]),
        at_seconds(&folder, "b", &[0, 1]),
        at_seconds(&folder, "c", &[10, 11]),
    ];
    let (frames, names, timeline) = timeline_of(inputs);

    assert_eq!(vec![(0, 0), (0, 1), (1, 10), (1, 11), (2, 20), (2, 21)], frames);
    assert_eq!(vec!["b", "c", "a"], names);
    let (read, total) = timeline.progress();
    assert_eq!(3 * (24 + 2 * 76), total);
    assert_eq!(total, read);
}

#[test]
fn overlapping_files_are_merged_by_time_and_each_keeps_its_order() {
    let folder = Folder::new("merged");
    let inputs = vec![
        at_seconds(&folder, "a", &[0, 3, 6]),
        at_seconds(&folder, "b", &[1, 4, 2, 7]),
        at_seconds(&folder, "c", &[3, 5]),
        at_seconds(&folder, "none", &[]),
    ];
    let (frames, names, _) = timeline_of(inputs);

    let expected = vec![(0, 0), (1, 1), (0, 3), (2, 3), (1, 4), (1, 2), (2, 5), (0, 6), (1, 7)];
    assert_eq!(expected, frames);
    assert_eq!(vec!["a", "b", "c", "none"], names);
}

#[test]
fn a_bad_file_does_not_stop_the_others() {
    let folder = Folder::new("others");
    let mut broken = pcap(LITTLE, 2);
    broken.extend(vec![0xdb; 1_200_000]);
    let inputs = vec![
        Input::Path(folder.0.join("missing")),
        Input::Path(folder.file("text", b"text")),
        Input::Path(folder.file("broken", &broken)),
        at_seconds(&folder, "sound", &[1, 2, 3]),
    ];
    let (frames, names, timeline) = timeline_of(inputs);

    assert_eq!(5, frames.len());
    assert_eq!(vec!["broken", "sound", "missing", "text"], names);
    let problems: Vec<_> = timeline.files().iter().map(|f| f.error.is_some()).collect();
    assert_eq!(vec![true, false, true, true], problems);
}

#[test]
fn without_any_usable_input_every_reason_is_told() {
    let folder = Folder::new("all-bad");
    let inputs =
        vec![Input::Path(folder.0.join("missing")), Input::Path(folder.file("text", b"text"))];
    let error = Timeline::open(inputs).unwrap_err().to_string();

    assert!(error.starts_with("None of the 2 inputs can be read."), "{error}");
    assert!(
        error.contains("missing does not exist.") && error.contains("text is not a capture"),
        "{error}"
    );
}

#[test]
fn more_files_than_can_be_open_are_read_late_and_said_to_be() {
    let folder = Folder::new("many");
    let inputs = (0..260).map(|n| at_seconds(&folder, &format!("{n:03}"), &[1, 2])).collect();
    let (frames, _, timeline) = timeline_of(inputs);

    assert_eq!(520, frames.len());
    assert_eq!(4, timeline.files().iter().filter(|facts| facts.late).count());
    assert!(timeline.files().iter().all(|facts| facts.packets == 2 && facts.error.is_none()));
}
