//! The queue of an engine, read from its own metrics.
//!
//! Owns the names that engines give to it. Pure; whoever asks brings the text.

/// The gauge of requests that wait, engine by engine. A new engine is one row.
const WAITING: &[&str] = &[
    "vllm:num_requests_waiting",
    "sglang:num_queue_reqs",
    "llamacpp:requests_deferred",
    "tgi_queue_size",
    "trtllm_num_requests_waiting",
    "trtllm:num_requests_waiting",
    "lmdeploy:num_requests_waiting",
    "nv_inference_pending_request_count",
];

/// Requests that wait in the engine whose exposition this is, over all of its processes and models;
/// absent if it does not tell.
pub fn requests_waiting(exposition: &str) -> Option<f64> {
    let counts: Vec<f64> = exposition.lines().filter_map(waiting).collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

/// The value of a line, if it is a sample of such a gauge.
fn waiting(line: &str) -> Option<f64> {
    let name = WAITING.iter().find(|name| line.starts_with(**name))?;
    let rest = &line[name.len()..];
    // A label's value may hold a brace, but nothing after the last one is part of a label.
    let values = match rest.strip_prefix('{') {
        Some(labels) => labels.rsplit_once('}')?.1,
        None if rest.starts_with([' ', '\t']) => rest,
        // Another name that begins in the same way.
        None => return None,
    };
    let value: f64 = values.split_whitespace().next()?.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_has_a_name_for_its_queue() {
        for (text, waits) in [
            (
                "# HELP x y\nvllm:num_requests_waiting{engine=\"0\",model_name=\"a}b\"} 3.0\n\
              vllm:num_requests_waiting{engine=\"1\",model_name=\"a\"} 4.0 1790000000\n",
                Some(7.0),
            ),
            ("sglang:num_queue_reqs{model_name=\"m\"} 2\n", Some(2.0)),
            ("# TYPE llamacpp:requests_deferred gauge\nllamacpp:requests_deferred 1\n", Some(1.0)),
            ("tgi_queue_size 0\n", Some(0.0)),
            ("vllm:num_requests_waiting_by_reason{reason=\"x\"} 3\n", None),
            ("vllm:num_requests_waiting{a=\"b\"} NaN\n", None),
            ("vllm:num_requests_running 3\n", None),
            ("", None),
        ] {
            assert_eq!(requests_waiting(text), waits, "{text}");
        }
    }
}
