//! Expressions: `not port 22`, `host 10.1.0.5 and (tcp port 502 or udp)`.
//!
//! A part of pcap-filter(7) with its meaning, but for one thing: the kernel takes
//! the outer VLAN tag out before the filter sees a frame, so `port 22` is also
//! true of tagged frames, and `vlan` changes nothing of what stands after it.
//!
//! ```text
//! joined = one { ("and" | "&&" | "or" | "||") one }       from left to right
//! one    = ("not" | "!") one | "(" joined ")" | test
//! test   = [proto] [direction] [kind] value | proto | "vlan" [id] | "less" n | "greater" n
//! proto  = ether ip ip6 arp tcp udp icmp icmp6      direction = src dst
//! kind   = host net port portrange proto
//! ```
//!
//! Source: pcap-filter(7) [S].

use std::net::IpAddr;

use super::NotAFilter;

/// The deepest expression.
const MAX_DEPTH: usize = 64;
/// The most tests.
const MAX_TESTS: usize = 256;

const ADVICE: &str = "Write it as for tcpdump, such as `not port 22` or `host 10.1.0.5 and tcp port 502`, or give what `tcpdump -ddd EXPRESSION` prints.";

/// What has to hold of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// One of them, at least.
    Any(Vec<Expression>),
    /// Every one.
    All(Vec<Expression>),
    /// The contrary.
    Not(Box<Expression>),
    /// One question.
    Test(Test),
}

/// Which end of a packet is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Source,
    Destination,
    Either,
}

/// One question about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// An ethertype.
    Ethertype(u16),
    /// An IP protocol, of the version named or of both.
    Protocol(Option<u8>, u8),
    /// An IP address, with the number of bits that count; also in ARP.
    Network(End, IpAddr, u8),
    /// A hardware address.
    Hardware(End, [u8; 6]),
    /// Ports of TCP (6), UDP (17) or both, first and last.
    Ports(Option<u8>, End, u16, u16),
    /// A VLAN tag; with this id, where one is named.
    Vlan(Option<u16>),
    /// Frames of at least this many bytes.
    AtLeast(u32),
}

/// Reads an expression.
pub fn parse(text: &str) -> Result<Expression, NotAFilter> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('!', " ! ");
    let words: Vec<String> = spaced.split_whitespace().map(str::to_ascii_lowercase).collect();
    let mut reader = Reader { words: &words, at: 0, tests: 0 };
    let expression = reader.joined(0)?;
    match reader.peek() {
        None => Ok(expression),
        Some(word) => Err(wrong(word, "it stands where `and` or `or` is expected")),
    }
}

fn wrong(word: &str, what: &'static str) -> NotAFilter {
    let shown: String = word.chars().flat_map(char::escape_default).take(40).collect();
    NotAFilter { place: format!("at '{shown}'"), what, advice: ADVICE }
}

