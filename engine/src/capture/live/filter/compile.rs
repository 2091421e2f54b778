//! Expressions, made into a program for the kernel.
//!
//! A test is a few instructions that end in one of two labels. Jumps of tests
//! reach 255 instructions only, so each of them leads to one of two long jumps
//! beside it; what little time that costs is saved by the frames kept out.
//!
//! Source: Linux `filter.rst`, `filter.h` (extensions `SKF_AD_*`) [S].

use std::net::IpAddr;

use super::NotAFilter;
use super::expression::{End, Expression, Test};
use super::program::{Instruction, MAX, RETURN};

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_LENGTH: u16 = 0x80;
const LOAD_HALF_INDEXED: u16 = 0x48;
/// X becomes four times the lower half of a byte: the length of an IPv4 header.
const LOAD_HEADER_LENGTH: u16 = 0xb1;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const EQUAL: u16 = 0x15;
const GREATER: u16 = 0x25;
const AT_LEAST: u16 = 0x35;
const ANY_BIT: u16 = 0x45;

/// What the kernel knows of a frame besides its bytes: its VLAN tag, and whether it has one.
const VLAN_TAG: u32 = 0xffff_f000 + 44;
const VLAN_PRESENT: u32 = 0xffff_f000 + 48;

const ETHERTYPE: u32 = 12;
const IP4: u32 = 14;
const IP6: u32 = 14;
const ARP: u32 = 14;
const TCP_AND_UDP: [u8; 2] = [6, 17];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label(usize);

#[derive(Clone, Copy, Debug)]
enum Step {
    Plain(u16, u32),
    /// A test, and where to go on where it holds and where it does not.
    Jump(u16, u32, Label, Label),
    /// The place that a label stands for.
    Here(Label),
}

/// The program, which keeps `snap_length` bytes of the frames that the expression holds of.
pub fn compile(expression: &Expression, snap_length: u32) -> Result<Vec<Instruction>, NotAFilter> {
    let mut writer = Writer::default();
    let (pass, drop) = (writer.label(), writer.label());
    writer.expression(expression, pass, drop);
    writer.steps.push(Step::Here(pass));
    writer.plain(RETURN, snap_length);
    writer.steps.push(Step::Here(drop));
    writer.plain(RETURN, 0);
    let program = writer.placed();
    if program.len() > MAX {
        return Err(NotAFilter {
            place: "as a whole".to_owned(),
            what: "it needs more than the 4096 instructions that the kernel takes",
            advice: "Name networks instead of single hosts.",
        });
    }
    Ok(program)
}

#[derive(Default)]
struct Writer {
    steps: Vec<Step>,
    labels: usize,
}

impl Writer {
    fn label(&mut self) -> Label {
        self.labels = self.labels.saturating_add(1);
        Label(self.labels)
    }

    fn plain(&mut self, code: u16, k: u32) {
        self.steps.push(Step::Plain(code, k));
    }

    fn jump(&mut self, code: u16, k: u32, holds: Label, fails: Label) {
        self.steps.push(Step::Jump(code, k, holds, fails));
    }

    fn here(&mut self, label: Label) {
        self.steps.push(Step::Here(label));
    }

    fn expression(&mut self, expression: &Expression, holds: Label, fails: Label) {
        match expression {
            Expression::Not(inner) => self.expression(inner, fails, holds),
            Expression::Any(parts) => {
                for part in parts {
                    let next = self.label();
                    self.expression(part, holds, next);
                    self.here(next);
                }
                self.go_to(fails);
            }
            Expression::All(parts) => {
                for part in parts {
                    let next = self.label();
                    self.expression(part, next, fails);
                    self.here(next);
                }
                self.go_to(holds);
            }
            Expression::Test(test) => self.test(test, holds, fails),
        }
    }

    fn go_to(&mut self, label: Label) {
        // True of every number.
        self.jump(AT_LEAST, 0, label, label);
    }

