//! The thread on which runs go: a runtime and a pacer of its own, so that heavy load delays no
//! beat and no page.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{
    run::{Halt, RunOrder, run},
    runtime::runtime,
};
use crate::{
    client,
    clock::Wall,
    event::{RunRecord, RunSink},
    schedule::Pacer,
};

/// The thread on which runs go. Several runs may go at once, for different targets.
///
/// Dropped, it takes no more orders and lets the runs that it has end; [`Self::join`] also waits
/// for that. A run is cut short by its own [`Halt`].
pub struct Loader {
    jobs: mpsc::UnboundedSender<Job>,
    thread: JoinHandle<()>,
}

struct Job {
    order: RunOrder,
    sink: Arc<dyn RunSink>,
    halt: Halt,
    reply: oneshot::Sender<Arc<RunRecord>>,
}

impl Loader {
    /// Starts the thread. `wall` is the calendar to begin with; a run that begins after the clock
    /// was set takes it as it is then.
    ///
    /// # Errors
    /// If the system gives no thread or no event queue.
    pub fn start(wall: Wall) -> io::Result<Self> {
        client::keep_stamping_on();
        let runtime = runtime()?;
        let pacer = Arc::new(Pacer::start()?);
        let (jobs, orders) = mpsc::unbounded_channel();
        let thread = thread::Builder::new().name("load".to_owned()).spawn(move || {
            runtime.block_on(serve(orders, &pacer, wall));
            // A name that is still being resolved is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { jobs, thread })
    }

    /// Begins a run. Its record comes when it has ended, in whatever way; the receiver fails only
    /// if the run panicked.
    pub fn run(
        &self,
        order: RunOrder,
        sink: Arc<dyn RunSink>,
        halt: Halt,
    ) -> oneshot::Receiver<Arc<RunRecord>> {
        let (reply, record) = oneshot::channel();
        // Refused only if the thread is gone: the receiver then says so.
        let _ = self.jobs.send(Job { order, sink, halt, reply });
        record
    }

    /// Takes no more orders and returns when the last run has ended. Blocks.
    pub fn join(self) {
        drop(self.jobs);
        // What panicked in a run was reported when it did.
        let _ = self.thread.join();
    }
}

async fn serve(mut orders: mpsc::UnboundedReceiver<Job>, pacer: &Arc<Pacer>, mut wall: Wall) {
    let mut runs = JoinSet::new();
    loop {
        tokio::select! {
            job = orders.recv() => match job {
                Some(job) => {
                    wall = wall.renewed();
                    runs.spawn(carry_out(job, Arc::clone(pacer), wall));
                }
                None => break,
            },
            Some(ended) = runs.join_next() => report(ended),
        }
    }
    while let Some(ended) = runs.join_next().await {
        report(ended);
    }
}

async fn carry_out(job: Job, pacer: Arc<Pacer>, wall: Wall) {
    let record = run(job.order, pacer, wall, job.sink, job.halt).await;
    // Whoever asked may no longer want it; the sink has had it.
    let _ = job.reply.send(record);
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a run panicked; this is a bug");
    }
}
