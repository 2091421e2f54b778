//! The fields that a protocol adds to its PDUs.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Float,
    /// A word or text, at most 128 characters.
    Text,
    /// At most 64 bytes, shown in hexadecimal.
    Bytes,
    /// Nanoseconds since 1970.
    Time,
}

/// One field of a protocol; its full name is `<protocol>.<name>`.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// snake_case, without the protocol.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// One sentence for people, with the unit where there is one.
    pub description: &'static str,
}

/// A field by its place in its protocol's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldId(pub u16);

/// Most fields of a protocol.
pub const MOST_FIELDS: usize = 128;

/// Some of a protocol's fields.
#[derive(Clone, Copy, Debug, Default)]
pub struct FieldSet(u128);

impl FieldSet {
    /// Adds a field; whether it was not there.
    #[inline]
    pub fn add(&mut self, field: FieldId) -> bool {
        let bit = 1_u128.checked_shl(field.0.into()).unwrap_or_default();
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }
}

/// Declares a protocol's fields: one constant each, and `FIELDS`, their list.
///
/// ```text
/// fields! {
///     TRANSACTION_ID "transaction_id" Integer "Transaction identifier of the MBAP header.";
/// }
/// ```
#[macro_export]
macro_rules! fields {
    ($($id:ident $name:literal $kind:ident $description:literal;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u16)]
        enum FieldIndex { $($id),* }
        $(
            #[doc = $description]
            pub(crate) const $id: $crate::field::FieldId =
                $crate::field::FieldId(FieldIndex::$id as u16);
        )*
        /// Every field that this protocol can emit.
        pub(crate) const FIELDS: &[$crate::field::Field] = &[$(
            $crate::field::Field {
                name: $name,
                kind: $crate::field::Kind::$kind,
                description: $description,
            }
        ),*];
    };
}
