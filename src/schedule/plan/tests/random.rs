//! Whatever happens in whatever order: nobody shares a target, and nobody waits for nothing.

use proptest::prelude::*;

use super::*;

/// What may happen.
#[derive(Clone, Debug)]
enum Event {
    /// So many seconds pass, and somebody looks.
    Pass(i64),
    /// The clock is set back by so many seconds.
    SetBack(i64),
    /// One of the runs ends.
    End(usize),
    /// Somebody asks for a sweep.
    Ask(usize),
    /// Somebody takes back what waits.
    Withdraw(usize),
    /// Another configuration.
    Reload(usize),
}

const SWEEPS: [&str; 3] = ["x", "y", "z"];

/// Sweeps of the targets of a group and of one alone, in all ways; of others some are gone.
const CONFIGS: [&str; 4] = [
    "- {name: x, cron: '*/20 * * * * *', targets: [a, c], scenario: s, overlap: queue}\n\
     - {name: y, cron: '* * * * *', targets: [a, b, c], scenario: s}\n\
     - {name: z, targets: [b, c], scenario: s}\n",
    "- {name: x, cron: '*/20 * * * * *', targets: [b], scenario: s, missed: once}\n\
     - {name: z, cron: '*/7 * * * * *', targets: [a, b], scenario: s}\n",
    "- {name: y, cron: '*/5 * * * * *', targets: [a, b, c], scenario: s, overlap: queue,\n   \
        maintenance: ['00:01-00:02', '00:04-00:06']}\n",
    " []\n",
];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1_i64..90).prop_map(Event::Pass),
        1 => (2_i64..4_000).prop_map(Event::SetBack),
        8 => (0_usize..8).prop_map(Event::End),
        3 => (0_usize..3).prop_map(Event::Ask),
        2 => (0_usize..8).prop_map(Event::Withdraw),
        1 => (0_usize..4).prop_map(Event::Reload),
    ]
}

/// The plan, and the runs as whoever carries out its decisions knows them.
struct Stand {
    plan: Plan,
    now: i64,
    runs: Vec<Arc<RunKey>>,
}

impl Stand {
    fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            if let Decision::Start(due) = decision {
                self.start(due.key);
            }
        }
    }

    fn start(&mut self, key: Arc<RunKey>) {
        assert!(!self.runs.contains(&key), "{key:?} runs already");
        self.runs.push(key);
    }

    fn happens(&mut self, event: &Event, configs: &[Config]) {
        match *event {
            Event::Pass(seconds) => {
                self.now += seconds * SECOND;
                let decisions = self.plan.look(self.now);
                self.carry_out(decisions);
            }
            Event::SetBack(seconds) => self.now -= seconds * SECOND,
            Event::End(which) => {
                if self.runs.is_empty() {
                    return;
                }
                let key = self.runs.remove(which % self.runs.len());
                let decisions = self.plan.ended(&key, self.now);
                self.carry_out(decisions);
            }
            Event::Ask(which) => {
                let asked = self.plan.request(|key| &*key.sweep == SWEEPS[which], self.now);
                asked.starts.into_iter().for_each(|due| self.start(due.key));
            }
            Event::Withdraw(which) => {
                let waiting: Vec<_> =
                    self.plan.upcoming().map(|(key, _)| Arc::clone(key)).collect();
                if let Some(key) = waiting.get(which) {
                    self.plan.withdraw(key);
                }
            }
            Event::Reload(which) => {
                let change = self.plan.apply(planned(&configs[which]), self.now);
                assert!(change.cancel.iter().all(|key| self.runs.contains(key)), "{change:?}");
            }
        }
    }

    fn check(&self) {
        let running = &self.plan.running;
        let mut keys: Vec<_> = running.iter().map(|(_, key)| Arc::clone(key)).collect();
        let mut known = self.runs.clone();
        keys.sort();
        known.sort();
        assert_eq!(keys, known, "who starts is told so, and runs until it has ended");
        for (at, (turn, key)) in running.iter().enumerate() {
            let with = running[..at].iter().find(|(other, _)| other.conflicts(turn));
            assert!(with.is_none(), "{key:?} has a target with {with:?}");
        }
        for turn in &self.plan.waiting {
            assert!(!turn.left.is_empty(), "{turn:?} has nothing to wait for");
            assert!(self.plan.has(turn).is_some(), "{turn:?} waits for nobody");
            let alike = self.plan.waiting.iter().filter(|other| other.name == turn.name);
            assert_eq!(alike.count(), 1, "one of each sweep of a target waits");
        }
        let names = self.plan.entries.iter().filter(|(_, of)| of.planned.sweep.cron.is_some());
        for (name, entry) in names {
            assert!(entry.next.is_some(), "{name:?} is never due again");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nobody_shares_a_target_and_nobody_waits_for_nothing(
        first in 0_usize..4, events in proptest::collection::vec(event(), 1..120),
    ) {
        let configs = CONFIGS.map(config);
        let mut stand = Stand { plan: Plan::default(), now: at("2026-03-01T00:00:00Z"), runs: vec![] };
        stand.happens(&Event::Reload(first), &configs);
        for event in &events {
            stand.happens(event, &configs);
            stand.check();
        }
        // When all has ended, everything is free.
        stand.happens(&Event::Reload(3), &configs);
        while !stand.runs.is_empty() {
            stand.happens(&Event::End(0), &configs);
            stand.check();
        }
        prop_assert!(stand.plan.running.is_empty() && stand.plan.waiting.is_empty());
    }
}
