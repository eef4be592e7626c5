//! The thread that asks the driver.
//!
//! It is never waited for. Whoever wants an answer waits as long as they like, and the thread ends
//! by itself when nobody can ask any more, unless the driver holds it.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, TryRecvError},
    },
    thread,
    time::Duration,
};

use tokio::sync::watch;

use super::{local::LocalGpu, memory::Memory, session::Session};
use crate::clock::Stamp;

/// How long the thread may listen to the driver before it looks whether it is wanted.
const SLICE: Duration = Duration::from_millis(250);

/// What the driver told when it was last asked: the GPUs of this machine, or why there are none, in
/// words for a person. Absent before the first answer.
pub type Told = Option<Arc<Result<Vec<LocalGpu>, String>>>;

/// The thread, for as long as anybody may ask.
#[derive(Debug)]
pub struct Nvml {
    orders: mpsc::Sender<Option<Duration>>,
    told: watch::Receiver<Told>,
}

impl Nvml {
    /// Starts the thread; it rests until it is told to watch.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn start() -> std::io::Result<Self> {
        let (orders, ordered) = mpsc::channel();
        let (tell, told) = watch::channel(None);
        let asker = Asker { ordered, tell, memory: Memory::default() };
        thread::Builder::new().name("nvml".to_owned()).spawn(move || asker.run())?;
        Ok(Self { orders, told })
    }

    /// Has it ask the driver at `interval` from now on; without one it lets go of the driver.
    pub fn watch(&self, interval: Option<Duration>) {
        // A thread that is gone has closed what it tells, which is where it is missed.
        let _ = self.orders.send(interval);
    }

    /// What it tells from now on: every answer is a change, also one that says the same.
    pub fn told(&self) -> watch::Receiver<Told> {
        let mut told = self.told.clone();
        told.mark_unchanged();
        told
    }
}

struct Asker {
    ordered: mpsc::Receiver<Option<Duration>>,
    tell: watch::Sender<Told>,
    memory: Memory,
}

/// Goes on with an interval, or breaks off what is under way to look at what was ordered.
type Next = ControlFlow<Ordered, Duration>;

/// What was ordered, that ends a session.
enum Ordered {
    Rest,
    End,
}

impl Asker {
    fn run(mut self) {
        let mut order = Ordered::Rest;
        while let Ordered::Rest = order {
            let Ok(ordered) = self.ordered.recv() else { return };
            let Some(interval) = ordered else { continue };
            order = self.watch(interval);
        }
    }

    /// Asks until it is told to stop, whatever becomes of the driver.
    fn watch(&mut self, mut interval: Duration) -> Ordered {
        loop {
            let loaded = nvml_wrapper::Nvml::init();
            let next = match &loaded {
                Ok(nvml) => self.ask(nvml, interval),
                Err(error) => {
                    self.say(Err(unavailable(error)));
                    self.pause(interval, Stamp::now().after(interval), None)
                }
            };
            match next {
                ControlFlow::Continue(same_or_other) => interval = same_or_other,
                ControlFlow::Break(order) => return order,
            }
        }
    }

    /// Asks a library that was loaded, until it is of no use or something else is ordered.
    fn ask(&mut self, nvml: &nvml_wrapper::Nvml, mut interval: Duration) -> Next {
        let mut session = match Session::begin(nvml) {
            Ok(session) => session,
            Err(why) => {
                self.say(Err(why));
                return self.pause(interval, Stamp::now().after(interval), None);
            }
        };
        loop {
            let due = Stamp::now().after(interval);
            let told = session.collect(&mut self.memory);
            let readable = |gpus: &Vec<LocalGpu>| gpus.iter().any(|gpu| gpu.failure.is_none());
            let of_use = told.as_ref().is_ok_and(readable);
            self.say(told);
            interval = self.pause(interval, due, Some(&session).filter(|_| of_use))?;
            if !of_use {
                // Only a library that is loaded anew sees a GPU that came back.
                return Next::Continue(interval);
            }
        }
    }

    fn say(&self, told: Result<Vec<LocalGpu>, String>) {
        self.tell.send_replace(Some(Arc::new(told)));
    }

    /// Waits until `due`, listening to the driver where it can be heard.
    fn pause(
        &mut self,
        mut interval: Duration,
        mut due: Stamp,
        session: Option<&Session<'_>>,
    ) -> Next {
        loop {
            let left = due.since(Stamp::now());
            if left.is_zero() {
                return Next::Continue(interval);
            }
            let heard =
                session.is_some_and(|session| session.listen(left.min(SLICE), &mut self.memory));
            let ordered = if heard {
                self.ordered.try_recv().map_err(|error| error == TryRecvError::Disconnected)
            } else {
                let ordered = self.ordered.recv_timeout(left);
                ordered.map_err(|error| error == RecvTimeoutError::Disconnected)
            };
            match ordered {
                Ok(Some(other)) => {
                    interval = other;
                    due = due.min(Stamp::now().after(other));
                }
                Ok(None) => return Next::Break(Ordered::Rest),
                Err(true) => return Next::Break(Ordered::End),
                Err(false) => {}
            }
        }
    }
}

/// Why the driver cannot be asked, and what can be done about it.
fn unavailable(error: &nvml_wrapper::error::NvmlError) -> String {
    use nvml_wrapper::error::NvmlError::{LibRmVersionMismatch, LibloadingError};
    let remedy = match error {
        LibloadingError(_) => {
            "; NVIDIA's driver must be installed here, and in a container its libraries handed in"
        }
        LibRmVersionMismatch => "; the driver was updated: restart the machine, or the container",
        _ => "",
    };
    format!("{error}{remedy}")
}
