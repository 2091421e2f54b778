//! Every named departure from a specification, and sets of them.

/// Declares [`Anomaly`] once: variant, token and meaning.
macro_rules! anomalies {
    ($($variant:ident $token:literal $doc:literal;)+) => {
        /// A named departure from the specification. Malformed traffic is data:
        /// it is described by these, never by an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Anomaly { $(#[doc = $doc] $variant),+ }

        impl Anomaly {
            /// Every anomaly, in the order of their bits in [`Anomalies`].
            pub const ALL: &'static [Anomaly] = &[$(Anomaly::$variant),+];

            /// The token that rules, output and documents use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Anomaly::$variant => $token),+ }
            }

            /// What it means, in one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Anomaly::$variant => $doc),+ }
            }
        }
    };
}

anomalies! {
    LengthMismatch "length_mismatch" "A length field disagrees with the bytes present.";
    UnknownFunction "unknown_function" "A function code that no source names.";
    ReservedFunction "reserved_function" "A function code that the specification reserves.";
    ReservedBits "reserved_bits" "Bits that must be zero are set.";
    BadChecksum "bad_checksum" "A checksum does not fit its bytes.";
    ValueMismatch "value_mismatch" "The answer repeats other values than were asked.";
    ResponseWithoutRequest "response_without_request" "An answer whose request was not seen, on a flow without loss.";
    RequestFromServer "request_from_server" "A request sent by the side that answers.";
    ExceptionByClient "exception_by_client" "A negative answer sent by the side that asks.";
    SequenceGap "sequence_gap" "A sequence number was left out.";
    SequenceRepeat "sequence_repeat" "A sequence number came twice.";
    IllegalState "illegal_state" "A message that the session's state does not allow.";
    IllegalCause "illegal_cause" "A cause that does not fit its message.";
    IllegalType "illegal_type" "A type that does not fit its place.";
    UnknownObject "unknown_object" "An object type that no source names.";
    Oversize "oversize" "Longer than the specification allows.";
    Version "version" "A protocol version that is not supported.";
    Malformed "malformed" "The message breaks its own layout.";
    OverlapConflict "overlap_conflict" "A retransmission carried other bytes than the first copy.";
    CountOutOfRange "count_out_of_range" "A quantity outside the specification's limits.";
    AddressOverflow "address_overflow" "Address and quantity run past the end of the address space.";
    DuplicateTransaction "duplicate_transaction" "A transaction id used again while its request was still open.";
    FragmentMissing "fragment_missing" "A part of a fragmented message was not seen.";
    TrailingBytes "trailing_bytes" "Bytes after the end of the message.";
    RequestFlood "request_flood" "More open requests than a real client would leave.";
    ObsoleteFunction "obsolete_function" "A function that the specification has withdrawn.";
    NonstandardPort "nonstandard_port" "The protocol on a port that is not its own.";
    PortMismatch "port_mismatch" "Another protocol on the port of an industrial one.";
    ProtocolViolation "protocol_violation" "The flow stopped following its protocol.";
    DepthExceeded "depth_exceeded" "Containers nested deeper than is decoded.";
    ItemsTruncated "items_truncated" "More items than are decoded.";
    Unanswered "unanswered" "A request without an answer, on a flow without loss.";
    RestartSeen "restart_seen" "The device says that it restarted.";
    DeviceTrouble "device_trouble" "The device reports trouble.";
    ConfigurationCorrupt "configuration_corrupt" "The device reports a corrupt configuration.";
    BufferOverflow "buffer_overflow" "The device lost events.";
    OperateWithoutSelect "operate_without_select" "An operate whose select was not seen or named other objects.";
    SecondClient "second_client" "A second client changes the same unit.";
    PasswordRefused "password_refused" "A password was refused.";
    WriteToProcessImage "write_to_process_image" "A direct write to inputs or outputs.";
    DiscardedData "discarded_data" "Bytes that no dissector could read were passed over.";
    ConfirmRequested "confirm_requested" "A master asks for a confirmation, which only outstations may ask for.";
    Truncated "truncated" "The capture kept only the beginning of the message; what was there is decoded.";
}

/// A set of anomalies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Anomalies(u64);

impl Anomalies {
    /// The set without members.
    pub const NONE: Anomalies = Anomalies(0);

    /// Adds one.
    #[inline]
    pub const fn add(&mut self, anomaly: Anomaly) {
        self.0 |= 1 << anomaly as u8;
    }

    /// Adds all of another set.
    #[inline]
    pub const fn add_all(&mut self, other: Anomalies) {
        self.0 |= other.0;
    }

    /// The set without one.
    #[inline]
    #[must_use]
    pub const fn without(self, anomaly: Anomaly) -> Self {
        Self(self.0 & !(1 << anomaly as u8))
    }

    /// Whether it has no member.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `anomaly` is a member.
    #[inline]
    #[must_use]
    pub const fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & (1 << anomaly as u8) != 0
    }

    /// The set as bits, bit n being the nth of [`Anomaly::ALL`].
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The members, in the order of [`Anomaly::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.iter().copied().filter(move |anomaly| self.contains(*anomaly))
    }
}

const _: () = assert!(Anomaly::ALL.len() <= 64, "Anomalies holds 64 bits");
