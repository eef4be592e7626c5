//! Prompts drawn from a dataset.

use std::{sync::Arc, time::Duration};

use rand::{Rng, RngExt};

use super::{
    Dataset, Expect, Length, MOST_TOKENS, Message, RequestPlan, Role, Salted, Seat, Session, Think,
    Turn,
    dataset::{Output, Record, Said},
    prose,
};

/// Tokens of an answer of whose length neither record nor workload says anything.
const UNSAID: u32 = 256;

/// Recorded prompts. Each session is one conversation of the dataset, each as likely as the other.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The conversations.
    pub dataset: Arc<Dataset>,
    /// Length of every answer, in tokens, asked for exactly. Absent: as the record says.
    pub output_tokens: Option<Length>,
    /// No answer is asked to be longer.
    pub max_tokens: Option<u32>,
    /// How much of a conversation is asked.
    pub turns: Turns,
    /// Whether there is a salt before the user's first words. What stands before them, a system
    /// prompt say, can be answered from a cache.
    pub salted: Salted,
    /// How long the user thinks before each turn but the first.
    pub think: Think,
    /// Sampling temperature sent with the request.
    pub temperature: f64,
    /// What the answer must be.
    pub expect: Expect,
}

/// How much of a conversation is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turns {
    /// One request: the first words of the user, or the last where the record is itself a request.
    #[default]
    One,
    /// One request for each time that the user speaks, each with the real answers to those before.
    All,
}

impl Recorded {
    /// Prompts of `dataset`, salted, one request each, greedy.
    pub fn new(dataset: Arc<Dataset>) -> Self {
        Self {
            dataset,
            output_tokens: None,
            max_tokens: None,
            turns: Turns::default(),
            salted: Salted::default(),
            think: Think::default(),
            temperature: 0.0,
            expect: Expect::default(),
        }
    }

    pub(super) fn open<R: Rng + ?Sized>(&self, rng: &mut R, seat: Seat) -> Session {
        // A parsed dataset has a record.
        let index = rng.random_range(0..self.dataset.records.len().max(1));
        let Some(record) = self.dataset.records.get(index) else {
            return Session::single(RequestPlan::EMPTY);
        };
        let mut salt = match self.salted {
            Salted::Yes => {
                let mut salt = String::new();
                prose::salt(&mut salt, rng);
                Some(salt)
            }
            Salted::No => None,
        };
        match self.turns {
            Turns::One => {
                let said = &record.turns[..=record.asked];
                let mut messages = Vec::new();
                for said in said {
                    messages.extend(said.messages(salt.take()));
                }
                let plan = self.plan(messages, self.output(rng, seat, record, record.asked));
                Session::single(plan)
            }
            Turns::All => Session::of(record.turns.iter().enumerate().map(|(turn, said)| {
                let think = if turn == 0 { Duration::ZERO } else { self.think.draw(rng) };
                // The real answers take the place of the recorded ones.
                let messages = said.messages(salt.take());
                let messages = messages.filter(|message| message.role != Role::Assistant).collect();
                let plan = self.plan(messages, self.output(rng, seat, record, turn));
                Turn { think, plan, keeps_answer: turn + 1 < record.turns.len() }
            })),
        }
    }

    /// The length of the answer to a turn.
    fn output<R: Rng + ?Sized>(
        &self,
        rng: &mut R,
        seat: Seat,
        record: &Record,
        turn: usize,
    ) -> Output {
        let traced = seat.output_tokens.filter(|_| turn == 0 || self.turns == Turns::One);
        let output = match (traced, &self.output_tokens) {
            (Some(tokens), _) => Output::Exactly(tokens.clamp(1, MOST_TOKENS)),
            (None, Some(length)) => Output::Exactly(length.draw(rng)),
            (None, None) => record.output_of(turn).unwrap_or(Output::AtMost(UNSAID)),
        };
        let most = self.max_tokens.unwrap_or(u32::MAX);
        match output {
            Output::Exactly(tokens) => Output::Exactly(tokens.min(most)),
            Output::AtMost(tokens) => Output::AtMost(tokens.min(most)),
        }
    }

    fn plan(&self, messages: Vec<Message>, output: Output) -> RequestPlan {
        RequestPlan {
            messages,
            max_tokens: output.tokens(),
            exact_length: matches!(output, Output::Exactly(_)),
            temperature: self.temperature,
            expect: self.expect.clone(),
            wanted_output_tokens: match output {
                Output::Exactly(tokens) => Some(tokens),
                Output::AtMost(_) => None,
            },
            ..RequestPlan::EMPTY
        }
    }

    /// The most tokens that an answer is allowed.
    pub(super) fn max_output_tokens(&self) -> u32 {
        let most = match &self.output_tokens {
            Some(length) => length.max(),
            None => self.dataset.outputs.map_or(UNSAID, |(_, most)| most),
        };
        let most = if self.may_be_unsaid() { most.max(UNSAID) } else { most };
        most.min(self.max_tokens.unwrap_or(u32::MAX))
    }

    /// The fewest tokens that are asked for on purpose.
    pub(super) fn fewest_output_tokens(&self) -> u32 {
        let fewest = match &self.output_tokens {
            Some(length) => length.fewest(),
            None => self.dataset.outputs.map_or(UNSAID, |(fewest, _)| fewest),
        };
        fewest.min(self.max_tokens.unwrap_or(u32::MAX))
    }

    /// Whether there may be an answer of whose length nobody says anything.
    fn may_be_unsaid(&self) -> bool {
        self.output_tokens.is_none() && self.dataset.has_unsaid
    }
}

