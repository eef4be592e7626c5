//! From text to records.

use super::{Dataset, DatasetError, line};

impl Dataset {
    /// Most bytes of a dataset: it is held in memory as long as the configuration is.
    pub const MOST_BYTES: usize = 256 << 20;

    /// Reads JSON lines. Each line is of one of three forms, told apart by its keys:
    /// `conversations: [{from, value}]` (ShareGPT), `messages: [{role, content}]`, or `prompt`.
    /// Each may say `output_tokens` (exactly) or `max_tokens` (at most). Empty lines, and lines in
    /// which no user says anything, are left out.
    ///
    /// # Errors
    /// If it is larger than [`Self::MOST_BYTES`], a line has none of the forms, or nothing is left.
    pub fn parse(text: &str) -> Result<Self, DatasetError> {
        if text.len() > Self::MOST_BYTES {
            let (bytes, most) = (text.len(), Self::MOST_BYTES);
            return Err(DatasetError::TooLarge { bytes, most });
        }
        // A byte order mark is no part of the first line.
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with('[') {
            return Err(DatasetError::Array);
        }
        let (mut records, mut skipped) = (Vec::new(), 0);
        for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let read = line::read(text);
            match read.map_err(|fault| DatasetError::Line { line: index + 1, fault })? {
                Some(record) => records.push(record),
                None => skipped += 1,
            }
        }
        if records.is_empty() {
            return Err(DatasetError::Empty);
        }
        let (mut outputs, mut has_unsaid) = (None, false);
        for record in &records {
            for turn in 0..record.turns.len() {
                let Some(output) = record.output_of(turn) else {
                    has_unsaid = true;
                    continue;
                };
                let tokens = output.tokens();
                let (fewest, most) = outputs.unwrap_or((tokens, tokens));
                outputs = Some((tokens.min(fewest), tokens.max(most)));
            }
        }
        Ok(Self { records, skipped, outputs, has_unsaid })
    }

    /// Conversations in it; at least one.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none, which no parsed dataset is.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Lines that were left out, because no user says anything in them.
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;
    use serde_json::json;

    use super::*;
    use crate::workload::{Recorded, Role, Seat, Sizing, Turns, Workload, dataset::Output};

    fn error(text: &str) -> String {
        Dataset::parse(text).expect_err("faulty").to_string()
    }

    #[test]
    fn three_forms_are_told_apart() {
        let text = concat!(
            "\u{feff}",
            r#"{"id": "x", "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "a b c"}]}"#,
            "\r\n\n",
            r#"{"messages": [{"role": "developer", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "u"}]}], "max_tokens": 9}"#,
            "\n",
            r#"{"prompt": "p", "output_tokens": 7}"#,
        );
        let dataset = Dataset::parse(text).expect("a dataset");
        assert_eq!((dataset.len(), dataset.skipped()), (3, 0));
        let [sharegpt, messages, plain] = &dataset.records[..] else { panic!("three records") };
        assert_eq!(sharegpt.output_of(0), Some(Output::AtMost(4)));
        assert_eq!(messages.turns[0].before[0].role, Role::System);
        assert_eq!(&*messages.turns[0].text, "u");
        assert_eq!(messages.output_of(0), Some(Output::AtMost(9)));
        assert_eq!(plain.output_of(0), Some(Output::Exactly(7)));
        assert_eq!((dataset.outputs, dataset.has_unsaid), (Some((4, 9)), false));
    }

    #[test]
    fn lines_that_ask_nothing_are_left_out() {
        let text = concat!(
            "{\"conversations\": []}\n{\"prompt\": \"\"}\n{\"prompt\": \"p\"}\n{\"prompt\": \" \\n\"}\n",
            "{\"conversations\": [{\"from\": \"human\", \"value\": \"\"}, {\"from\": \"gpt\", \"value\": \"a\"}]}\n",
        );
        let dataset = Dataset::parse(text).expect("a dataset");
        assert_eq!((dataset.len(), dataset.skipped()), (1, 4));
        assert!(dataset.has_unsaid);
        assert_eq!(
            error("{\"conversations\": [{\"from\": \"gpt\", \"value\": \"hello\"}]}"),
            "the dataset has no line in which a user says anything"
        );
    }

    #[test]
    fn a_conversation_begins_with_its_user() {
        let text = concat!(
            r#"{"conversations": [{"from": "system", "value": "s"}, {"from": "gpt", "value": "so"}, "#,
            r#"{"from": "human", "value": " "}, {"from": "human", "value": "hi"}, {"from": "gpt", "value": "a"}]}"#,
            "\n",
            r#"{"messages": [{"role": "assistant", "content": "so"}, {"role": "user", "content": "hi"}]}"#,
        );
        let dataset = Dataset::parse(text).expect("a dataset");
        let before = dataset.records.iter().map(|record| {
            let said = &record.turns[0];
            (&*said.text, said.before.iter().map(|message| message.role).collect())
        });
        let wanted = [("hi", vec![Role::System]), ("hi", vec![Role::Assistant])];
        assert_eq!(before.collect::<Vec<(&str, Vec<Role>)>>(), wanted);
        assert!(dataset.records[0].turns[0].answer_tokens.is_some());
    }

    #[test]
    fn a_fault_names_its_line_and_key() {
        let good = "{\"prompt\": \"p\"}\n";
        for (line, message) in [
            (
                "{\"prompt\": 5}",
                "line 2: `prompt` must be a text, or a list of parts {type: text, text: …}",
            ),
            (
                "{\"text\": \"p\"}",
                "line 2: none of the keys `conversations`, `messages` and `prompt` is there; write one of them",
            ),
            (
                "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"tool\", \"content\": \"x\"}]}",
                "line 2: `messages[1].role` is \"tool\"; it must be one of system, developer, user, assistant",
            ),
            (
                "{\"conversations\": [{\"from\": \"human\"}]}",
                "line 2: `conversations[0].value` must be a text",
            ),
            ("{\"messages\": {}}", "line 2: `messages` must be a list of messages"),
            (
                "{\"prompt\": \"p\", \"max_tokens\": 0}",
                "line 2: `max_tokens` must be a whole number from 1 to 10000000",
            ),
        ] {
            assert_eq!(error(&format!("{good}{line}\n")), message);
        }
        let broken = error(&format!("{good}{{\"prompt\": \n"));
        assert!(broken.starts_with("line 2: not a JSON object: "), "{broken}");
    }

    #[test]
    fn an_array_is_told_what_to_become() {
        assert!(error(" [{\"prompt\": \"p\"}]").contains("jq -c '.[]'"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_dataset_or_told_why_not(text in "(\\PC|\n){0,200}") {
            // Told why not: it has an error, and no panic.
            let _ = Dataset::parse(&text);
        }

        #[test]
        fn any_conversation_can_be_asked(
            roles in prop::collection::vec(0_usize..3, 0..12), sharegpt: bool, seed: u64,
        ) {
            let (list, role, text, names) = match sharegpt {
                true => ("conversations", "from", "value", ["system", "human", "gpt"]),
                false => ("messages", "role", "content", ["system", "user", "assistant"]),
            };
            let messages: Vec<_> =
                roles.iter().map(|index| json!({role: names[*index], text: "a b c"})).collect();
            let speaks = roles.iter().filter(|index| **index == 1).count();
            match Dataset::parse(&json!({list: messages}).to_string()) {
                Err(error) => {
                    prop_assert_eq!(error, DatasetError::Empty);
                    prop_assert_eq!(speaks, 0);
                }
                Ok(dataset) => {
                    let all = Recorded { turns: Turns::All, ..Recorded::new(dataset.into()) };
                    let mut rng = Pcg64::seed_from_u64(seed);
                    let (seat, sizing) = (Seat::default(), Sizing::default());
                    let mut session = Workload::Dataset(all).open(&mut rng, seat, &sizing);
                    let mut asked = 0;
                    while let Some(turn) = session.next(Some("yes")) {
                        asked += 1;
                        let last = turn.plan.messages.last();
                        prop_assert_eq!(last.map(|message| message.role), Some(Role::User));
                    }
                    prop_assert_eq!(asked, speaks);
                }
            }
        }
    }
}
