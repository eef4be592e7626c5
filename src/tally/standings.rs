//! How the judged exchanges of a step stand under each SLO.

use std::sync::Arc;

use crate::{
    event::Standing,
    measure::Measurement,
    timeline::Outcome,
    verdict::{Clustered, Judge, Misses, RISK, Slo, State, certify},
};

/// Misses under each SLO.
#[derive(Clone, Debug)]
pub(super) struct Standings {
    slos: Vec<Lanes>,
}

/// Misses under one SLO: jointly, then of each threshold in its order.
#[derive(Clone, Debug)]
struct Lanes {
    slo: Arc<Slo>,
    misses: Vec<Misses>,
}

impl Standings {
    /// Without exchanges.
    pub(super) fn new(slos: &[Arc<Slo>]) -> Self {
        let lanes = |slo: &Arc<Slo>| Lanes {
            slo: Arc::clone(slo),
            misses: vec![Misses::default(); 1 + slo.thresholds.len()],
        };
        Self { slos: slos.iter().map(lanes).collect() }
    }

    /// Whether a measured exchange is good: under every SLO. False where there is none.
    pub(super) fn is_good(&self, outcome: Outcome, measurement: &Measurement) -> bool {
        !self.slos.is_empty()
            && self.slos.iter().all(|lanes| lanes.slo.judge(outcome, measurement).bad.is_none())
    }

    /// Takes in a measured exchange of the window.
    pub(super) fn judge(&mut self, outcome: Outcome, measurement: &Measurement) {
        for lanes in &mut self.slos {
            let judgement = lanes.slo.judge(outcome, measurement);
            let met = std::iter::once(judgement.bad.is_none()).chain(judgement.met);
            for (misses, met) in lanes.misses.iter_mut().zip(met) {
                misses.push(!met);
            }
        }
    }

    /// What each SLO shows of its misses: jointly, then of each threshold.
    pub(super) fn misses(&self) -> Vec<Vec<Clustered>> {
        self.slos.iter().map(|lanes| lanes.misses.iter().map(Misses::clustered).collect()).collect()
    }

    /// The verdicts on `n` judged exchanges, one look each: for each SLO as it is judged, then for
    /// each threshold.
    pub(super) fn record(&self, n: u64) -> Vec<Standing> {
        self.slos.iter().flat_map(|lanes| lanes.record(n)).collect()
    }
}

impl Lanes {
    fn record(&self, n: u64) -> Vec<Standing> {
        let slo = &self.slo;
        let joint = self.misses.first().map_or(0, Misses::count);
        let each: Vec<Standing> = slo
            .thresholds
            .iter()
            .zip(self.misses.iter().skip(1).map(Misses::count))
            .map(|(threshold, misses)| Standing {
                slo: slo.name.to_string(),
                metric: Some(threshold.metric.as_str().to_owned()),
                threshold: Some(threshold.max.as_secs_f64()),
                objective: threshold.objective,
                n,
                misses,
                state: certify(n, misses, threshold.objective, RISK),
            })
            .collect();
        let state = match slo.judge {
            Judge::Joint => certify(n, joint, slo.objective, RISK),
            Judge::Each => each.iter().map(|one| one.state).fold(State::Pass, State::worse),
        };
        let whole = Standing {
            slo: slo.name.to_string(),
            metric: None,
            threshold: None,
            objective: slo.objective,
            n,
            misses: joint,
            state,
        };
        std::iter::once(whole).chain(each).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verdict::{Metric, Threshold};

    const MS: Duration = Duration::from_millis(1);

    fn slo(judge: Judge) -> Arc<Slo> {
        let threshold = |metric, max| Threshold { metric, max, objective: 0.95 };
        Arc::new(Slo {
            name: "interactive".into(),
            thresholds: vec![threshold(Metric::Ttft, 500 * MS), threshold(Metric::Tpot, 30 * MS)],
            objective: 0.95,
            window: 3_600_000 * MS,
            judge,
            pack: None,
        })
    }

    fn measured(ttft: u32, tpot: u32) -> Measurement {
        Measurement { ttft: Some(ttft * MS), tpot: Some(tpot * MS), ..Measurement::default() }
    }

    /// 1,000 exchanges, of which 34 miss one threshold and 34 others the other.
    fn standings(judge: Judge) -> Vec<Standing> {
        let mut standings = Standings::new(&[slo(judge)]);
        for exchange in 0..1000 {
            let measurement = match exchange {
                0..34 => measured(501, 30),
                34..68 => measured(500, 31),
                _ => measured(500, 30),
            };
            standings.judge(Outcome::Ok, &measurement);
        }
        let counts: Vec<_> = standings.misses().concat().iter().map(|seen| seen.misses).collect();
        assert_eq!(counts, [68, 34, 34]);
        standings.record(1000)
    }

    #[test]
    fn thresholds_alone_may_hold_where_both_together_do_not() {
        // 34 misses of 1,000 pass 95 %, 68 fail it.
        let states = |judge| standings(judge).iter().map(|one| one.state).collect::<Vec<_>>();
        assert_eq!(states(Judge::Each), [State::Pass; 3]);
        assert_eq!(states(Judge::Joint), [State::Fail, State::Pass, State::Pass]);
    }

    #[test]
    fn the_verdict_comes_first_then_each_threshold() {
        let record = standings(Judge::Each);
        let named: Vec<_> =
            record.iter().map(|one| (one.metric.as_deref(), one.threshold, one.misses)).collect();
        assert_eq!(
            named,
            [(None, None, 68), (Some("ttft"), Some(0.5), 34), (Some("tpot"), Some(0.03), 34)]
        );
    }

    #[test]
    fn good_is_good_under_every_slo() {
        let strict = Arc::new(Slo {
            thresholds: vec![Threshold { metric: Metric::Ttft, max: 100 * MS, objective: 0.5 }],
            ..(*slo(Judge::Each)).clone()
        });
        let both = Standings::new(&[slo(Judge::Each), strict]);
        assert!(both.is_good(Outcome::Ok, &measured(100, 30)));
        assert!(!both.is_good(Outcome::Ok, &measured(101, 30)));
        assert!(!both.is_good(Outcome::Stall, &measured(100, 30)));
        assert!(!Standings::new(&[]).is_good(Outcome::Ok, &measured(1, 1)));
    }
}