struct Reader<'a> {
    words: &'a [String],
    at: usize,
    tests: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn take_if(&mut self, wanted: &[&str]) -> Option<&'a str> {
        let word = self.peek().filter(|word| wanted.contains(word))?;
        self.at = self.at.saturating_add(1);
        Some(word)
    }

    fn take(&mut self, what: &'static str) -> Result<&'a str, NotAFilter> {
        let word = self.peek().ok_or_else(|| NotAFilter {
            place: "at the end".to_owned(),
            what,
            advice: ADVICE,
        })?;
        self.at = self.at.saturating_add(1);
        Ok(word)
    }

    /// `and` and `or` bind alike, from left to right: so it is in pcap-filter(7).
    fn joined(&mut self, depth: usize) -> Result<Expression, NotAFilter> {
        let mut left = self.one(depth)?;
        while let Some(word) = self.take_if(&["and", "&&", "or", "||"]) {
            let both = vec![left, self.one(depth)?];
            let is_and = matches!(word, "and" | "&&");
            left = if is_and { Expression::All(both) } else { Expression::Any(both) };
        }
        Ok(left)
    }

    fn one(&mut self, depth: usize) -> Result<Expression, NotAFilter> {
        let deeper = depth.saturating_add(1);
        if deeper > MAX_DEPTH {
            return Err(wrong(self.peek().unwrap_or_default(), "it is nested too deep"));
        }
        if self.take_if(&["not", "!"]).is_some() {
            return Ok(Expression::Not(Box::new(self.one(deeper)?)));
        }
        if self.take_if(&["("]).is_some() {
            let inner = self.joined(deeper)?;
            return match self.take("a parenthesis is not closed")? {
                ")" => Ok(inner),
                word => Err(wrong(word, "it stands where `and`, `or` or `)` is expected")),
            };
        }
        self.tests = self.tests.saturating_add(1);
        if self.tests > MAX_TESTS {
            return Err(wrong(self.peek().unwrap_or_default(), "there are more than 256 tests"));
        }
        if self.take_if(&["less"]).is_some() {
            // At most so many bytes, as in pcap-filter(7).
            let length: u32 = self.number("a length is expected")?;
            let longer = Expression::Test(Test::AtLeast(length.saturating_add(1)));
            return Ok(Expression::Not(Box::new(longer)));
        }
        self.test().map(Expression::Test)
    }

    fn test(&mut self) -> Result<Test, NotAFilter> {
        if self.take_if(&["vlan"]).is_some() {
            let id = self.peek().and_then(|word| word.parse().ok()).filter(|id| *id < 4096u16);
            if id.is_some() {
                self.at = self.at.saturating_add(1);
            }
            return Ok(Test::Vlan(id));
        }
        if self.take_if(&["greater"]).is_some() {
            return self.number("a length is expected").map(Test::AtLeast);
        }
        let protocol = self.take_if(&["ether", "ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6"]);
        let end = match self.take_if(&["src", "dst"]) {
            Some("src") => End::Source,
            Some(_) => End::Destination,
            None => End::Either,
        };
        let kind = self.take_if(&["host", "net", "port", "portrange", "proto"]);
        match (protocol, kind) {
            (Some(protocol), None) if end == End::Either => Ok(alone(protocol)),
            (Some("ether"), Some("host")) => self.hardware(end),
            (Some("ether"), Some("proto")) => {
                self.number("an ethertype is expected").map(Test::Ethertype)
            }
            (Some("ip"), Some("proto")) => self.protocol(Some(4)),
            (Some("ip6"), Some("proto")) => self.protocol(Some(6)),
            (None, Some("proto")) => self.protocol(None),
            (None | Some("ip" | "ip6" | "arp"), None | Some("host" | "net")) => {
                self.network(end, kind)
            }
            (None | Some("tcp" | "udp"), Some("port" | "portrange")) => {
                let (first, last) = self.ports()?;
                Ok(Test::Ports(protocol.and_then(number_of), end, first, last))
            }
            (first, second) => {
                let word = second.or(first).unwrap_or_default();
                Err(wrong(word, "these words do not go together"))
            }
        }
    }

    fn network(&mut self, end: End, kind: Option<&str>) -> Result<Test, NotAFilter> {
        let word = self.take("an address is expected")?;
        let (address, bits) = match word.split_once('/') {
            Some((address, bits)) if kind == Some("net") => (address, Some(bits)),
            _ => (word, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| wrong(word, "it is no word of a filter and no IP address"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(text) => text.parse().ok().filter(|bits| *bits <= most).ok_or_else(|| {
                wrong(word, "the number after the slash is no length of a prefix")
            })?,
        };
        Ok(Test::Network(end, address, bits))
    }

    fn hardware(&mut self, end: End) -> Result<Test, NotAFilter> {
        let word = self.take("a hardware address is expected")?;
        let mut address = [0u8; 6];
        let mut parts = word.split([':', '-']);
        for byte in &mut address {
            *byte = parts
                .next()
                .filter(|part| part.len() <= 2)
                .and_then(|part| u8::from_str_radix(part, 16).ok())
                .ok_or_else(|| wrong(word, "it is no hardware address"))?;
        }
        match parts.next() {
            None => Ok(Test::Hardware(end, address)),
            Some(_) => Err(wrong(word, "it is no hardware address")),
        }
    }

    fn ports(&mut self) -> Result<(u16, u16), NotAFilter> {
        let word = self.take("a port is expected")?;
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
            _ => Err(wrong(word, "it is no port and no range of ports")),
        }
    }

    fn protocol(&mut self, version: Option<u8>) -> Result<Test, NotAFilter> {
        let word = self.take("an IP protocol is expected")?;
        let number = number_of(word).or_else(|| word.parse().ok());
        number
            .map(|number| Test::Protocol(version, number))
            .ok_or_else(|| wrong(word, "it is no IP protocol"))
    }

    /// A number, also in hexadecimal.
    fn number<T: TryFrom<u32>>(&mut self, what: &'static str) -> Result<T, NotAFilter> {
        let word = self.take(what)?;
        let number = match word.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => word.parse(),
        };
        number
            .ok()
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| wrong(word, "it is no number that fits here"))
    }
}

/// The test that the name of a protocol is by itself.
fn alone(protocol: &str) -> Test {
    match protocol {
        "ip" => Test::Ethertype(0x0800),
        "ip6" => Test::Ethertype(0x86dd),
        "arp" => Test::Ethertype(0x0806),
        "icmp" => Test::Protocol(Some(4), 1),
        "icmp6" => Test::Protocol(Some(6), 58),
        "tcp" => Test::Protocol(None, 6),
        "udp" => Test::Protocol(None, 17),
        // Every frame of Ethernet is one.
        _ => Test::AtLeast(0),
    }
}

fn number_of(protocol: &str) -> Option<u8> {
    match protocol {
        "tcp" => Some(6),
        "udp" => Some(17),
        "icmp" => Some(1),
        "icmp6" => Some(58),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_binds_as_or_does_from_left_to_right() {
        let Expression::All(parts) = parse("arp or ip and udp").unwrap() else { panic!() };

        assert!(matches!(&parts[0], Expression::Any(both) if both.len() == 2));
        assert_eq!(Expression::Test(Test::Protocol(None, 17)), parts[1]);
    }

    #[test]
    fn a_port_may_be_a_range_of_one_protocol_and_one_end() {
        let found = parse("udp src portrange 47808-47823").unwrap();

        assert_eq!(Expression::Test(Test::Ports(Some(17), End::Source, 47_808, 47_823)), found);
    }

    #[test]
    fn an_address_may_stand_alone() {
        let address = IpAddr::from([10, 0, 0, 1]);

        assert_eq!(
            Expression::Test(Test::Network(End::Either, address, 32)),
            parse("10.0.0.1").unwrap()
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, place) in [
            ("", "at the end"),
            ("prot 22", "at 'prot'"),
            ("port x", "at 'x'"),
            ("not (port 22", "at the end"),
            ("tcp tcp", "at 'tcp'"),
            ("net 10.0.0.0/33", "at '10.0.0.0/33'"),
            ("ether host 00:11:22", "at '00:11:22'"),
            ("arp port 5", "at 'port'"),
            ("ether proto 70000", "at '70000'"),
        ] {
            assert_eq!(place, parse(text).unwrap_err().place, "{text}");
        }
    }

    #[test]
    fn an_expression_that_is_nested_too_deep_is_refused() {
        let text = format!("{}tcp{}", "(".repeat(100), ")".repeat(100));

        assert_eq!("it is nested too deep", parse(&text).unwrap_err().what);
    }
}