    fn test(&mut self, test: &Test, holds: Label, fails: Label) {
        match test {
            Test::Ethertype(wanted) => {
                self.plain(LOAD_HALF, ETHERTYPE);
                self.jump(EQUAL, u32::from(*wanted), holds, fails);
            }
            Test::Protocol(version, wanted) => self.protocol(*version, *wanted, holds, fails),
            Test::Network(end, IpAddr::V4(address), bits) => {
                let mask = prefix(32, u32::from(*bits));
                self.network4(*end, u32::from(*address), mask, holds, fails);
            }
            Test::Network(end, IpAddr::V6(address), bits) => {
                self.plain(LOAD_HALF, ETHERTYPE);
                let is_ip6 = self.label();
                self.jump(EQUAL, 0x86dd, is_ip6, fails);
                self.here(is_ip6);
                let octets = address.octets();
                self.ends(*end, 22, 38, holds, fails, |writer, place, holds, fails| {
                    writer.bytes(place, &octets, u32::from(*bits), holds, fails);
                });
            }
            Test::Hardware(end, address) => {
                self.ends(*end, 6, 0, holds, fails, |writer, place, holds, fails| {
                    writer.bytes(place, address, 48, holds, fails);
                });
            }
            Test::Ports(protocol, end, first, last) => {
                self.ports(*protocol, *end, *first, *last, holds, fails);
            }
            Test::Vlan(id) => {
                self.plain(LOAD_BYTE, VLAN_PRESENT);
                let Some(id) = id else {
                    return self.jump(EQUAL, 0, fails, holds);
                };
                let tagged = self.label();
                self.jump(EQUAL, 0, fails, tagged);
                self.here(tagged);
                self.plain(LOAD_HALF, VLAN_TAG);
                self.plain(AND, 0x0fff);
                self.jump(EQUAL, u32::from(*id), holds, fails);
            }
            Test::AtLeast(length) => {
                self.plain(LOAD_LENGTH, 0);
                self.jump(AT_LEAST, *length, holds, fails);
            }
        }
    }

    /// Does `ask` of the place of one end, or of either.
    fn ends(
        &mut self,
        end: End,
        source: u32,
        destination: u32,
        holds: Label,
        fails: Label,
        ask: impl Fn(&mut Self, u32, Label, Label),
    ) {
        match end {
            End::Source => ask(self, source, holds, fails),
            End::Destination => ask(self, destination, holds, fails),
            End::Either => {
                let other = self.label();
                ask(self, source, holds, other);
                self.here(other);
                ask(self, destination, holds, fails);
            }
        }
    }

    fn protocol(&mut self, version: Option<u8>, wanted: u8, holds: Label, fails: Label) {
        let (ip4, other, ip6) = (self.label(), self.label(), self.label());
        self.plain(LOAD_HALF, ETHERTYPE);
        if version != Some(6) {
            self.jump(EQUAL, 0x0800, ip4, other);
            self.here(ip4);
            self.plain(LOAD_BYTE, IP4.saturating_add(9));
            self.jump(EQUAL, u32::from(wanted), holds, fails);
        } else {
            self.go_to(other);
        }
        self.here(other);
        if version == Some(4) {
            return self.go_to(fails);
        }
        self.jump(EQUAL, 0x86dd, ip6, fails);
        self.here(ip6);
        self.plain(LOAD_BYTE, IP6.saturating_add(6));
        self.jump(EQUAL, u32::from(wanted), holds, fails);
    }

    /// An IPv4 address of a packet, or of an ARP message.
    fn network4(&mut self, end: End, address: u32, mask: u32, holds: Label, fails: Label) {
        let (ip, other, arp) = (self.label(), self.label(), self.label());
        let ask = |writer: &mut Self, place: u32, holds, fails| {
            writer.plain(LOAD_WORD, place);
            writer.plain(AND, mask);
            writer.jump(EQUAL, address & mask, holds, fails);
        };
        self.plain(LOAD_HALF, ETHERTYPE);
        self.jump(EQUAL, 0x0800, ip, other);
        self.here(ip);
        self.ends(end, IP4.saturating_add(12), IP4.saturating_add(16), holds, fails, ask);
        self.here(other);
        self.jump(EQUAL, 0x0806, arp, fails);
        self.here(arp);
        self.ends(end, ARP.saturating_add(14), ARP.saturating_add(24), holds, fails, ask);
    }

    /// The first `bits` of some bytes.
    fn bytes(&mut self, place: u32, wanted: &[u8], bits: u32, holds: Label, fails: Label) {
        let (mut at, mut left) = (place, bits);
        for chunk in wanted.chunks(4) {
            let (code, width) = if chunk.len() == 4 { (LOAD_WORD, 32) } else { (LOAD_HALF, 16) };
            let value = chunk.iter().fold(0u32, |value, byte| (value << 8) | u32::from(*byte));
            let counted = left.min(width);
            if counted > 0 {
                let mask = prefix(width, counted);
                let next = self.label();
                self.plain(code, at);
                self.plain(AND, mask);
                self.jump(EQUAL, value & mask, next, fails);
                self.here(next);
            }
            left = left.saturating_sub(counted);
            at = at.saturating_add(width >> 3);
        }
        self.go_to(holds);
    }

