//! Reading the configuration again: one reading at a time, whoever asks.
//!
//! Owns who waits for which reading. Knows nothing of what a configuration changes.

use std::path::Path;

use tokio::{sync::oneshot, task::spawn_blocking};

use crate::config::{self, Config, Seen};

/// Why the configuration is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// Somebody asked for it.
    Request,
    /// To see whether it has changed.
    Look,
}

/// Receives what became of a reload.
pub(super) type Reply = oneshot::Sender<Result<(), String>>;

/// Who asked for one reading.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) trigger: Trigger,
    replies: Vec<Reply>,
}

/// The reading that goes on, and who came after it had begun: the files may have changed since,
/// so they need one of their own.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    running: Option<Asked>,
    waiting: Option<Asked>,
}

/// Whether the files have to be read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Now.
    Read,
    /// A reading goes on, or nobody waits for one.
    Rest,
}

impl Asked {
    pub(super) fn new(trigger: Trigger, reply: Option<Reply>) -> Self {
        Self { trigger, replies: reply.into_iter().collect() }
    }

    /// Tells everyone who waits.
    pub(super) fn answer(self, result: &Result<(), String>) {
        for reply in self.replies {
            // A requester that is gone no longer wants the answer.
            let _ = reply.send(result.clone());
        }
    }
}

impl Reloads {
    /// Somebody asks.
    pub(super) fn ask(&mut self, asked: Asked) -> Turn {
        if self.running.is_none() {
            self.running = Some(asked);
            return Turn::Read;
        }
        // Another look comes soon enough.
        if asked.trigger == Trigger::Request {
            match &mut self.waiting {
                Some(waiting) => waiting.replies.extend(asked.replies),
                None => self.waiting = Some(asked),
            }
        }
        Turn::Rest
    }

    /// Why the reading that goes on was begun.
    pub(super) fn running(&self) -> Option<Trigger> {
        self.running.as_ref().map(|asked| asked.trigger)
    }

    /// The reading has ended: who asked for it, and whether the next one begins.
    pub(super) fn ended(&mut self) -> (Option<Asked>, Turn) {
        let ended = self.running.take();
        self.running = self.waiting.take();
        (ended, if self.running.is_some() { Turn::Read } else { Turn::Rest })
    }
}

/// What a reading brought.
#[derive(Debug)]
pub(super) enum Reading {
    /// What was read before still holds.
    Same,
    /// A configuration that may be another.
    New(Box<Config>),
}

/// Reads the files, for as long as the file system takes; files of data, which can be large, only
/// if something looks otherwise than `known`. What is wrong is told in words.
pub(super) async fn read(file: Box<Path>, known: Option<Seen>) -> Result<Reading, String> {
    let reading = move || match known.is_some_and(|known| known.is_current(&file)) {
        true => Ok(Reading::Same),
        false => config::load(&file).map(Box::new).map(Reading::New),
    };
    match spawn_blocking(reading).await {
        Ok(read) => read.map_err(|problems| problems.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_during_a_reading_gets_the_next_one() {
        let mut reloads = Reloads::default();
        let (first, mut first_answer) = oneshot::channel();
        let (second, mut second_answer) = oneshot::channel();
        assert_eq!(reloads.ask(Asked::new(Trigger::Look, Some(first))), Turn::Read);
        assert_eq!(reloads.ask(Asked::new(Trigger::Look, None)), Turn::Rest);
        assert_eq!(reloads.ask(Asked::new(Trigger::Request, None)), Turn::Rest);
        assert_eq!(reloads.ask(Asked::new(Trigger::Request, Some(second))), Turn::Rest);
        let (ended, turn) = reloads.ended();
        assert_eq!(turn, Turn::Read);
        ended.expect("the first one").answer(&Ok(()));
        assert_eq!(first_answer.try_recv(), Ok(Ok(())));
        assert!(second_answer.try_recv().is_err(), "it has not been read for yet");
        let (ended, turn) = reloads.ended();
        assert_eq!(turn, Turn::Rest);
        ended.expect("the second one").answer(&Err("no".to_owned()));
        assert_eq!(second_answer.try_recv(), Ok(Err("no".to_owned())));
    }
}
