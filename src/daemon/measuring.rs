//! The thread on which everything that is measured runs.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::sync::{
    mpsc::{UnboundedSender, unbounded_channel},
    oneshot,
};

use crate::{
    client,
    clock::Wall,
    event::Sink,
    load::{self, Command, Driver},
    timeline::StampSource,
};

/// The measuring thread, its driver and its runtime.
pub(super) struct Measuring {
    commands: UnboundedSender<Command>,
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Measuring {
    /// Starts the thread; `sink` is called on it.
    pub(super) fn start(wall: Wall, sink: Arc<dyn Sink>) -> io::Result<Self> {
        match client::keep_stamping_on() {
            StampSource::Kernel => tracing::info!("arrivals are stamped by the kernel"),
            StampSource::Read => tracing::warn!(
                "the kernel gives no receive times here: arrivals are stamped when they are read, \
                 and beats that were read late are spoiled"
            ),
        }
        let driver = Driver::new(wall, sink)?;
        let runtime = load::runtime()?;
        let (commands, orders) = unbounded_channel();
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("measure".to_owned()).spawn(move || {
            runtime.block_on(driver.run(orders));
            // A name that is still being resolved, which can take a minute, is not waited for.
            runtime.shutdown_background();
            // The daemon may be gone already.
            let _ = end.send(());
        })?;
        Ok(Self { commands, ended, thread })
    }

    /// Tells the driver something; in vain once it has ended.
    pub(super) fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Returns when the driver has ended, which it does on [`Command::Drain`] only.
    pub(super) async fn ended(&mut self) {
        // An error means that the thread died, which is an end too.
        let _ = (&mut self.ended).await;
    }

    /// Waits for the thread, which has ended.
    pub(super) fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the measuring thread panicked; this is a bug");
        }
    }
}
