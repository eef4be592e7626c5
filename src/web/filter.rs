//! Which probes the page shows.

use super::summary::State;
use crate::event::{BeatKey, RunKey};

/// Which rows are wanted.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// Rows whose target, model or probe contains this, in whatever case.
    pub(super) words: String,
    /// Rows in this state.
    pub(super) state: Option<State>,
}

impl Filter {
    /// The query that shows `state` beside the same words; without a state, if it is chosen now.
    pub(super) fn link(&self, state: State) -> String {
        let mut query = url::form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
        if !self.words.is_empty() {
            query.append_pair("q", &self.words);
        }
        if self.state != Some(state) {
            query.append_pair("state", state.as_str());
        }
        query.finish()
    }

    /// Whether a sweep is wanted; states are those of probes.
    pub(super) fn takes_sweep(&self, key: &RunKey) -> bool {
        let words = self.words.to_lowercase();
        let has = |name: &str| name.to_lowercase().contains(&words);
        has(&key.target) || has(&key.model) || has(&key.sweep)
    }

    /// Whether a target is wanted, whatever the state of its probes.
    pub(super) fn takes_target(&self, target: &str) -> bool {
        target.to_lowercase().contains(&self.words.to_lowercase())
    }

    /// Whether a row of this key in this state is wanted.
    pub(super) fn takes(&self, state: State, key: &BeatKey) -> bool {
        let words = self.words.to_lowercase();
        let has = |name: &str| name.to_lowercase().contains(&words);
        self.state.is_none_or(|wanted| wanted == state)
            && (has(&key.target) || has(&key.model) || has(&key.probe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(words: &str, state: Option<State>) -> Filter {
        Filter { words: words.to_owned(), state }
    }

    #[test]
    fn words_match_any_name_in_any_case() {
        let key = BeatKey { target: "Prod".into(), model: "llama".into(), probe: "steady".into() };
        for (words, state, taken) in [
            ("", None, true),
            ("prod", None, true),
            ("LLA", Some(State::Ok), true),
            ("lla", Some(State::Failing), false),
            ("qwen", None, false),
        ] {
            assert_eq!(filter(words, state).takes(State::Ok, &key), taken, "{words}");
        }
    }

    #[test]
    fn links_keep_the_words_and_undo_the_state() {
        assert_eq!(filter("", None).link(State::Ok), "?state=ok");
        assert_eq!(filter("a&b c", None).link(State::Ok), "?q=a%26b+c&state=ok");
        assert_eq!(filter("a", Some(State::Ok)).link(State::Ok), "?q=a");
    }
}
