//! The one way to close a timeline, also when its task is dropped.

use super::{Outcome, Timeline};

/// A closed exchange: what happened and how it ended.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The anchors.
    pub timeline: Timeline,
    /// The outcome; exactly one.
    pub outcome: Outcome,
    /// What a person needs to know about a failure, in one line, without secrets. Never a label.
    pub detail: Option<String>,
    /// The text of the answer as far as it was asked for, with a cap.
    pub text: Option<String>,
}

/// An open exchange. It hands its [`Exchange`] over exactly once: by [`Recorder::close`], or as
/// `aborted` when it is dropped before.
pub struct Recorder {
    open: Option<(Timeline, OnClose)>,
}

type OnClose = Box<dyn FnOnce(Exchange) + Send>;

impl Recorder {
    /// Opens an exchange; `on_close` receives it when it ends, in whatever way.
    pub fn open(timeline: Timeline, on_close: impl FnOnce(Exchange) + Send + 'static) -> Self {
        Self { open: Some((timeline, Box::new(on_close))) }
    }

    /// The anchors, to stamp into.
    ///
    /// # Panics
    /// Never: only `close` empties the recorder, and it consumes it.
    pub fn timeline(&mut self) -> &mut Timeline {
        match &mut self.open {
            Some((timeline, _)) => timeline,
            None => unreachable!("close consumes the recorder"),
        }
    }

    /// Ends the exchange.
    pub fn close(mut self, outcome: Outcome, detail: Option<String>, text: Option<String>) {
        if let Some((timeline, on_close)) = self.open.take() {
            on_close(Exchange { timeline, outcome, detail, text });
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some((timeline, on_close)) = self.open.take() {
            on_close(Exchange { timeline, outcome: Outcome::Aborted, detail: None, text: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::clock::Stamp;

    fn recorder() -> (Recorder, mpsc::Receiver<Exchange>) {
        let (send, receive) = mpsc::channel();
        let timeline = Timeline::new(Stamp::from_nanos(1), 4);
        (
            Recorder::open(timeline, move |exchange| send.send(exchange).expect("receiver lives")),
            receive,
        )
    }

    #[test]
    fn closing_hands_over_once() {
        let (recorder, exchanges) = recorder();
        recorder.close(Outcome::Ok, None, None);
        assert_eq!(
            exchanges.iter().map(|exchange| exchange.outcome).collect::<Vec<_>>(),
            [Outcome::Ok]
        );
    }

    #[test]
    fn dropping_counts_as_aborted() {
        let (recorder, exchanges) = recorder();
        drop(recorder);
        assert_eq!(
            exchanges.iter().map(|exchange| exchange.outcome).collect::<Vec<_>>(),
            [Outcome::Aborted]
        );
    }
}
