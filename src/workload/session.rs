//! Sessions: the requests that one user makes one after the other.

use std::time::Duration;

use super::{Message, RequestPlan, Role};

/// Who asks, and what a trace says of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// The user: of a closed loop its number, else the number of the request.
    pub user: u64,
    /// Tokens of the prompt, where a trace says so: heeded where prompts are made up.
    pub input_tokens: Option<u32>,
    /// Tokens of the answer, where a trace says so: heeded unless the prompt is a fixed one.
    pub output_tokens: Option<u32>,
}

/// The requests of one user, of which the later ones carry the earlier ones and their answers. Of
/// most workloads a session has one turn.
#[derive(Clone, Debug)]
pub struct Session {
    /// What is still to be asked, each with the new messages only.
    turns: std::vec::IntoIter<Turn>,
    /// What was said.
    said: Vec<Message>,
    /// About how many tokens that is, where all lengths were drawn.
    context: Option<u32>,
    /// Whether the next turn carries the answer to the last.
    next_carries: bool,
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

impl Session {
    /// A session of these turns, each with its new messages only.
    pub(super) fn of(turns: impl IntoIterator<Item = Turn>) -> Self {
        let turns = turns.into_iter().collect::<Vec<_>>().into_iter();
        Self { turns, said: Vec::new(), context: Some(0), next_carries: false }
    }

    /// A session of one turn.
    pub(super) fn single(plan: RequestPlan) -> Self {
        Self::of([Turn { think: Duration::ZERO, plan, keeps_answer: false }])
    }

    /// The next turn; `answer` is the text of the one before, where it was kept. Absent when the
    /// user is done, also because the answer that the next turn would carry did not come: two
    /// messages of the user in a row are no conversation, and many chat templates refuse them.
    pub fn next(&mut self, answer: Option<&str>) -> Option<Turn> {
        if self.next_carries {
            let Some(text) = answer else {
                self.turns = Vec::new().into_iter();
                return None;
            };
            self.said.push(Message { role: Role::Assistant, content: text.into() });
        }
        let mut turn = self.turns.next()?;
        let plan = &mut turn.plan;
        if turn.keeps_answer || !self.said.is_empty() {
            self.said.append(&mut plan.messages);
            plan.messages =
                if turn.keeps_answer { self.said.clone() } else { std::mem::take(&mut self.said) };
        }
        let sum = |a: Option<u32>, b: Option<u32>| Some(a?.saturating_add(b?));
        plan.wanted_input_tokens = sum(self.context, plan.wanted_input_tokens);
        self.context = sum(plan.wanted_input_tokens, plan.wanted_output_tokens);
        self.next_carries = turn.keeps_answer;
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(text: &str, input: Option<u32>, keeps_answer: bool) -> Turn {
        let plan = RequestPlan {
            wanted_input_tokens: input,
            wanted_output_tokens: Some(10),
            ..RequestPlan::completion(text, 10)
        };
        Turn { think: Duration::ZERO, plan, keeps_answer }
    }

    fn texts(turn: Option<Turn>) -> Vec<String> {
        let messages = turn.expect("a turn").plan.messages;
        messages.iter().map(|m| format!("{}: {}", m.role.as_str(), m.content)).collect()
    }

    #[test]
    fn later_turns_carry_what_was_said() {
        let turns = [turn("a", Some(5), true), turn("b", Some(5), true), turn("c", Some(5), false)];
        let mut session = Session::of(turns);
        assert_eq!(texts(session.next(None)), ["user: a"]);
        assert_eq!(texts(session.next(Some("A"))), ["user: a", "assistant: A", "user: b"]);
        let last = session.next(Some("B")).expect("a third turn");
        assert_eq!(last.plan.messages.len(), 5);
        assert_eq!(last.plan.messages[3].content.as_ref(), "B");
        assert_eq!(last.plan.wanted_input_tokens, Some(5 + 10 + 5 + 10 + 5));
        assert!(session.next(Some("C")).is_none());
    }

    #[test]
    fn without_an_answer_the_user_is_done() {
        let mut session = Session::of([turn("a", None, true), turn("b", None, false)]);
        assert_eq!(session.next(None).expect("a turn").plan.wanted_input_tokens, None);
        assert!(session.next(None).is_none());
        assert!(session.next(Some("too late")).is_none());
    }
}
