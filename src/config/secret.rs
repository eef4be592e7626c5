//! Secrets: read at use, never shown.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Largest secret file, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// A secret. Its only rendering is `<secret>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Where a secret is read from, each time it is used, so that rotation needs no reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file; white space at its end is left out.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// A secret that could not be read. Names the place, never the content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read.
    #[error("cannot read the secret file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A pipe, a device or a folder, which may never end or never begin.
    #[error("the secret file {} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The file is too large to be a secret.
    #[error("the secret file {} is larger than {MAX_FILE} bytes", .0.display())]
    TooLarge(PathBuf),
    /// The variable is not set, or not UTF-8.
    #[error("the environment variable {0} is not set or not UTF-8")]
    Env(String),
    /// There is nothing in it.
    #[error("the secret from {0} is empty")]
    Empty(String),
}

impl Secret {
    /// The secret itself. Hand it to the wire and to nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl SecretSource {
    /// Reads the secret. A file may lie on a mount that hangs: where other work shares the thread,
    /// one is to be read on another.
    ///
    /// # Errors
    /// If the place cannot be read, holds nothing, or is no file of at most 64 KiB.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::File(path) => read_file(path)?,
            Self::Env(name) => {
                #[expect(clippy::disallowed_methods, reason = "this is the home of secret reading")]
                let value = std::env::var(name);
                value.map_err(|_| SecretError::Env(name.clone()))?
            }
        };
        match text.trim_end() {
            "" => Err(SecretError::Empty(self.to_string())),
            secret => Ok(Secret(secret.to_owned())),
        }
    }
}

/// The text of a file of modest size. What it is is asked before it is opened, because opening a
/// pipe waits for its writer.
fn read_file(path: &Path) -> Result<String, SecretError> {
    let unreadable = |source| SecretError::File { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SecretError::NotAFile(path.to_owned()));
    }
    let mut content = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    let size = file.take(MAX_FILE + 1).read_to_end(&mut content).map_err(unreadable)?;
    if size as u64 > MAX_FILE {
        return Err(SecretError::TooLarge(path.to_owned()));
    }
    String::from_utf8(content).map_err(|_| unreadable(io::ErrorKind::InvalidData.into()))
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Env(name) => write!(f, "the environment variable {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_to_nobody() {
        let secret = Secret::from("sk-planted".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "<secret> <secret> Some(<secret>)"
        );
    }

    #[test]
    fn trailing_white_space_of_a_file_is_not_part_of_the_secret() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        fs::write(file.path(), "sk-1\n").expect("written");
        let source = SecretSource::File(file.path().to_owned());
        assert_eq!(source.read().expect("readable").expose(), "sk-1");
        fs::write(file.path(), " \n").expect("written");
        assert!(matches!(source.read(), Err(SecretError::Empty(_))));
    }

    #[test]
    fn what_is_no_file_of_modest_size_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        for path in [pipe.as_path(), Path::new("/dev/zero"), folder.path()] {
            let read = SecretSource::File(path.to_owned()).read();
            assert!(matches!(read, Err(SecretError::NotAFile(_))), "{read:?}");
        }
        let file = folder.path().join("file");
        let source = SecretSource::File(file.clone());
        let most = MAX_FILE as usize;
        fs::write(&file, "s".repeat(most)).expect("written");
        assert_eq!(source.read().expect("as large as may be").expose().len(), most);
        for content in ["s".repeat(most + 1), "s".repeat(most) + "é"] {
            fs::write(&file, content).expect("written");
            assert!(matches!(source.read(), Err(SecretError::TooLarge(_))));
        }
    }
}
