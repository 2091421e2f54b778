//! Programs: classic BPF in the form that `tcpdump -ddd` prints: the number of
//! instructions, then one a line: code, jump if true, jump if false, operand.

use super::NotAFilter;

/// The most instructions that the kernel takes (`BPF_MAXINSNS`) [S].
pub const MAX: usize = 4096;
/// `ret #k`.
pub const RETURN: u16 = 0x06;

/// One instruction of classic BPF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// Instructions passed over where a test holds.
    pub jt: u8,
    /// Instructions passed over where it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// Keeps at most this many bytes of every frame.
#[must_use]
pub fn snap(length: u32) -> Vec<Instruction> {
    vec![Instruction { code: RETURN, jt: 0, jf: 0, k: length }]
}

/// Reads a program as `tcpdump -ddd` prints it.
///
/// # Errors
///
/// The text is no such program. What its jumps mean, the kernel checks.
pub fn parse(text: &str) -> Result<Vec<Instruction>, NotAFilter> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let wrong = |line: usize, what| NotAFilter {
        place: format!("line {}", line.saturating_add(1)),
        what,
        advice: "Give what `tcpdump -ddd EXPRESSION` prints.",
    };
    let (at, first) = lines.next().ok_or_else(|| wrong(0, "it is empty"))?;
    let count: usize =
        first.trim().parse().map_err(|_| wrong(at, "the number of instructions is missing"))?;
    if count == 0 || count > MAX {
        return Err(wrong(at, "a program has 1 to 4096 instructions"));
    }
    let mut program = Vec::new();
    let mut last = at;
    for (at, line) in lines {
        last = at;
        if program.len() >= count {
            return Err(wrong(at, "there are more instructions than the first line says"));
        }
        program.push(instruction(line).ok_or_else(|| {
            wrong(at, "an instruction is four numbers: code, jump if true, jump if false, operand")
        })?);
    }
    if program.len() < count {
        return Err(wrong(last, "there are fewer instructions than the first line says"));
    }
    Ok(program)
}

fn instruction(line: &str) -> Option<Instruction> {
    let mut numbers = line.split_whitespace();
    let one = Instruction {
        code: numbers.next()?.parse().ok()?,
        jt: numbers.next()?.parse().ok()?,
        jf: numbers.next()?.parse().ok()?,
        k: numbers.next()?.parse().ok()?,
    };
    numbers.next().is_none().then_some(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_what_tcpdump_prints() {
        let program = parse("4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n").unwrap();

        assert_eq!(4, program.len());
        assert_eq!(Instruction { code: 21, jt: 0, jf: 1, k: 2048 }, program[1]);
    }

    #[test]
    fn a_text_that_is_no_program_says_which_line_is_wrong() {
        let lines = ["", "x", "0", "2\n6 0 0 0", "1\n6 0 0 0\n6 0 0 0", "1\n6 0 0", "1\n6 0 0 0 0"];
        let found: Vec<_> = lines.iter().map(|text| parse(text).unwrap_err().place).collect();

        assert_eq!([1, 1, 1, 2, 3, 2, 2].map(|n| format!("line {n}")).to_vec(), found);
    }
}
