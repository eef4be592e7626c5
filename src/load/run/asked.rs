//! What a run asks, in the words of its record.
//!
//! Owns what of a workload may be written down: its figures, never the text of a prompt, and of a
//! path nothing behind its `?`, where people put keys.

use std::{num::NonZeroU32, sync::Arc};

use crate::{
    event::{LengthRecord, PartRecord, WorkloadRecord},
    workload::{Fixed, HttpAsk, Length, Recorded, Reuse, Synthetic, Think, Turns, Workload},
};

/// The record of a workload.
pub(super) fn asked(workload: &Workload) -> WorkloadRecord {
    match workload {
        Workload::Synthetic(workload) => synthetic(workload),
        Workload::Fixed(workload) => fixed(workload),
        Workload::Dataset(workload) => dataset(workload),
        Workload::Http(ask) => http(ask),
        Workload::Mix(parts) => {
            let part = |(weight, workload): &(NonZeroU32, Arc<Workload>)| PartRecord {
                weight: weight.get(),
                workload: asked(workload),
            };
            WorkloadRecord { mix: parts.iter().map(part).collect(), ..of("mix") }
        }
    }
}

fn of(kind: &str) -> WorkloadRecord {
    WorkloadRecord { kind: kind.to_owned(), ..WorkloadRecord::default() }
}

fn synthetic(workload: &Synthetic) -> WorkloadRecord {
    let (reuse, pool) = match workload.reuse {
        Reuse::Never => ("never", None),
        Reuse::Chance => ("chance", None),
        Reuse::Pool(prompts) => ("pool", Some(prompts.get())),
    };
    let record = WorkloadRecord {
        input_tokens: Some(length(&workload.input_tokens)),
        output_tokens: Some(length(&workload.output_tokens)),
        shared_prefix_tokens: Some(workload.shared_prefix_tokens),
        user_prefix_tokens: Some(workload.user_prefix.tokens),
        reuse: Some(reuse.to_owned()),
        pool,
        turns: Some(length(&workload.turns)),
        temperature: Some(workload.temperature),
        ..of("synthetic")
    };
    thinking(record, workload.think)
}

fn fixed(workload: &Fixed) -> WorkloadRecord {
    WorkloadRecord {
        max_tokens: Some(workload.max_tokens),
        temperature: Some(workload.temperature),
        ..of("fixed")
    }
}

fn dataset(workload: &Recorded) -> WorkloadRecord {
    let record = WorkloadRecord {
        conversations: u64::try_from(workload.dataset.len()).ok(),
        output_tokens: workload.output_tokens.as_ref().map(length),
        max_tokens: workload.max_tokens,
        temperature: Some(workload.temperature),
        ..of("dataset")
    };
    match workload.turns {
        Turns::One => record,
        Turns::All => thinking(record, workload.think),
    }
}

fn http(ask: &HttpAsk) -> WorkloadRecord {
    let path = ask.path.split('?').next().unwrap_or_default();
    WorkloadRecord { request: Some(format!("{} {path}", ask.method)), ..of("http") }
}

fn thinking(record: WorkloadRecord, think: Think) -> WorkloadRecord {
    WorkloadRecord {
        think_seconds_mean: Some(think.mean.as_secs_f64()),
        think_seconds_stddev: Some(think.stddev.as_secs_f64()),
        ..record
    }
}

fn length(length: &Length) -> LengthRecord {
    match *length {
        Length::Constant(value) => LengthRecord::Constant { value },
        Length::Normal { mean, stddev } => LengthRecord::Normal { mean, stddev },
        Length::Uniform { low, high } => LengthRecord::Uniform { low, high },
        Length::LogNormal { median, sigma, most } => {
            LengthRecord::Lognormal { median, sigma, most }
        }
        Length::Empirical(ref list) => {
            LengthRecord::Empirical { low: list.min(), high: list.max() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Expect;

    #[test]
    fn figures_are_told_and_texts_are_not() {
        let fixed = Workload::Fixed(Fixed {
            prompt: "planted-secret".into(),
            max_tokens: 7,
            temperature: 0.5,
            expect: Expect::default(),
        });
        let http = Workload::Http(Arc::new(HttpAsk {
            method: http::Method::POST,
            path: "/api/items?key=planted-secret".into(),
            body: Some("planted-secret".into()),
        }));
        let lengths = (Length::Normal { mean: 200.0, stddev: 20.0 }, Length::Constant(100));
        let synthetic = Workload::Synthetic(Synthetic::new(lengths.0, lengths.1));
        let weigh =
            |weight, workload| (NonZeroU32::new(weight).expect("a weight"), Arc::new(workload));
        let mix = Workload::Mix(vec![weigh(1, fixed), weigh(2, http), weigh(3, synthetic)]);
        let record = asked(&mix);
        let text = serde_json::to_string(&record).expect("JSON");
        assert!(!text.contains("planted-secret"), "{text}");
        assert_eq!(serde_json::from_str::<WorkloadRecord>(&text).expect("read"), record);
        let [fixed, http, synthetic] = record.mix.as_slice() else { panic!("{record:?}") };
        assert_eq!((fixed.workload.max_tokens, synthetic.weight), (Some(7), 3));
        assert_eq!(http.workload.request.as_deref(), Some("POST /api/items"));
        let input = Some(LengthRecord::Normal { mean: 200.0, stddev: 20.0 });
        assert_eq!(synthetic.workload.input_tokens, input);
        assert_eq!(synthetic.workload.reuse.as_deref(), Some("never"));
    }
}
