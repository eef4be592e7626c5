//! Walking through JSON without building it: objects and lists that are folded into a value.
//!
//! Owns the two visitors by which objects and lists are walked. A derived `Deserialize` would fail
//! on a repeated key and would need a `Vec` for every list; these leave a repeated key to the fold,
//! accept `null` for an object or a list, and allocate nothing.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value into which the fields of a JSON object are folded.
pub(super) trait Fold<'a> {
    /// The object's keys; has to accept any key.
    type Key: Deserialize<'a>;

    /// What the object is, for messages.
    const WHAT: &'static str;

    /// Takes the value of one key, or skips it with [`skip`].
    fn field<M: MapAccess<'a>>(&mut self, key: Self::Key, map: &mut M) -> Result<(), M::Error>;
}

/// Skips the value of a key.
pub(super) fn skip<'a, M: MapAccess<'a>>(map: &mut M) -> Result<(), M::Error> {
    map.next_value::<serde::de::IgnoredAny>().map(drop)
}

/// A JSON object, or `null`, that is folded into `F`.
pub(super) struct Object<'f, F>(pub(super) &'f mut F);

/// A JSON list of such objects, or `null`, each folded into the same `F`.
pub(super) struct List<'f, F>(pub(super) &'f mut F);

impl<'a, F: Fold<'a>> DeserializeSeed<'a> for Object<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, F: Fold<'a>> Visitor<'a> for Object<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object ({})", F::WHAT)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<F::Key>()? {
            self.0.field(key, &mut map)?;
        }
        Ok(())
    }
}

impl<'a, F: Fold<'a>> DeserializeSeed<'a> for List<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, F: Fold<'a>> Visitor<'a> for List<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of objects ({})", F::WHAT)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut list: S) -> Result<(), S::Error> {
        while list.next_element_seed(Object(&mut *self.0))?.is_some() {}
        Ok(())
    }
}
