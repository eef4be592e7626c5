//! What a run asks before its first step, to learn how long its prompts become.
//!
//! Owns which lengths are asked, how often and for how long. A server counts tokens and we make
//! words: where no prompt of about that length was ever counted, the first ones of a step would be
//! off by whatever the model's vocabulary and template make of them. So a short and a long prompt
//! of those that are to come are asked first, one after the other, until what was learnt holds for
//! both. The requests belong to no step: no number holds them, but the budget and the counters do.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tokio::time::interval;

use super::{
    Halt, RunOrder,
    ground::{Ground, Live},
    progress::{EVERY, Teller},
    seeds::{Draw, seed},
};
use crate::{
    arrival::{Arrival, Demand, Load, Open, Pattern},
    client::Text,
    clock::Stamp,
    config::Scenario,
    event::{RunSink, SizingRecord},
    timeline::{Exchange, Outcome},
    workload::{Length, MOST_TOKENS, RequestPlan, Seat, Sizing, Synthetic, Workload},
};

/// Lengths that are drawn from each workload, to know those that will come.
const DRAWS: usize = 32;

/// The lengths that are asked lie so far in from the shortest and the longest: a rare giant would
/// cost much and say nothing of the others.
const SHORT: f64 = 0.05;
const LONG: f64 = 0.95;

/// Most requests for one length. The first is off by all that is not known, the second by little.
const TRIES: usize = 3;

/// None is begun after so long: a server that is that slow is measured with what is known.
const LONGEST: Duration = Duration::from_secs(30);

/// Why nothing more is asked of a run that is halted.
const TO_END: &str = "the run was to end";

/// Length of the answers, in tokens: few, but no fewer than every API grants.
const ANSWER: u32 = 16;

/// Learns the length of a run's prompts.
pub(super) struct Sizer<'a> {
    /// The run.
    pub(super) order: &'a RunOrder,
    /// Who makes the exchanges.
    pub(super) ground: &'a Live,
    /// Who counts them.
    pub(super) sink: &'a Arc<dyn RunSink>,
    /// What ends it.
    pub(super) halt: &'a Halt,
    /// Who tells that it goes on.
    pub(super) teller: Teller,
}

/// Why a length was not learnt.
enum Unlearnt {
    /// Another may be.
    One(String),
    /// Nor will another be.
    All(String),
}

