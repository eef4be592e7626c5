//! Our client as a probe uses it: recorder, exchange, measurement.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokenbeat::{
    client::{Limits, Text, keep_stamping_on},
    clock::Stamp,
    config::{Connection, Models, Target, TlsFiles},
    load::{Link, Order, run},
    measure::Measurement,
    protocol::Api,
    timeline::{Outcome, Recorder, Timeline},
    workload::RequestPlan,
};
use tokio::sync::oneshot;

use super::{
    job::{Job, Record, prompt},
    worker::Exchanges,
};

/// The model that the simulator serves by default.
pub(crate) const MODEL: &str = "sim-8b";

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(10),
    first_token: Duration::from_secs(60),
    total: Duration::from_secs(60),
    idle: Duration::from_secs(20),
    response_bytes: 16 << 20,
};

/// Our client.
pub(crate) struct Ours {
    link: Arc<Link>,
    tokens: u32,
}

impl Ours {
    pub(crate) fn new(job: &Job) -> anyhow::Result<Self> {
        keep_stamping_on();
        let target = target(&job.url, job.ca_file.clone())?;
        Ok(Self { link: Link::new(Arc::new(target))?, tokens: job.tokens })
    }
}

impl Exchanges for Ours {
    async fn exchange(&self, due: Stamp, key: String) -> Option<Record> {
        let plan = plan(&key, self.tokens);
        let (tell, told) = oneshot::channel();
        let timeline = Timeline::new(due, usize::try_from(self.tokens).unwrap_or(0));
        let recorder = Recorder::open(timeline, move |exchange| {
            let measurement = Measurement::of(&exchange);
            let Timeline { sent, sent_after, tokens, reused_connection: reused, .. } =
                &exchange.timeline;
            let record = match (exchange.outcome, sent, tokens.first(), measurement.output_tokens) {
                (Outcome::Ok, Some(sent), Some(first), Some(tokens)) => Some(Record {
                    key,
                    due: due.as_nanos(),
                    sent: sent.as_nanos(),
                    sent_after: sent_after.map(Stamp::as_nanos),
                    first: first.at.as_nanos(),
                    tokens,
                    exact: measurement.lateness.first_token == Some(Duration::ZERO),
                    reused: *reused,
                }),
                _ => None,
            };
            // Nobody waits for it only when the job was cut off.
            let _ = tell.send(record);
        });
        let order = Order {
            link: &self.link,
            model: MODEL,
            probe: "bench",
            trace: None,
            plan: &plan,
            connection: Connection::Reuse,
            limits: LIMITS,
            text: Text::Dropped,
        };
        run(order, recorder).await;
        told.await.ok().flatten()
    }
}

/// What both clients ask for.
pub(crate) fn plan(key: &str, tokens: u32) -> RequestPlan {
    RequestPlan { exact_length: true, ..RequestPlan::completion(prompt(key), tokens) }
}

/// The simulator at `url` as a target.
pub(crate) fn target(url: &str, ca_file: Option<PathBuf>) -> anyhow::Result<Target> {
    let models = Models::List(vec![MODEL.into()]);
    let tls = TlsFiles { ca_file, ..TlsFiles::default() };
    Ok(Target { tls, ..Target::plain("bench", url.parse()?, Api::OpenaiChat, models) })
}