    fn ports(
        &mut self,
        protocol: Option<u8>,
        end: End,
        first: u16,
        last: u16,
        holds: Label,
        fails: Label,
    ) {
        let protocols: &[u8] = match &protocol {
            Some(one) => std::slice::from_ref(one),
            None => &TCP_AND_UDP,
        };
        let (ip4, other, ip6) = (self.label(), self.label(), self.label());
        self.plain(LOAD_HALF, ETHERTYPE);
        self.jump(EQUAL, 0x0800, ip4, other);
        self.here(ip4);
        self.one_of(IP4.saturating_add(9), protocols, fails);
        // Fragments but the first have no ports.
        let whole = self.label();
        self.plain(LOAD_HALF, IP4.saturating_add(6));
        self.jump(ANY_BIT, 0x1fff, fails, whole);
        self.here(whole);
        self.plain(LOAD_HEADER_LENGTH, IP4);
        self.ends(end, IP4, IP4.saturating_add(2), holds, fails, |writer, place, holds, fails| {
            writer.plain(LOAD_HALF_INDEXED, place);
            writer.between(first, last, holds, fails);
        });
        self.here(other);
        self.jump(EQUAL, 0x86dd, ip6, fails);
        self.here(ip6);
        self.one_of(IP6.saturating_add(6), protocols, fails);
        self.ends(end, 54, 56, holds, fails, |writer, place, holds, fails| {
            writer.plain(LOAD_HALF, place);
            writer.between(first, last, holds, fails);
        });
    }

    /// Goes on where a byte is one of the wanted.
    fn one_of(&mut self, place: u32, wanted: &[u8], fails: Label) {
        let found = self.label();
        self.plain(LOAD_BYTE, place);
        for value in wanted {
            let next = self.label();
            self.jump(EQUAL, u32::from(*value), found, next);
            self.here(next);
        }
        self.go_to(fails);
        self.here(found);
    }

    fn between(&mut self, first: u16, last: u16, holds: Label, fails: Label) {
        let enough = self.label();
        self.jump(AT_LEAST, u32::from(first), enough, fails);
        self.here(enough);
        self.jump(GREATER, u32::from(last), fails, holds);
    }

    /// The steps with every label as a distance.
    fn placed(&self) -> Vec<Instruction> {
        let mut places = vec![0usize; self.labels.saturating_add(1)];
        let mut at = 0usize;
        for step in &self.steps {
            match step {
                Step::Plain(..) => at = at.saturating_add(1),
                Step::Jump(..) => at = at.saturating_add(3),
                Step::Here(Label(label)) => {
                    if let Some(place) = places.get_mut(*label) {
                        *place = at;
                    }
                }
            }
        }
        let distance = |from: usize, Label(label): Label| {
            let to = places.get(label).copied().unwrap_or_default();
            u32::try_from(to.saturating_sub(from.saturating_add(1))).unwrap_or_default()
        };
        let mut program = Vec::with_capacity(at);
        for step in &self.steps {
            match *step {
                Step::Plain(code, k) => program.push(Instruction { code, jt: 0, jf: 0, k }),
                Step::Jump(code, k, holds, fails) => {
                    program.push(Instruction { code, jt: 0, jf: 1, k });
                    for label in [holds, fails] {
                        let k = distance(program.len(), label);
                        program.push(Instruction { code: JUMP, jt: 0, jf: 0, k });
                    }
                }
                Step::Here(_) => {}
            }
        }
        program
    }
}

/// The first `bits` of `width` as a mask.
fn prefix(width: u32, bits: u32) -> u32 {
    let rest = width.saturating_sub(bits);
    let all = u32::MAX.checked_shr(32u32.saturating_sub(width)).unwrap_or_default();
    let low = 1u32.checked_shl(rest).map_or(u32::MAX, |power| power.saturating_sub(1));
    all & !low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_the_bits_of_the_prefix() {
        let masks = [(32, 24), (32, 0), (32, 32), (16, 16), (16, 4)].map(|(w, b)| prefix(w, b));

        assert_eq!([0xffff_ff00, 0, 0xffff_ffff, 0xffff, 0xf000], masks);
    }

    #[test]
    fn a_program_ends_in_passing_and_dropping() {
        let program = super::super::parse("not port 22", 65_535).unwrap();
        let ends: Vec<u32> =
            program.iter().filter(|one| one.code == RETURN).map(|one| one.k).collect();

        assert_eq!(vec![65_535, 0], ends);
    }

    #[test]
    fn the_longest_expression_is_bounded_by_what_the_kernel_takes() {
        let hosts: Vec<String> = (0..256).map(|n| format!("host fd00::{n:x}")).collect();
        let problem = super::super::parse(&hosts.join(" or "), 1).unwrap_err();

        assert_eq!("as a whole", problem.place);
    }
}
