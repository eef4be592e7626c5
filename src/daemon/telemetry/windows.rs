//! The last minutes of every probe: its beats, beside what was collected of its engine and GPUs.
//!
//! Owns which beats and which stretch of the telemetry belong together. What follows from them is
//! `crate::analysis`'s. Nothing is kept here: it is worked out when somebody looks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    analysis::{WindowBeat, WindowMeans, degraded},
    clock::{Stamp, Wall},
    event::{
        BeatKey, Cause, ProbeWindow, StepEngine, StepGpu, TelemetrySource,
        dollars_per_million_tokens,
    },
    measure::{
        CountSource,
        catalogue::{Id, Reading},
    },
    sinks::recent::{BEATS, BeatSummary, ProbeSnapshot, Recent},
    tally::Answers,
    telemetry::{Beats, Between, Board, Sheet, Sight, WINDOW, traffic_ratios},
    timeline::Outcome,
    web,
};

/// The windows of all probes.
pub(in crate::daemon) struct Windows {
    recent: Arc<Recent>,
    board: Arc<Board>,
}

/// What is collected, by target.
type Collected = BTreeMap<Arc<str>, Vec<(&'static str, Arc<Sheet>)>>;

/// One target at one moment.
struct Target<'a> {
    wall: Wall,
    probes: Vec<&'a ProbeSnapshot>,
    sheets: &'a [(&'static str, Arc<Sheet>)],
}

impl Windows {
    /// Those of the beats in `recent`, beside what stands on `board`.
    pub(in crate::daemon) fn new(recent: Arc<Recent>, board: Arc<Board>) -> Self {
        Self { recent, board }
    }

    /// The readings that need both views: ratios, and the causes of what is degraded.
    pub(in crate::daemon) fn readings(&self) -> Vec<Reading> {
        let collected = self.collected();
        let mut readings = Vec::new();
        for name in self.recent.targets() {
            let probes = self.recent.snapshot_of(&name);
            for target in Target::all(&probes, &collected) {
                readings.extend(target.ratios());
                let windows = target.windows();
                readings.extend(windows.iter().flat_map(|(key, window)| causes(key, window)));
            }
        }
        readings
    }

    fn collected(&self) -> Collected {
        let mut collected = Collected::new();
        for ((target, kind), sheet) in self.board.sheets() {
            collected.entry(target).or_default().push((kind, sheet));
        }
        collected
    }
}

impl web::Beside for Windows {
    fn windows(&self, probes: &[ProbeSnapshot]) -> BTreeMap<Arc<BeatKey>, ProbeWindow> {
        let collected = self.collected();
        Target::all(probes, &collected).iter().flat_map(Target::windows).collect()
    }

    fn sources(&self) -> BTreeMap<Arc<str>, Vec<TelemetrySource>> {
        let source = |(source, sheet): (&'static str, Arc<Sheet>)| TelemetrySource {
            source,
            name: sheet.name.clone(),
            version: sheet.version.clone(),
            facts: sheet.facts.clone(),
            read_unix_nanos: sheet.standing.read_unix_nanos(),
            error: sheet.standing.why().map(str::to_owned),
        };
        let all = self.collected().into_iter();
        all.map(|(target, sheets)| (target, sheets.into_iter().map(source).collect())).collect()
    }
}

