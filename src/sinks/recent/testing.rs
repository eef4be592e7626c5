//! Remembered beats as tests need them.

use std::{sync::Arc, time::Duration};

use super::{BeatSummary, ProbeSnapshot, ProbeView};
use crate::{
    config::Connection,
    event::{BeatKey, TraceContext},
    protocol::Api,
    timeline::{Outcome, Retries},
    verdict::{Judge, Slo},
};

/// A probe every 15 s with SLOs of these names and an objective of 95 %.
pub(crate) fn view(slos: &[&str]) -> ProbeView {
    let slo = |name: &&str| {
        Arc::new(Slo {
            name: (*name).into(),
            thresholds: Vec::new(),
            objective: 0.95,
            window: Duration::from_secs(60),
            judge: Judge::Each,
            pack: None,
        })
    };
    ProbeView {
        interval: Duration::from_secs(15),
        timeout: Duration::from_secs(30),
        slos: slos.iter().map(slo).collect(),
        origin: "http://t".into(),
        api: Api::OpenaiChat,
        connection: Connection::Fresh,
        cost_per_hour: None,
    }
}

/// A good beat due at the epoch whose first token took so long, not judged.
pub(crate) fn ok(ttft_ms: u64) -> BeatSummary {
    let ttft = Some(Duration::from_millis(ttft_ms));
    BeatSummary { ttft, ..failed(Outcome::Ok) }
}

/// A beat due at the epoch that ended so, without any number.
pub(crate) fn failed(outcome: Outcome) -> BeatSummary {
    BeatSummary {
        trace: TraceContext::of_bits(1, 1).trace,
        due_unix_nanos: 0,
        outcome,
        detail: None,
        status: None,
        ttft: None,
        service_ttft: None,
        tpot: None,
        e2e: None,
        input_tokens: None,
        output_tokens: None,
        count_source: None,
        judged: Box::default(),
        spoiled: None,
        own_sweep: false,
        source: None,
        retries: Retries::default(),
        phases: Box::default(),
        told: None,
    }
}

/// A probe of one SLO that remembers `beats`.
pub(crate) fn probe(beats: Vec<BeatSummary>) -> ProbeSnapshot {
    let key = BeatKey { target: "t".into(), model: "m".into(), probe: "p".into() };
    ProbeSnapshot {
        key: Arc::new(key),
        view: Arc::new(view(&["interactive"])),
        beats: beats.into_iter().map(Arc::new).collect(),
        failures: Vec::new(),
    }
}
