//! A run, from its first step to its record.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::{interval, sleep};

use super::{
    Halt, HaltReason, RunOrder,
    drive::Ending,
    ground::Live,
    progress::{EVERY, Teller},
    record::{Cut, Past, record, spent},
    sizing::Sizer,
    step::{Common, Done, StepPlan, step},
    steps::Steps,
};
use crate::{
    clock::{Stamp, Wall},
    event::{RunRecord, RunSink, RunStarted, SizingRecord, StepRecord},
    load::PREPARE,
    schedule::Pacer,
    workload::Sizing,
};

/// Carries the run out. It ends in a record whatever happens, with the steps that it had.
pub async fn run(
    order: RunOrder,
    pacer: Arc<Pacer>,
    wall: Wall,
    sink: Arc<dyn RunSink>,
    halt: Halt,
) -> Arc<RunRecord> {
    let began = Stamp::now();
    let mut steps = Steps::new(&order);
    sink.started(&RunStarted {
        key: Arc::clone(&order.key),
        id: Arc::clone(&order.id),
        at_unix_nanos: wall.unix_nanos(began),
        steps: steps.most(),
    });
    let sized = OnceLock::new();
    let conduct = Conduct { order: &order, pacer, wall, began, sink: &sink, halt: &halt, sized };
    let (records, cut) = conduct.within_time(&mut steps).await;
    let record = Arc::new(conduct.record(records, cut, &steps));
    sink.ended(&record);
    record
}

struct Conduct<'a> {
    order: &'a RunOrder,
    pacer: Arc<Pacer>,
    wall: Wall,
    began: Stamp,
    sink: &'a Arc<dyn RunSink>,
    halt: &'a Halt,
    /// Set before the first step, where anything was asked.
    sized: OnceLock<SizingRecord>,
}