impl<'a> Target<'a> {
    /// The targets of `probes`, which are in the order of their keys.
    fn all(probes: &'a [ProbeSnapshot], collected: &'a Collected) -> Vec<Self> {
        let wall = Wall::anchor();
        let of = |probes: &'a [ProbeSnapshot]| {
            let sheets = probes.first().and_then(|probe| collected.get(&probe.key.target));
            let sheets = sheets.map_or(&[][..], Vec::as_slice);
            Self { wall, probes: probes.iter().collect(), sheets }
        };
        probes.chunk_by(|one, other| one.key.target == other.key.target).map(of).collect()
    }

    /// When the windows begin, at the earliest.
    fn earliest(&self) -> Stamp {
        self.wall.stamp().before(WINDOW)
    }

    /// The time at which a beat was due.
    fn due(&self, beat: &BeatSummary) -> Stamp {
        self.wall.stamp_at(beat.due_unix_nanos)
    }

    /// The beats that count from `begin` on. A sweep of our own cuts a window off: what the engine
    /// told until then is the sweep's doing.
    fn beats<'b>(&self, probe: &'b ProbeSnapshot, begin: Stamp) -> &'b [Arc<BeatSummary>] {
        let old = |beat: &Arc<BeatSummary>| self.due(beat) < begin;
        let first = probe.beats.iter().rposition(|beat| beat.own_sweep || old(beat));
        &probe.beats[first.map_or(0, |last| last + 1)..]
    }

    /// From when on the telemetry tells of the same time as `beats`, which are the window's: from
    /// its begin, unless a sweep or our memory cut the beats off later.
    fn since(&self, probe: &ProbeSnapshot, beats: &[Arc<BeatSummary>]) -> Option<Stamp> {
        let first = self.due(beats.first()?);
        let cut = match probe.beats.len().checked_sub(beats.len() + 1) {
            Some(before) => probe.beats[before].own_sweep,
            None => beats.len() == BEATS,
        };
        Some(if cut { first } else { self.earliest() })
    }

    fn windows(&self) -> Vec<(Arc<BeatKey>, ProbeWindow)> {
        self.probes.iter().map(|probe| (Arc::clone(&probe.key), self.window(probe))).collect()
    }

    fn window(&self, probe: &ProbeSnapshot) -> ProbeWindow {
        let beats = self.beats(probe, self.earliest());
        let Some(since) = self.since(probe, beats) else { return ProbeWindow::default() };
        let (engine, gpus) = (self.engine(since), self.gpus(since));
        let begins = [engine.as_ref().map(|one| one.begin), gpus.as_ref().map(|one| one.begin)];
        let begin = begins.into_iter().flatten().max().unwrap_or(since);
        let all = seen(beats);
        let means = WindowMeans::of(&seen(self.beats(probe, begin)));
        let own = self.own(begin);
        let generated = engine.as_ref().and_then(generated_per_second);
        let engine = match (engine, answers(self.beats(probe, begin))) {
            (None, answers) if answers.is_empty() => None,
            (told, answers) => {
                let mut told = told.map(|one| one.what).unwrap_or_default();
                answers.fill(&mut told);
                Some(own.beside(means, told))
            }
        };
        let gpu = gpus.map(|one| StepGpu {
            joules_per_output_token: joules_per_token(&one.what, generated),
            ..one.what
        });
        let cost = probe.view.cost_per_hour.zip(generated);
        let slos = &probe.view.slos;
        ProbeWindow {
            judged: all.iter().filter(|beat| !beat.judged.is_empty()).count() as u64,
            spoiled: all.iter().filter(|beat| beat.spoiled).count() as u64,
            seconds: self.wall.stamp().since(begin).as_secs_f64(),
            ttft_mean: means.ttft,
            e2e_mean: means.e2e,
            own_requests: own.requests,
            degraded: degraded(slos, &all, means, engine.as_ref(), gpu.as_ref()),
            engine,
            gpu,
            cost_dollars_per_million_output_tokens: cost
                .and_then(|(per_hour, rate)| dollars_per_million_tokens(per_hour, rate)),
        }
    }

    /// What the engine told since `since`, if it tells.
    fn engine(&self, since: Stamp) -> Option<Between<StepEngine>> {
        self.sheets.iter().find_map(|(_, sheet)| match &sheet.sight {
            Sight::Engine(between) => Some(Between::since(between, since)?.map(|one| one.beside())),
            Sight::None | Sight::Gpus(_) => None,
        })
    }

    /// What the GPUs told since then, if they tell.
    fn gpus(&self, since: Stamp) -> Option<Between<StepGpu>> {
        self.sheets.iter().find_map(|(_, sheet)| match &sheet.sight {
            Sight::Gpus(between) => Some(Between::since(between, since)?.map(|one| one.beside())),
            Sight::None | Sight::Engine(_) => None,
        })
    }

    /// Our own requests to the target since `begin`.
    fn own(&self, begin: Stamp) -> Own {
        let mut own = Own { requests: 0, output_tokens: 0, counted: true };
        let beats = self.probes.iter().flat_map(|probe| self.beats(probe, begin));
        for beat in beats.filter(|beat| beat.outcome == Outcome::Ok) {
            own.requests += 1;
            own.output_tokens += beat.output_tokens.unwrap_or(0);
            own.counted &= beat.count_source == Some(CountSource::Usage);
        }
        own
    }

    /// Our median time to first token beside the mean of the engine's other requests.
    fn ratios(&self) -> Vec<Reading> {
        let engine = self.sheets.iter().find_map(|(_, sheet)| match &sheet.sight {
            Sight::Engine(between) => Between::since(between, self.earliest()),
            Sight::None | Sight::Gpus(_) => None,
        });
        let (Some(engine), Some(first)) = (engine, self.probes.first()) else { return Vec::new() };
        let of = |probe: &&ProbeSnapshot| Beats {
            model: Arc::clone(&probe.key.model),
            probe: Arc::clone(&probe.key.probe),
            ttft: timed(self.beats(probe, engine.begin)),
        };
        let beats: Vec<Beats> = self.probes.iter().map(of).collect();
        traffic_ratios(&first.key.target, engine.what.ttft, &beats)
    }
}

