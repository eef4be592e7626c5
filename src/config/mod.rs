//! Configuration: files become one checked, immutable [`Config`], or a list of problems.
//!
//! Owns reading, strictness, and the problems with their source spans. Knows nothing of what is
//! done with the result. No logic here: see `load`.

mod model;
mod secret;

pub use model::{
    Authorization, Budget, ClientCert, Config, Connection, Global, HeaderValue, MaintenanceWindow,
    Models, Probe, Retry, Target, TlsFiles,
};
pub use secret::{Secret, SecretError, SecretSource};
