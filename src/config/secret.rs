//! Secrets: read at use, never shown.

use std::{fmt, path::PathBuf};

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
        source: std::io::Error,
    },
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
    /// Reads the secret.
    ///
    /// # Errors
    /// If the place cannot be read or holds nothing.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|source| SecretError::File { path: path.clone(), source })?,
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
        std::fs::write(file.path(), "sk-1\n").expect("written");
        let source = SecretSource::File(file.path().to_owned());
        assert_eq!(source.read().expect("readable").expose(), "sk-1");
        std::fs::write(file.path(), " \n").expect("written");
        assert!(matches!(source.read(), Err(SecretError::Empty(_))));
    }
}