/// The tokens that the engine generated a second, for everybody.
fn generated_per_second(engine: &Between<StepEngine>) -> Option<f64> {
    let seconds = engine.end.since(engine.begin).as_secs_f64();
    engine.what.generation_tokens.filter(|_| seconds > 0.0).map(|tokens| tokens / seconds)
}

/// The energy of the GPUs a token, where their counters tell it; both are per second, because the two
/// sources are not read at the same times.
fn joules_per_token(gpu: &StepGpu, generated_per_second: Option<f64>) -> Option<f64> {
    let watts = gpu.power_watts_mean.filter(|_| gpu.energy_joules.is_some())?;
    generated_per_second.filter(|rate| *rate > 0.0).map(|rate| watts / rate)
}

/// Each cause of a window, if it is degraded: 1 for the one that it has.
fn causes(key: &BeatKey, window: &ProbeWindow) -> Vec<Reading> {
    let Some(degraded) = &window.degraded else { return Vec::new() };
    let reading = |cause: Cause| {
        let names = [&key.target, &key.model, &key.probe].map(Arc::clone);
        let labels = [&names[..], &[cause.as_str().into()]].concat();
        let value = f64::from(u8::from(cause == degraded.cause.cause));
        Reading { id: Id::ProbeWindowCause, labels, value }
    };
    Cause::ALL.map(reading).into()
}

/// Our own requests of a stretch.
struct Own {
    requests: u64,
    output_tokens: u64,
    /// Whether the server counted the tokens of all of them.
    counted: bool,
}

impl Own {
    /// What the engine told, beside our beats of these `means`.
    fn beside(&self, means: WindowMeans, mut told: StepEngine) -> StepEngine {
        let all = told.generation_tokens.filter(|all| self.counted && *all > 0.0);
        let ours = self.output_tokens as f64;
        told.ttft_gap = means.ttft.zip(told.ttft_mean).map(|(ours, theirs)| ours - theirs);
        told.own_output_tokens = self.output_tokens;
        told.foreign_token_ratio = all.map(|all| ((all - ours) / all).max(0.0));
        told
    }
}

/// The times to first token of the beats that say something of the target's speed.
fn timed(beats: &[Arc<BeatSummary>]) -> Vec<f64> {
    let ok = beats.iter().filter(|beat| beat.outcome == Outcome::Ok && beat.spoiled.is_none());
    ok.filter_map(|beat| beat.ttft).map(|ttft| ttft.as_secs_f64()).collect()
}

/// What the engine told in the answers to such beats.
fn answers(beats: &[Arc<BeatSummary>]) -> Answers {
    let mut answers = Answers::default();
    let ok = beats.iter().filter(|beat| beat.outcome == Outcome::Ok && beat.spoiled.is_none());
    ok.for_each(|beat| {
        let cached = beat.told.and_then(|told| told.cached_tokens);
        answers.push(beat.told.as_ref(), cached, beat.input_tokens);
    });
    answers
}

/// The beats as their analysis looks at them.
fn seen(beats: &[Arc<BeatSummary>]) -> Vec<WindowBeat<'_>> {
    beats.iter().map(|beat| seen_one(beat)).collect()
}

fn seen_one(beat: &BeatSummary) -> WindowBeat<'_> {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    WindowBeat {
        outcome: beat.outcome.as_str(),
        judged: &beat.judged,
        spoiled: beat.spoiled.is_some(),
        ttft: seconds(beat.ttft),
        service_ttft: seconds(beat.service_ttft),
        e2e: seconds(beat.e2e),
        input_tokens: beat.input_tokens,
        output_tokens: beat.output_tokens,
    }
}

#[cfg(test)]
#[path = "windows/tests.rs"]
mod tests;
