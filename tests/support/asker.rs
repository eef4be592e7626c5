//! Single exchanges, one after the other, as a probe makes them.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tokenbeat::{
    client::{self, Text},
    clock::Stamp,
    config::Config,
    event::TraceContext,
    load::{Link, Order, limits, run},
    timeline::{Exchange, Recorder, Timeline},
};
use tracing_subscriber::fmt::MakeWriter;

use crate::pipeline;

/// Makes exchanges for the first probe of a configuration with its first target.
pub struct Asker {
    config: Config,
    link: Arc<Link>,
    runtime: tokio::runtime::Runtime,
    log: Log,
}

impl Asker {
    pub fn new(config: &str) -> Self {
        client::keep_stamping_on();
        let config = pipeline::load(config);
        let link = Link::new(Arc::clone(&config.targets[0])).expect("a link");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { config, link, runtime, log: Log::default() }
    }

    /// One exchange.
    pub fn ask(&self) -> Exchange {
        let (probe, global) = (&self.config.probes[0], &self.config.global);
        let tokenbeat::config::Models::List(models) = &self.link.target().models else {
            panic!("models are listed")
        };
        let plan = probe.workload.draw(&mut Pcg64Mcg::seed_from_u64(1));
        let order = Order {
            link: &self.link,
            model: &models[0],
            probe: &probe.name,
            trace: Some(TraceContext::of_bits(0xabc, 0xdef)),
            plan: &plan,
            connection: probe.connection,
            limits: limits(global, probe.timeout),
            text: Text::Kept,
        };
        let (send, receive) = mpsc::channel();
        let recorder = Recorder::open(Timeline::new(Stamp::now(), 16), move |exchange| {
            send.send(exchange).expect("somebody waits");
        });
        let lines = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(self.log.clone())
            .finish();
        tracing::subscriber::with_default(lines, || self.runtime.block_on(run(order, recorder)));
        receive.try_recv().expect("closed exactly once")
    }

    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Everything that was logged, at every level and by every library.
    pub fn log(&self) -> String {
        let bytes = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Log lines, kept.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
