//! Optional request fields, and which of them a target has refused.

/// An optional field of a request: sent until a server refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// `stream_options.include_usage`
    StreamOptions,
    /// `ignore_eos`
    IgnoreEos,
    /// `min_tokens`
    MinTokens,
    /// `temperature`
    Temperature,
    /// `top_p`
    TopP,
    /// `max_tokens`; once refused, `max_completion_tokens` takes its place.
    MaxTokens,
}

/// A set of [`Field`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u8);

impl Field {
    /// Every optional field.
    pub const ALL: [Self; 6] = [
        Self::StreamOptions,
        Self::IgnoreEos,
        Self::MinTokens,
        Self::Temperature,
        Self::TopP,
        Self::MaxTokens,
    ];

    /// Its name in the request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StreamOptions => "stream_options",
            Self::IgnoreEos => "ignore_eos",
            Self::MinTokens => "min_tokens",
            Self::Temperature => "temperature",
            Self::TopP => "top_p",
            Self::MaxTokens => "max_tokens",
        }
    }
}

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// Whether `field` is in the set.
    pub const fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    /// The set with `field`.
    #[must_use]
    pub const fn with(self, field: Field) -> Self {
        Self(self.0 | (1 << field as u8))
    }

    /// The set with every field of `other`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no field is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The fields, in the order of [`Field::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |field| self.contains(*field))
    }

    /// The set as bits, to keep it in an atomic.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// A set from [`FieldSet::bits`].
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The fields of `sent` that the body of a 400 or 422 answer names.
    #[must_use]
    pub fn named_in(sent: Self, body: &str) -> Self {
        sent.iter().filter(|field| body.contains(field.as_str())).fold(Self::EMPTY, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_fields() {
        let sent = FieldSet::EMPTY.with(Field::IgnoreEos).with(Field::MinTokens);
        let body = r#"{"detail":"Unexpected fields in the request: {'ignore_eos'}"}"#;
        assert_eq!(FieldSet::named_in(sent, body), FieldSet::EMPTY.with(Field::IgnoreEos));
        assert!(FieldSet::named_in(sent, r#"{"error":"temperature must be positive"}"#).is_empty());
    }
}
