//! What others hold of the driver's thread: a watch, which is told at an interval, or a visit, which
//! looks when it likes. The driver is kept loaded for as long as there is one of either.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

use tokio::sync::{oneshot, watch};

use super::{
    thread::{Asker, Looked, Order, Told, Wants},
    window::Whose,
};
use crate::telemetry::gpu::Moment;

/// The driver of this machine's GPUs. Its thread is started when somebody first wants it; there is
/// one for all clones, because a driver that holds one would hold the next as well.
#[derive(Clone, Debug, Default)]
pub struct Nvml(Arc<Mutex<Option<Thread>>>);

#[derive(Debug)]
struct Thread {
    orders: Sender<Order>,
    told: watch::Receiver<Told>,
    /// How many have come.
    come: Whose,
}

/// The driver asked at an interval, for as long as this lives.
#[derive(Debug)]
pub struct Watch {
    told: watch::Receiver<Told>,
    _stay: Stay,
}

/// The driver at hand, for as long as this lives.
#[derive(Debug)]
pub struct Visit(Stay);

/// Somebody wants the driver.
#[derive(Debug)]
struct Stay {
    whose: Whose,
    orders: Sender<Order>,
}

impl Nvml {
    /// Has the driver asked at `interval`, or more often if somebody else wants that.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn watch(&self, interval: Duration) -> std::io::Result<Watch> {
        let (stay, told) = self.come(Wants::Every(interval))?;
        Ok(Watch { told, _stay: stay })
    }

    /// Has the driver loaded, for looks at moments of one's own.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn visit(&self) -> std::io::Result<Visit> {
        let (stay, _) = self.come(Wants::Looks)?;
        Ok(Visit(stay))
    }

    /// One more who wants it, and what it tells them.
    fn come(&self, wants: Wants) -> std::io::Result<(Stay, watch::Receiver<Told>)> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let thread = match &mut *slot {
            Some(thread) => thread,
            none => none.insert(Thread::start()?),
        };
        thread.come += 1;
        // Listens before it asks, so that no answer is missed.
        let mut told = thread.told.clone();
        told.mark_unchanged();
        let stay = Stay { whose: thread.come, orders: thread.orders.clone() };
        stay.order(Order::Come(stay.whose, wants));
        Ok((stay, told))
    }
}

impl Thread {
    fn start() -> std::io::Result<Self> {
        let (orders, ordered) = mpsc::channel();
        let (tell, told) = watch::channel(None);
        let asker = Asker::new(ordered, tell);
        thread::Builder::new().name("nvml".to_owned()).spawn(move || asker.run())?;
        Ok(Self { orders, told, come: 0 })
    }
}

impl Watch {
    /// What it tells from now on: every answer is a change, also one that says the same.
    pub fn told(&self) -> watch::Receiver<Told> {
        self.told.clone()
    }
}

impl Visit {
    /// Looks at the GPUs; returns at once. Averages over a stretch are told at its end, and are of
    /// exactly the time since the look at its begin.
    pub fn look(&self, moment: Moment) -> oneshot::Receiver<Looked> {
        let (answer, looked) = oneshot::channel();
        self.0.order(Order::Look { by: self.0.whose, moment, answer });
        looked
    }
}

impl Stay {
    fn order(&self, order: Order) {
        // A thread that is gone answers nobody, which is where it is missed.
        let _ = self.orders.send(order);
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.order(Order::Leave(self.whose));
    }
}
