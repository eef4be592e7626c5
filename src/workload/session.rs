//! Sessions: the requests that one user makes one after the other.

use std::time::Duration;

use rand::Rng;

use super::{RequestPlan, Sizing, Workload};

/// Who asks, and what a trace says of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// The user: of a closed loop its number, else the number of the request.
    pub user: u64,
    /// Tokens of the prompt, where a trace says so.
    pub input_tokens: Option<u32>,
    /// Tokens of the answer, where a trace says so.
    pub output_tokens: Option<u32>,
}

/// The requests of one user, of which the later ones carry the earlier ones and their answers. Of
/// most workloads a session has one turn.
#[derive(Clone, Debug)]
pub struct Session {
    turns: std::vec::IntoIter<Turn>,
}

/// One request of a session.
#[derive(Clone, Debug)]
pub struct Turn {
    /// How long the user thinks before it, after the answer before; zero for the first.
    pub think: Duration,
    /// What is asked.
    pub plan: RequestPlan,
    /// Whether the text of the answer must be kept, because a later turn carries it.
    pub keeps_answer: bool,
}

impl Workload {
    /// Draws a session. The same generator state, seat and sizing draw the same session.
    pub fn open<R: Rng + ?Sized>(&self, rng: &mut R, seat: Seat, sizing: &Sizing) -> Session {
        let _ = (seat, sizing);
        let turn = Turn { think: Duration::ZERO, plan: self.draw(rng), keeps_answer: false };
        Session { turns: vec![turn].into_iter() }
    }
}

impl Session {
    /// The next turn; `answer` is the text of the one before, where it was kept. Absent when the
    /// user is done.
    pub fn next(&mut self, answer: Option<&str>) -> Option<Turn> {
        let _ = answer;
        self.turns.next()
    }
}