impl Conduct<'_> {
    /// Makes the steps; what is still to come when the time is over is not begun.
    async fn within_time(&self, steps: &mut Steps) -> (Vec<StepRecord>, Cut) {
        let all = self.all(steps);
        let Some(most) = self.order.max_duration else { return all.await };
        tokio::pin!(all);
        tokio::select! {
            biased;
            ended = &mut all => return ended,
            () = sleep(most) => {
                let why = format!("the run reached its `max_duration` of {most:?}");
                self.halt.drain(HaltReason::Interrupted, why);
            }
        }
        all.await
    }

    async fn all(&self, steps: &mut Steps) -> (Vec<StepRecord>, Cut) {
        let mut records = Vec::new();
        if steps.lacks_slo() {
            return (records, Cut::Failed("a search needs an SLO to search under".to_owned()));
        }
        if let Err(error) = self.order.link.prepare(PREPARE).await {
            return (records, Cut::Failed(error.to_string()));
        }
        let sizing = self.sizing(self.teller(0, steps.most())).await;
        while !self.halt.is_draining()
            && let Some(plan) = steps.next()
        {
            if plan.step > 0 {
                self.settle(&plan).await;
            }
            if self.halt.is_draining() {
                break;
            }
            let Some(done) = self.step(&plan, &sizing).await else {
                let cut = if self.halt.is_draining() { Cut::None } else { self.nothing() };
                return (records, cut);
            };
            let cut = self.cut(&plan, &done, steps);
            match cut {
                // What a server did that is gone is none of what it bears.
                Cut::Failed(_) => steps.server_gone(),
                _ => steps.ended(&done),
            }
            self.sink.step(&self.order.key, &done.record);
            records.push(done.record);
            self.sink.so_far(&|| self.record(records.clone(), Cut::Unfinished, steps));
            let goes_on = match done.ending {
                Ending::Full | Ending::Decided(_) => true,
                // To a search, a level that breaks the server is one that was too high.
                Ending::Rule(_) | Ending::Hopeless => plan.decider.is_some(),
                Ending::Budget | Ending::Halted => false,
            };
            if !goes_on || cut != Cut::None {
                return (records, cut);
            }
        }
        let cut = if records.is_empty() && !self.halt.is_draining() {
            Cut::Failed("the scenario has no steps".to_owned())
        } else {
            Cut::None
        };
        (records, cut)
    }

    /// The record of the run if it ends here.
    fn record(&self, records: Vec<StepRecord>, cut: Cut, steps: &Steps) -> RunRecord {
        let (sizing, search) = (self.sized.get().cloned(), steps.outcome());
        let past = Past { began: self.began, sizing, steps: records, cut, search };
        record(self.order, self.wall, self.halt, past)
    }

    /// The sizing of all steps, for which something may have to be asked.
    async fn sizing(&self, teller: Teller) -> Sizing {
        let Self { order, sink, halt, .. } = self;
        let ground = Live::new(order, Arc::clone(&self.pacer));
        let sizer = Sizer { order, ground: &ground, sink, halt, teller };
        if let Some(record) = sizer.size().await {
            // It is set here alone.
            let _ = self.sized.set(record);
        }
        order.link.sizing(&order.key.model)
    }

    async fn step(&self, plan: &StepPlan, sizing: &Sizing) -> Option<Done> {
        let Self { order, sink, .. } = self;
        let ground = Live::new(order, Arc::clone(&self.pacer));
        let common = Common {
            key: &order.key,
            sink,
            seed: order.seed,
            sizing,
            scenario: &order.scenario,
            slos: &order.slos,
            compat: order.compat,
            wall: self.wall,
            halt: self.halt,
            longest: ground.longest(),
            witness: order.witness.as_ref(),
            cost_per_hour: order.link.target().cost_per_hour,
        };
        step(ground, &common, plan).await
    }

    /// Whether a step that was made ends the run as one that was cut off or has failed.
    fn cut(&self, plan: &StepPlan, done: &Done, steps: &Steps) -> Cut {
        if done.ending == Ending::Budget {
            return Cut::Budget(spent(self.order));
        }
        // A load that breaks a server that bore less is a finding; a server that never answered, or
        // not even what it bore before, is none.
        let commonest = || done.failures.commonest(done.counts.ended).unwrap_or_default();
        if plan.step == 0 && done.counts.ok == 0 {
            let why = commonest();
            return Cut::Failed(format!("no exchange of the first step succeeded: {why}"));
        }
        if done.ending == Ending::Hopeless && steps.met_before() {
            let (load, why) = (&done.record.load.text, commonest());
            return Cut::Failed(format!(
                "no exchange succeeded at {load}, which was met before: the server is gone, and \
                 what the search found since it went says nothing ({why})"
            ));
        }
        Cut::None
    }

    /// Why a step began nothing though nobody halted it.
    fn nothing(&self) -> Cut {
        let budget = self.order.link.target().budget;
        if budget.requests_per_hour.is_some() || budget.output_tokens_per_hour.is_some() {
            Cut::Budget(spent(self.order))
        } else {
            Cut::Failed("the step had nothing to ask: its workload or its schedule is empty".into())
        }
    }

    /// Tells what is done before step `step` of `steps`.
    fn teller(&self, step: u32, steps: u32) -> Teller {
        Teller {
            key: Arc::clone(&self.order.key),
            sink: Arc::clone(self.sink),
            step,
            steps,
            began: Stamp::now(),
            of: None,
        }
    }

    /// Lets the target settle before the step.
    async fn settle(&self, plan: &StepPlan) {
        let pause = self.order.scenario.settle;
        if pause == Duration::ZERO {
            return;
        }
        let teller = self.teller(plan.step, plan.steps);
        let mut ticks = interval(EVERY);
        let settled = sleep(pause);
        tokio::pin!(settled);
        loop {
            tokio::select! {
                biased;
                () = self.halt.draining() => return,
                () = &mut settled => return,
                _ = ticks.tick() => teller.before("settling", 0),
            }
        }
    }
}
