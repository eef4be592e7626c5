//! What an engine does not count, from what it does tell and from the requests that were made.
//!
//! Owns the two inferences, for engines such as llama.cpp that tell the seconds of a stage but not
//! of how many requests, and how many requests wait but not how long. They hold where all requests
//! of the stretch are known to whoever infers, and nothing is under way at either end of it.

use super::stretch::{Span, Stretched};

/// With fewer readings, those at both ends included, an average of the queue says nothing.
const LEAST_READINGS: u32 = 5;

impl Stretched {
    /// The same with the gaps filled, for a stretch of so many seconds in which the engine answered
    /// so many requests and no other.
    pub fn of_requests(self, requests: f64, seconds: f64) -> Self {
        let of = |span: Span| match span {
            Span { seconds: Some(_), requests: None } => Span { requests: Some(requests), ..span },
            known => known,
        };
        let waiting = self.waiting_mean.filter(|_| self.readings >= LEAST_READINGS);
        let queue = match (self.ttft.seconds, self.queue.seconds, waiting) {
            // By Little's law: as many as wait on average, over all of the time, are the seconds
            // that were waited. Not of an engine that knows its time to first token: what such a
            // one calls waiting may be all that is before it.
            (None, None, Some(waiting)) => {
                Span { seconds: Some(waiting * seconds), requests: Some(requests) }
            }
            _ => self.queue,
        };
        Self { queue, prefill: of(self.prefill), decode: of(self.decode), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ttft: Option<f64>) -> Stretched {
        let seconds = |seconds| Span { seconds, requests: None };
        Stretched {
            ttft: seconds(ttft),
            prefill: seconds(Some(4.0)),
            decode: Span { seconds: Some(9.0), requests: Some(3.0) },
            waiting_mean: Some(1.5),
            readings: LEAST_READINGS,
            ..Stretched::default()
        }
    }

    #[test]
    fn what_is_not_counted_is_counted_by_ours() {
        let filled = told(None).of_requests(20.0, 10.0);
        assert_eq!(filled.prefill.mean(), Some(0.2));
        assert_eq!(filled.decode.mean(), Some(3.0), "the engine's own count goes before ours");
        assert_eq!(filled.queue.mean(), Some(0.75), "1.5 waited for 10 s, 20 of them");
        assert_eq!(told(None).of_requests(0.0, 10.0).queue.mean(), None);
        let few = Stretched { readings: LEAST_READINGS - 1, ..told(None) };
        assert_eq!(few.of_requests(20.0, 10.0).queue.mean(), None);
    }

    #[test]
    fn a_queue_is_not_inferred_where_the_first_token_is_told() {
        assert_eq!(told(Some(2.0)).of_requests(20.0, 10.0).queue, Span::default());
    }
}
