//! One export: a request, tried again while that is worth it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{sync::watch, time::sleep};

use super::{
    Signal,
    channel::{Answer, Channel},
    complaint::Complaints,
    counts::{Counts, Outcome},
    message::PartialSuccess,
};
use crate::clock::Stamp;

/// The first pause before another try, and the longest; each is twice the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The shortest pause, whatever the collector says.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

/// What the exporting tasks are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Go on.
    Run,
    /// End: others take over.
    Leave,
    /// Send what is left, and end.
    Flush,
}

/// Whether an export was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    Yes,
    No,
}

/// Exports one signal.
pub(super) struct Exporter {
    signal: Signal,
    channel: Arc<Channel>,
    counts: Arc<Counts>,
    complaints: Complaints,
}

impl Exporter {
    pub(super) fn new(signal: Signal, channel: Arc<Channel>, counts: Arc<Counts>) -> Self {
        Self { signal, channel, counts, complaints: Complaints::new(signal) }
    }

    /// The way to the collector.
    pub(super) fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    /// Counts an export that could not even be made.
    pub(super) fn unmade(&mut self, reason: &str) {
        self.counts.export(Outcome::Failed);
        self.complaints.failed(&*self.channel, reason);
    }

    /// Exports a packed request, trying again until `until` at the latest, or until the phase is
    /// another: pauses end with it, a try under way is let end.
    pub(super) async fn export(
        &mut self,
        request: Bytes,
        until: Stamp,
        phase: &mut watch::Receiver<Phase>,
    ) -> Delivered {
        let began = *phase.borrow();
        let mut pause = FIRST_PAUSE;
        loop {
            let limit = until.since(Stamp::now()).min(self.channel.timeout());
            let (why, after) = match self.channel.send(self.signal, request.clone(), limit).await {
                Answer::Taken => {
                    self.counts.export(Outcome::Ok);
                    self.complaints.well(&*self.channel);
                    return Delivered::Yes;
                }
                Answer::InPart(PartialSuccess { rejected, message }) => {
                    self.counts.export(Outcome::Partial);
                    self.complaints.partial(&*self.channel, rejected, &message);
                    return Delivered::Yes;
                }
                Answer::Refused(why) => {
                    self.counts.export(Outcome::Rejected);
                    self.complaints.failed(&*self.channel, &why);
                    return Delivered::No;
                }
                Answer::Later { why, after } => (why, after),
            };
            let now = Stamp::now();
            let next = now.after(next_pause(after, pause, now));
            let ended = async { phase.wait_for(|phase| *phase != began).await.map(drop) };
            let waited = async {
                tokio::select! {
                    () = sleep(next.since(now)) => true,
                    _ = ended => false,
                }
            };
            if next >= until || !waited.await {
                self.counts.export(Outcome::Failed);
                self.complaints.failed(&*self.channel, &why);
                return Delivered::No;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// The pause before the next try: the one that the collector asked for, else our own. One that says
/// "at once" is not asked without a pause either.
fn next_pause(after: Option<Duration>, pause: Duration, now: Stamp) -> Duration {
    after.map_or_else(|| spread(pause, now), |after| after.max(SHORTEST_PAUSE))
}

/// A pause between a half and the whole of `pause`, so that many daemons do not come at once.
fn spread(pause: Duration, now: Stamp) -> Duration {
    // The low bits of a clock of nanoseconds are as good as a draw.
    let share = (now.as_nanos() % 1024) as f64 / 1024.0;
    pause.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_sets_the_pause_but_is_never_asked_without_one() {
        let (own, now) = (Duration::from_secs(8), Stamp::from_nanos(0));
        let pause = |after| next_pause(after, own, now);
        assert_eq!(pause(Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(pause(Some(Duration::ZERO)), SHORTEST_PAUSE);
        assert!(now.after(pause(Some(Duration::MAX))) > now);
        assert_eq!(pause(None), Duration::from_secs(4));
    }

    #[test]
    fn pauses_are_spread_over_their_second_half() {
        for nanos in [0, 1, 511, 1023, 1024, 987_654_321] {
            let pause = spread(Duration::from_secs(8), Stamp::from_nanos(nanos));
            assert!((Duration::from_secs(4)..Duration::from_secs(8)).contains(&pause), "{pause:?}");
        }
    }
}
