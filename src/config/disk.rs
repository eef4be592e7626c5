//! Files as they are read: regular ones, up to a size.
//!
//! Knows nothing of what stands in them.

use std::{fs, io::Read, path::Path};

/// The bytes of a file of at most `most` bytes.
///
/// # Errors
/// Why it cannot be read, in words.
pub(super) fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    // A pipe could keep us waiting for ever.
    if !fs::metadata(path).map_err(cannot)?.is_file() {
        return Err("cannot be read: not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(cannot)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > most {
        return Err(format!("larger than {} MiB", most >> 20));
    }
    Ok(bytes)
}