impl Said {
    /// The messages up to this one of the user, which has the salt before it.
    fn messages(&self, salt: Option<String>) -> impl Iterator<Item = Message> {
        let text = match salt {
            Some(salt) => format!("{salt}\n\n{}", self.text).into(),
            None => Arc::clone(&self.text),
        };
        self.before.iter().cloned().chain([Message { role: Role::User, content: text }])
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;
    use crate::workload::{Sizing, Workload};

    const SHAREGPT: &str = r#"{"conversations": [
        {"from": "system", "value": "Be kind."},
        {"from": "human", "value": "one"}, {"from": "gpt", "value": "a b c"},
        {"from": "human", "value": "two"}, {"from": "gpt", "value": "a b c d e f"}]}"#;

    fn recorded(json: &str) -> Recorded {
        let line = json.replace('\n', " ");
        let dataset = Dataset::parse(&line).expect("a dataset");
        Recorded { salted: Salted::No, ..Recorded::new(Arc::new(dataset)) }
    }

    fn open(recorded: Recorded, seat: Seat) -> Session {
        let mut rng = Pcg64::seed_from_u64(1);
        Workload::Dataset(recorded).open(&mut rng, seat, &Sizing::default())
    }

    fn texts(plan: &RequestPlan) -> Vec<String> {
        plan.messages.iter().map(|m| format!("{}: {}", m.role.as_str(), m.content)).collect()
    }

    #[test]
    fn one_turn_of_sharegpt_is_the_first() {
        let mut session = open(recorded(SHAREGPT), Seat::default());
        let turn = session.next(None).expect("a turn");
        assert_eq!(texts(&turn.plan), ["system: Be kind.", "user: one"]);
        assert_eq!((turn.plan.max_tokens, turn.plan.exact_length), (4, false));
        assert_eq!(turn.plan.wanted_output_tokens, None);
        assert!(!turn.keeps_answer && session.next(None).is_none());
    }

    #[test]
    fn one_turn_of_messages_is_the_last_with_all_before() {
        let json = r#"{"messages": [
            {"role": "user", "content": "one"}, {"role": "assistant", "content": "A"},
            {"role": "user", "content": "two"}], "output_tokens": 30}"#;
        let turn = open(recorded(json), Seat::default()).next(None).expect("a turn");
        assert_eq!(texts(&turn.plan), ["user: one", "assistant: A", "user: two"]);
        assert_eq!((turn.plan.max_tokens, turn.plan.exact_length), (30, true));
        assert_eq!(turn.plan.wanted_output_tokens, Some(30));
    }

    #[test]
    fn all_turns_carry_the_real_answers() {
        let think = Think { mean: Duration::from_secs(2), stddev: Duration::ZERO };
        let all = Recorded { turns: Turns::All, think, ..recorded(SHAREGPT) };
        let mut session = open(all, Seat::default());
        let first = session.next(None).expect("a turn");
        assert!(first.keeps_answer && first.think.is_zero());
        let second = session.next(Some("real")).expect("a second turn");
        assert_eq!(
            texts(&second.plan),
            ["system: Be kind.", "user: one", "assistant: real", "user: two"]
        );
        assert_eq!((second.plan.max_tokens, second.think), (8, Duration::from_secs(2)));
        assert!(session.next(Some("done")).is_none());
    }

    #[test]
    fn a_salt_keeps_prompts_apart_and_the_system_prompt_whole() {
        let salted = Recorded { salted: Salted::Yes, ..recorded(SHAREGPT) };
        let workload = Workload::Dataset(salted);
        let mut rng = Pcg64::seed_from_u64(1);
        let (one, two) = (workload.draw(&mut rng), workload.draw(&mut rng));
        assert_eq!(one.messages[0], two.messages[0]);
        assert_ne!(one.messages[1], two.messages[1]);
        assert!(one.messages[1].content.ends_with("\n\none"));
    }

    #[test]
    fn lengths_come_from_the_trace_then_the_workload_then_the_record() {
        let plan = |recorded, seat| open(recorded, seat).next(None).expect("a turn").plan;
        let ours = Recorded { output_tokens: Some(Length::Constant(20)), ..recorded(SHAREGPT) };
        assert_eq!((ours.fewest_output_tokens(), ours.max_output_tokens()), (20, 20));
        let traced = Seat { output_tokens: Some(7), ..Seat::default() };
        assert_eq!(plan(ours.clone(), traced).wanted_output_tokens, Some(7));
        assert_eq!(plan(ours.clone(), Seat::default()).wanted_output_tokens, Some(20));
        let capped = Recorded { max_tokens: Some(3), ..recorded(SHAREGPT) };
        assert_eq!((capped.fewest_output_tokens(), capped.max_output_tokens()), (3, 3));
        assert_eq!(plan(capped, Seat::default()).max_tokens, 3);
        let unsaid = recorded(r#"{"prompt": "x"}"#);
        assert_eq!((unsaid.fewest_output_tokens(), unsaid.max_output_tokens()), (UNSAID, UNSAID));
        assert_eq!(plan(unsaid, Seat::default()).max_tokens, UNSAID);
    }

    #[test]
    fn every_record_comes() {
        let lines: String = (1..=4)
            .map(|tokens| format!("{{\"prompt\": \"p\", \"max_tokens\": {tokens}}}\n"))
            .collect();
        let dataset = Arc::new(Dataset::parse(&lines).expect("a dataset"));
        let workload = Workload::Dataset(Recorded::new(dataset));
        let mut rng = Pcg64::seed_from_u64(9);
        let drawn: std::collections::BTreeSet<_> =
            (0..100).map(|_| workload.draw(&mut rng).max_tokens).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!((workload.fewest_output_tokens(), workload.max_output_tokens()), (1, 4));
    }
}
