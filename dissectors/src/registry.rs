//! Every protocol, one line each; static dispatch to all of them.

use crate::dissector::{Context, Direction, Dissector, Frame, Probe, Registration, Sender};
use crate::field::MOST_FIELDS;
use crate::sink::Sink;

/// Makes the protocol id, the flow state and the dispatch from one list.
macro_rules! dissectors {
    ($first:ident = $first_type:ty $(, $variant:ident = $type:ty)* $(,)?) => {
        /// A protocol that otmon dissects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ProtocolId {
            #[allow(missing_docs)]
            $first
            $(, #[allow(missing_docs)] $variant)*
        }

        impl ProtocolId {
            /// The first of the list.
            pub const FIRST: ProtocolId = ProtocolId::$first;
            /// All of them, in the order of the list.
            pub const ALL: &'static [ProtocolId] = &[ProtocolId::$first $(, ProtocolId::$variant)*];

            /// The facts about its dissector.
            #[must_use]
            pub const fn registration(self) -> &'static Registration {
                match self {
                    ProtocolId::$first => &<$first_type as Dissector>::REGISTRATION,
                    $(ProtocolId::$variant => &<$type as Dissector>::REGISTRATION,)*
                }
            }

            /// See [`Dissector::CARRIER`].
            #[must_use]
            pub const fn is_carrier(self) -> bool {
                match self {
                    ProtocolId::$first => <$first_type as Dissector>::CARRIER,
                    $(ProtocolId::$variant => <$type as Dissector>::CARRIER,)*
                }
            }

            /// See [`Dissector::NAMES_SENDER`].
            #[must_use]
            pub const fn names_sender(self) -> bool {
                match self {
                    ProtocolId::$first => <$first_type as Dissector>::NAMES_SENDER,
                    $(ProtocolId::$variant => <$type as Dissector>::NAMES_SENDER,)*
                }
            }

            /// Whether operations of this code leave one by one; see [`Dissector::SINGLY`].
            #[inline]
            #[must_use]
            pub fn leaves_singly(self, code: u16) -> bool {
                let codes = match self {
                    ProtocolId::$first => <$first_type as Dissector>::SINGLY,
                    $(ProtocolId::$variant => <$type as Dissector>::SINGLY,)*
                };
                codes.contains(&code)
            }

            /// See [`Dissector::LONGEST_JOINED`].
            #[must_use]
            pub const fn longest_joined(self) -> usize {
                match self {
                    ProtocolId::$first => <$first_type as Dissector>::LONGEST_JOINED,
                    $(ProtocolId::$variant => <$type as Dissector>::LONGEST_JOINED,)*
                }
            }

            /// See [`Dissector::probe`].
            #[must_use]
            pub fn probe(self, bytes: &[u8], cx: &Context<'_>) -> Probe {
                match self {
                    ProtocolId::$first => <$first_type as Dissector>::probe(bytes, cx),
                    $(ProtocolId::$variant => <$type as Dissector>::probe(bytes, cx),)*
                }
            }

            /// See [`Dissector::frame`].
            #[inline]
            #[must_use]
            pub fn frame(self, bytes: &[u8], cx: &Context<'_>) -> Frame {
                match self {
                    ProtocolId::$first => <$first_type as Dissector>::frame(bytes, cx),
                    $(ProtocolId::$variant => <$type as Dissector>::frame(bytes, cx),)*
                }
            }

            /// See [`Dissector::proves`].
            #[must_use]
            pub fn proves(self, request: &[u8], answer: &[u8]) -> bool {
                match self {
                    ProtocolId::$first => <$first_type as Dissector>::proves(request, answer),
                    $(ProtocolId::$variant => <$type as Dissector>::proves(request, answer),)*
                }
            }

            /// See [`Dissector::sender`].
            #[must_use]
            pub fn sender(self, pdu: &[u8], cx: &Context<'_>) -> Sender {
                match self {
                    ProtocolId::$first => <$first_type as Dissector>::sender(pdu, cx),
                    $(ProtocolId::$variant => <$type as Dissector>::sender(pdu, cx),)*
                }
            }
        }

        const _: () = {
            assert!(<$first_type as Dissector>::REGISTRATION.fields.len() <= MOST_FIELDS);
            $(assert!(<$type as Dissector>::REGISTRATION.fields.len() <= MOST_FIELDS);)*
        };

        /// What the dissector of one protocol remembers of one flow.
        #[allow(clippy::large_enum_variant, reason = "256 bytes at most, one per flow, no heap")]
        #[derive(Clone, Copy, Debug)]
        pub enum FlowState {
            #[allow(missing_docs)]
            $first(<$first_type as Dissector>::Flow)
            $(, #[allow(missing_docs)] $variant(<$type as Dissector>::Flow))*
        }

        impl FlowState {
            /// What is remembered of a flow of `protocol` that just began.
            #[must_use]
            pub fn new(protocol: ProtocolId) -> Self {
                match protocol {
                    ProtocolId::$first => Self::$first(Default::default()),
                    $(ProtocolId::$variant => Self::$variant(Default::default()),)*
                }
            }

            /// Whose memory it is.
            #[must_use]
            pub const fn protocol(&self) -> ProtocolId {
                match self {
                    Self::$first(_) => ProtocolId::$first,
                    $(Self::$variant(_) => ProtocolId::$variant,)*
                }
            }

            /// See [`Dissector::decode`].
            #[inline]
            pub fn decode(&mut self, pdu: &[u8], cx: &Context<'_>, out: &mut Sink) {
                match self {
                    Self::$first(flow) => <$first_type as Dissector>::decode(flow, pdu, cx, out),
                    $(Self::$variant(flow) => <$type as Dissector>::decode(flow, pdu, cx, out),)*
                }
            }

            /// See [`Dissector::joined`].
            pub fn joined(&mut self, key: u64, whole: &[u8], cx: &Context<'_>, out: &mut Sink) {
                match self {
                    Self::$first(flow) => <$first_type as Dissector>::joined(flow, key, whole, cx, out),
                    $(Self::$variant(flow) => <$type as Dissector>::joined(flow, key, whole, cx, out),)*
                }
            }

            /// See [`Dissector::gap`].
            pub fn gap(&mut self, direction: Direction, lost: Option<u32>) {
                match self {
                    Self::$first(flow) => <$first_type as Dissector>::gap(flow, direction, lost),
                    $(Self::$variant(flow) => <$type as Dissector>::gap(flow, direction, lost),)*
                }
            }
        }
    };
}

dissectors! {
    Modbus = crate::modbus::Modbus,
    ModbusRtu = crate::modbus_rtu::ModbusRtu,
    Umas = crate::umas::Umas,
    Cotp = crate::tpkt::Cotp,
    S7comm = crate::s7comm::S7comm,
    Dnp3 = crate::dnp3::Dnp3,
    Tristation = crate::tristation::Tristation,
}

const _: () = assert!(size_of::<FlowState>() <= 264, "a flow state holds at most 256 bytes");