impl Sizer<'_> {
    /// Asks what is not known. Absent if nothing had to be asked.
    pub(super) async fn size(&self) -> Option<SizingRecord> {
        let mut rng = Pcg64Mcg::seed_from_u64(seed(self.order.seed, 0, Draw::Sizing));
        let mut record = SizingRecord::default();
        let began = self.ground.now();
        for tokens in lengths(&self.order.scenario, &mut rng) {
            let (why, all) = match self.learn(tokens, began, &mut rng, &mut record).await {
                Ok(()) => continue,
                Err(Unlearnt::One(why)) => (why, false),
                Err(Unlearnt::All(why)) => (why, true),
            };
            record.incomplete.get_or_insert(why);
            if all {
                break;
            }
        }
        (record.requests > 0).then(|| record.with(&self.sizing()))
    }

    /// Asks prompts of `tokens` until their length is known.
    async fn learn(
        &self,
        tokens: u32,
        began: Stamp,
        rng: &mut Pcg64Mcg,
        record: &mut SizingRecord,
    ) -> Result<(), Unlearnt> {
        let all = |why: &str| Err(Unlearnt::All(why.to_owned()));
        let mut why = "its counts did not settle".to_owned();
        for _ in 0..TRIES {
            let plan = prompt(tokens, &self.sizing(), rng);
            if self.knows(&plan) {
                return Ok(());
            }
            if self.ground.now().since(began) > LONGEST {
                return all("the server took too long");
            }
            if self.halt.is_draining() {
                return all(TO_END);
            }
            if !self.ground.spend(plan.max_tokens.into()) {
                return all("the target's budget is spent");
            }
            let Some(exchange) = self.ask(&plan).await else { return all(TO_END) };
            record.count(&exchange);
            let counted = exchange.timeline.usage.and_then(|usage| usage.prompt_tokens);
            match counted {
                Some(counted) => {
                    self.ground.learn(plan.words, &exchange);
                    if !self.knows(&plan) {
                        let words = plan.words;
                        return all(&format!(
                            "it cannot be that {words} words are {counted} tokens"
                        ));
                    }
                }
                None if exchange.outcome == Outcome::Ok => {
                    return all("the server counts no prompt tokens");
                }
                // What failed may go well the next time.
                None => {
                    let detail = exchange.detail.as_deref().unwrap_or_default();
                    why = format!("{}: {detail}", exchange.outcome.as_str());
                }
            }
        }
        let settled = self.knows(&prompt(tokens, &self.sizing(), rng));
        if settled { Ok(()) } else { Err(Unlearnt::One(why)) }
    }

    fn knows(&self, plan: &RequestPlan) -> bool {
        self.order.link.knows(&self.order.key.model, plan.words)
    }

    fn sizing(&self) -> Sizing {
        self.order.link.sizing(&self.order.key.model)
    }

    /// Makes one exchange. Absent only if it was never closed.
    async fn ask(&self, plan: &RequestPlan) -> Option<Exchange> {
        let closed: Arc<OnceLock<Exchange>> = Arc::default();
        let keep = Arc::clone(&closed);
        let on_close = move |exchange| {
            // It is closed once.
            let _ = keep.set(exchange);
        };
        let asked = self.ground.exchange(self.ground.now(), plan, Text::Dropped, on_close);
        self.telling(asked).await;
        let exchange = Arc::into_inner(closed)?.into_inner()?;
        self.sink.exchange(&self.order.key, exchange.outcome);
        Some(exchange)
    }

    /// Tells a few times a second that it goes on, until it is done or given up.
    async fn telling(&self, asked: impl Future<Output = ()>) {
        let mut ticks = interval(EVERY);
        tokio::pin!(asked);
        loop {
            tokio::select! {
                biased;
                () = self.halt.aborting() => return,
                () = &mut asked => return,
                _ = ticks.tick() => self.teller.before("sizing prompts", 1),
            }
        }
    }
}

impl SizingRecord {
    /// Takes in an exchange.
    fn count(&mut self, exchange: &Exchange) {
        let usage = exchange.timeline.usage.unwrap_or_default();
        self.requests += 1;
        self.failed += u64::from(exchange.outcome.is_failure());
        self.input_tokens += usage.prompt_tokens.unwrap_or(0);
        self.output_tokens += usage.completion_tokens.unwrap_or(0);
    }

    /// With what was learnt.
    fn with(self, sizing: &Sizing) -> Self {
        let (tokens_per_word, added_tokens) = match sizing {
            Sizing::Ratio { fixed, tokens_per_word } => (Some(*tokens_per_word), *fixed),
            Sizing::Exact { fixed, .. } => (None, f64::from(*fixed)),
        };
        Self { tokens_per_word, added_tokens, ..self }
    }
}

/// A prompt of `tokens` that no cache knows and that warms none: without prefixes, and salted.
fn prompt(tokens: u32, sizing: &Sizing, rng: &mut Pcg64Mcg) -> RequestPlan {
    let workload = Synthetic::new(Length::Constant(tokens), Length::Constant(ANSWER));
    let mut session = Workload::Synthetic(workload).open(rng, Seat::default(), sizing);
    match session.next(None) {
        // An answer that ends by itself is as good.
        Some(turn) => RequestPlan { exact_length: false, ..turn.plan },
        None => unreachable!("a session has a first turn"),
    }
}

