//! A filter that the kernel holds against frames before they reach otmon.
//!
//! It is given as an expression in the words of pcap-filter(7), or as a program
//! as `tcpdump -ddd` prints it.

mod compile;
mod expression;
mod program;

use std::fmt;

pub use self::program::{Instruction, snap};

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAFilter {
    /// Where, in words: `line 3`, `at 'prot'`.
    pub place: String,
    /// What is wrong there.
    pub what: &'static str,
    /// What to give instead.
    pub advice: &'static str,
}

impl fmt::Display for NotAFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The filter is not understood, {}: {}. {}", self.place, self.what, self.advice)
    }
}

impl std::error::Error for NotAFilter {}

/// The program of a filter, which keeps `snap_length` bytes of the frames that pass.
///
/// What a program given as numbers keeps, it says itself.
///
/// # Errors
///
/// The text is neither an expression nor a program.
pub fn parse(text: &str, snap_length: u32) -> Result<Vec<Instruction>, NotAFilter> {
    let first = text.lines().next().unwrap_or_default().trim();
    if !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit()) {
        return program::parse(text);
    }
    let expression = expression::parse(text)?;
    compile::compile(&expression, snap_length)
}
