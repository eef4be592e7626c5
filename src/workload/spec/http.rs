//! The form of a plain HTTP request.

use std::sync::Arc;

use http::{Method, uri::PathAndQuery};
use schemars::JsonSchema;
use serde::Deserialize;

use super::fault::{WorkloadError, WorkloadFault};
use crate::workload::{HttpAsk, Workload};

/// A plain HTTP request. Any 2xx answer that is read to its end is good; the rate of such answers
/// is what `ab` measures.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpSpec {
    /// The method. Default GET.
    #[serde(default)]
    pub method: MethodSpec,
    /// The path below the target's URL, with its query: `/health`, `/v1/models`.
    #[schemars(length(min = 1))]
    pub path: String,
    /// The body, sent as it is.
    pub body: Option<String>,
}

/// A method of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum MethodSpec {
    /// Reads.
    #[default]
    Get,
    /// Reads the head of what GET reads.
    Head,
    /// Gives something to be worked on.
    Post,
    /// Replaces.
    Put,
}

impl HttpSpec {
    /// The checked workload.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn build(&self) -> Result<Workload, Vec<WorkloadFault>> {
        let mut faults = Vec::new();
        let is_path = self.path.starts_with('/')
            && !self.path.contains('#')
            && self.path.parse::<PathAndQuery>().is_ok();
        if !is_path {
            faults.push((vec!["http", "path"], WorkloadError::Path));
        }
        let method = match self.method {
            MethodSpec::Get => Method::GET,
            MethodSpec::Head => Method::HEAD,
            MethodSpec::Post => Method::POST,
            MethodSpec::Put => Method::PUT,
        };
        if self.body.is_some() && matches!(self.method, MethodSpec::Get | MethodSpec::Head) {
            let name = if self.method == MethodSpec::Get { "GET" } else { "HEAD" };
            faults.push((vec!["http", "body"], WorkloadError::Body(name)));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let (path, body) = (self.path.clone(), self.body.clone());
        Ok(Workload::Http(Arc::new(HttpAsk { method, path, body })))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::{Value, json};

    use super::*;
    use crate::workload::Ask;

    fn build(spec: Value) -> Result<Workload, Vec<WorkloadFault>> {
        HttpSpec::deserialize(spec).expect("the form").build()
    }

    #[test]
    fn a_path_is_got() {
        let workload = build(json!({"path": "/v1/models?all=1"})).expect("a workload");
        let plan = workload.draw(&mut rand_pcg::Pcg64::seed_from_u64(1));
        let Ask::Http(ask) = &plan.ask else { panic!("a plain request") };
        assert_eq!((&ask.method, ask.path.as_str()), (&Method::GET, "/v1/models?all=1"));
        assert!(plan.messages.is_empty() && plan.wanted_output_tokens.is_none());
        assert_eq!((workload.fewest_output_tokens(), workload.max_output_tokens()), (0, 0));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for path in ["health", "/a b", "/a#b", "http://else.test/"] {
            let faults = build(json!({"path": path})).expect_err("faulty");
            assert_eq!(faults, [(vec!["http", "path"], WorkloadError::Path)], "{path}");
        }
        let faults = build(json!({"path": "/", "body": "x"})).expect_err("faulty");
        assert_eq!(faults, [(vec!["http", "body"], WorkloadError::Body("GET"))]);
        assert!(build(json!({"path": "/", "method": "POST", "body": "x"})).is_ok());
    }
}
