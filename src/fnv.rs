//! A hash that is the same for ever, unlike the standard library's: FNV-1a of 64 bits (Fowler, Noll,
//! Vo). What is drawn, told or stored by it stays what it was across versions and platforms.

/// What was hashed so far.
#[derive(Clone, Copy, Debug)]
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// The hash of `names`. A byte that UTF-8 never uses ends each, so that moving a letter from one
    /// to the next is another hash.
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Self::default();
        for name in names {
            hash.write(name.as_bytes());
            hash.write(&[0xff]);
        }
        hash
    }

    /// Takes in more.
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Folded to 48 bits, which a double holds exactly.
    pub const fn folded(self) -> u64 {
        (self.0 >> 48) ^ (self.0 & 0xffff_ffff_ffff)
    }

    /// Spread over all bits, of which the upper ones hardly depend on the last bytes else: by the
    /// finalizer of MurmurHash3 (Appleby), one to one.
    pub const fn spread(self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_one() {
        for (text, hash) in [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c)] {
            let mut fnv = Fnv::default();
            fnv.write(text.as_bytes());
            assert_eq!(fnv.0, hash);
        }
    }

    #[test]
    fn ids_never_change() {
        assert_eq!(Fnv::of_names(["night", "a", "m"]).folded(), 0xaaec_f0b3_1cbf);
    }

    #[test]
    fn names_do_not_run_together() {
        let hash = |names: [&'static str; 2]| Fnv::of_names(names).spread();
        assert_ne!(hash(["ab", ""]), hash(["a", "b"]));
        assert_ne!(hash(["a", "b"]), hash(["b", "a"]));
    }
}
