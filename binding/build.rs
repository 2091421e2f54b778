//! Hands the rules to the wheel: copies `rules/` to where maturin looks for it.
//!
//! The rules stand outside the Python package, and a plain `include` would put
//! them beside it; `pyproject.toml` takes them from `OUT_DIR` instead.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let rules = Path::new("../rules");
    println!("cargo::rerun-if-changed=../rules");
    let Some(out) = env::var_os("OUT_DIR") else {
        return Err(io::Error::other("cargo did not set OUT_DIR"));
    };
    let copy = PathBuf::from(out).join("rules");
    // A rule that was removed must not live on in the wheel.
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    if rules.exists() { copy_tree(rules, &copy) } else { fs::create_dir_all(&copy) }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