/// The lengths that are asked: a short and a long one of the prompts that the run makes up, or one
/// if all are alike. None where it makes up none.
fn lengths(scenario: &Scenario, rng: &mut Pcg64Mcg) -> Vec<u32> {
    let mut drawn: Vec<u32> = Vec::new();
    for (_, workload) in &scenario.workloads {
        drawn.extend((0..DRAWS).filter_map(|_| workload.draw_input_tokens(rng)));
    }
    if drawn.is_empty() {
        return drawn;
    }
    let levels = match &scenario.load {
        Load::Levels(levels) => levels.as_slice(),
        Load::Search(_) => &[],
    };
    let traces: Vec<&[Demand]> = levels.iter().filter_map(trace).collect();
    let traced = traces.iter().flat_map(|demands| demands.iter());
    let traced: Vec<u32> = traced.filter_map(|demand| demand.input_tokens).collect();
    if !traced.is_empty() && traces.len() == levels.len() {
        // They say the lengths in place of the workload.
        drawn.clear();
    }
    drawn.extend(traced.into_iter().map(|tokens| tokens.clamp(1, MOST_TOKENS)));
    drawn.sort_unstable();
    let last = drawn.len() - 1;
    let mut lengths: Vec<u32> =
        [SHORT, LONG].map(|share| drawn[(last as f64 * share).round() as usize]).into();
    lengths.dedup();
    lengths
}

/// The requests of a level that replays a trace.
fn trace(level: &Arrival) -> Option<&[Demand]> {
    match level {
        Arrival::Open(Open { pattern: Pattern::Trace { demands, .. }, .. }) => Some(demands),
        Arrival::Open(_) | Arrival::Closed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Fixed;

    fn synthetic(tokens: Length) -> Workload {
        Workload::Synthetic(Synthetic::new(tokens, Length::Constant(1)))
    }

    fn of(workloads: Vec<Workload>, load: Load) -> Vec<u32> {
        let mut scenario = Scenario::of("s", synthetic(Length::Constant(1)), load);
        scenario.workloads =
            workloads.into_iter().map(|workload| ("w".into(), Arc::new(workload))).collect();
        lengths(&scenario, &mut Pcg64Mcg::seed_from_u64(1))
    }

    #[test]
    fn a_short_and_a_long_prompt_of_all_workloads_are_asked() {
        let none = || Load::Levels(Vec::new());
        assert_eq!(of(vec![synthetic(Length::Constant(200))], none()), [200]);
        let sizes = [10, 50, 100, 500, 1000, 2000].map(|size| synthetic(Length::Constant(size)));
        assert_eq!(of(sizes.into(), none()), [10, 2000]);
        let spread = of(vec![synthetic(Length::Uniform { low: 100, high: 300 })], none());
        let [short, long] = spread[..] else { panic!("{spread:?}") };
        assert!((100..150).contains(&short) && (250..=300).contains(&long), "{spread:?}");
    }

    #[test]
    fn nothing_is_asked_where_prompts_are_somebody_elses() {
        let fixed = Workload::Fixed(Fixed {
            prompt: "hi".into(),
            max_tokens: 1,
            temperature: 0.0,
            expect: crate::workload::Expect::default(),
        });
        assert_eq!(of(vec![fixed], Load::Levels(Vec::new())), [0; 0]);
    }

    #[test]
    fn a_trace_says_its_lengths_itself() {
        let demand = |tokens| Demand { input_tokens: Some(tokens), ..Demand::default() };
        let demands: Arc<[Demand]> = (1..=100).map(|at| demand(at * 10)).collect();
        let pattern = Pattern::Trace { demands, speed: 1.0 };
        let trace = Arrival::open(pattern);
        let asked = |levels| of(vec![synthetic(Length::Constant(7))], Load::Levels(levels));
        assert_eq!(asked(vec![trace.clone()]), [60, 950]);
        // Another level asks for what the workload says.
        assert_eq!(asked(vec![trace, Arrival::closed(1)])[0], 7);
    }

    #[test]
    fn no_prompt_is_longer_than_a_run_would_make_it() {
        let giant = Demand { input_tokens: Some(u32::MAX), ..Demand::default() };
        let pattern = Pattern::Trace { demands: Arc::new([giant]), speed: 1.0 };
        let load = Load::Levels(vec![Arrival::open(pattern)]);
        assert_eq!(of(vec![synthetic(Length::Constant(7))], load), [MOST_TOKENS]);
    }
}
