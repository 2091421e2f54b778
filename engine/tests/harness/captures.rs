//! Where the third-party captures are.

use std::path::{Path, PathBuf};

/// The folder of third-party captures; none where the test has to be skipped.
pub fn captures() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder =
        std::env::var_os("OTMON_CAPTURES").map_or("../shared/corpus".into(), PathBuf::from);
    let folder = root.join(folder);
    if folder.join("public/MANIFEST.tsv").is_file() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("OTMON_REQUIRE_CAPTURES").is_none_or(|wanted| wanted != "1"),
        "no captures in {}: set OTMON_CAPTURES",
        folder.display()
    );
    println!("skipped: no captures in {}", folder.display());
    None
}
