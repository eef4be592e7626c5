//! The thread that asks the driver.
//!
//! It is never waited for. It has the library loaded for as long as somebody wants it, asks at the
//! shortest interval of those that watch, and in between answers whoever looks. It ends by itself
//! when nobody can order anything any more, unless the driver holds it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::Duration,
};

use tokio::sync::{oneshot, watch};

use super::{
    local::LocalGpu,
    memory::Memory,
    session::Session,
    window::{Turn, Whose},
};
use crate::{clock::Stamp, telemetry::gpu::Moment};

/// How long the thread may listen to the driver before it looks what was ordered.
const SLICE: Duration = Duration::from_millis(250);

/// The same while a visitor may look: what it waits is in what it reads.
const BRISK: Duration = Duration::from_millis(10);

/// After so long a library that was of no use is loaded anew, where nobody watches.
const RETRY: Duration = Duration::from_secs(5);

/// What the driver told when it was last asked: the GPUs of this machine, or why there are none, in
/// words for a person. Absent before the first answer.
pub type Told = Option<Arc<Answer>>;

/// What the driver told once.
pub(super) type Answer = Result<Vec<LocalGpu>, String>;

/// What somebody saw that looked.
#[derive(Clone, Debug)]
pub struct Looked {
    /// When the driver was asked.
    pub at: Stamp,
    /// The GPUs of this machine, or why there are none, in words for a person.
    pub told: Result<Vec<LocalGpu>, String>,
}

/// What the thread is told to do.
pub(super) enum Order {
    /// Somebody wants the driver from now on.
    Come(Whose, Wants),
    /// Not any more.
    Leave(Whose),
    /// One that has come looks.
    Look { by: Whose, moment: Moment, answer: oneshot::Sender<Looked> },
}

/// What somebody wants the driver for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// To be told so often.
    Every(Duration),
    /// To look when it likes.
    Looks,
}

/// What comes next.
enum Next {
    /// The session goes on.
    Collect,
    /// The library is loaded anew, if anybody wants it.
    Load,
    /// Nobody can order anything any more.
    End,
}

/// The thread.
pub(super) struct Asker {
    ordered: Receiver<Order>,
    tell: watch::Sender<Told>,
    memory: Memory,
    wanted: BTreeMap<Whose, Wants>,
}

impl Asker {
    pub(super) fn new(ordered: Receiver<Order>, tell: watch::Sender<Told>) -> Self {
        Self { ordered, tell, memory: Memory::default(), wanted: BTreeMap::new() }
    }

    /// Does as it is told, until nobody can tell it anything any more.
    pub(super) fn run(mut self) {
        loop {
            let next = if self.wanted.is_empty() { self.rest() } else { self.live() };
            if matches!(next, Next::End) {
                return;
            }
        }
    }

    /// Waits for somebody to come.
    fn rest(&mut self) -> Next {
        match self.ordered.recv() {
            Ok(Order::Come(whose, wants)) => {
                self.wanted.insert(whose, wants);
                Next::Load
            }
            Ok(Order::Leave(_) | Order::Look { .. }) => Next::Load,
            Err(_) => Next::End,
        }
    }

    /// One life of the library, until it is of no use, or of none to anybody.
    fn live(&mut self) -> Next {
        // For how long there was none, nobody can say.
        self.memory.pause();
        let loaded = nvml_wrapper::Nvml::init();
        let session = match &loaded {
            Ok(nvml) => Session::begin(nvml),
            Err(error) => Err(unavailable(error)),
        };
        match session {
            Ok(session) => self.attend(session),
            Err(why) => {
                let now = Stamp::now();
                self.say(Err(why.clone()));
                self.wait(now, Err(why))
            }
        }
    }

    /// Asks a library that was loaded.
    fn attend(&mut self, mut session: Session<'_>) -> Next {
        loop {
            let began = Stamp::now();
            let mut driver = Ok(&mut session);
            if self.interval().is_some()
                && let Ok(session) = &mut driver
            {
                let told = session.collect(&mut self.memory, Turn::Next);
                if let Some(why) = useless(&told) {
                    driver = Err(why);
                }
                self.say(told);
            }
            match self.wait(began, driver) {
                Next::Collect => {}
                other => return other,
            }
        }
    }

    fn say(&self, told: Answer) {
        self.tell.send_replace(Some(Arc::new(told)));
    }

    /// How often somebody wants to be told.
    fn interval(&self) -> Option<Duration> {
        let every = |wants: &Wants| match wants {
            Wants::Every(interval) => Some(*interval),
            Wants::Looks => None,
        };
        self.wanted.values().filter_map(every).min()
    }

    /// Does what is ordered until it is time to ask again, counted from `began`. `driver` is the
    /// session, or why there is none: only a library that is loaded anew sees a GPU that came back.
    fn wait(&mut self, began: Stamp, mut driver: Result<&mut Session<'_>, String>) -> Next {
        loop {
            let pause = self.interval().or(driver.is_err().then_some(RETRY));
            let left = pause.map(|pause| began.after(pause).since(Stamp::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return if driver.is_ok() { Next::Collect } else { Next::Load };
            }
            let order = match self.order(left, driver.as_deref().ok()) {
                Ok(order) => order,
                Err(Gone) => return Next::End,
            };
            match order {
                None => {}
                Some(Order::Come(whose, wants)) => {
                    self.wanted.insert(whose, wants);
                }
                Some(Order::Leave(whose)) => {
                    self.wanted.remove(&whose);
                    if let Ok(session) = &mut driver {
                        session.leave(whose);
                    }
                    if self.wanted.is_empty() {
                        return Next::Load;
                    }
                }
                Some(Order::Look { by, moment, answer }) => {
                    let at = Stamp::now();
                    let told = match &mut driver {
                        Ok(session) => session.collect(&mut self.memory, Turn::Of(by, moment)),
                        Err(why) => Err(why.clone()),
                    };
                    if let (Ok(_), Some(why)) = (&driver, useless(&told)) {
                        driver = Err(why);
                    }
                    // Whoever gave up waiting does not want it any more.
                    let _ = answer.send(Looked { at, told });
                }
            }
        }
    }

    /// What is ordered next, if anything is before `left` has passed; or nothing yet. Listens to the
    /// driver meanwhile, where it can be heard.
    fn order(
        &mut self,
        left: Option<Duration>,
        session: Option<&Session<'_>>,
    ) -> Result<Option<Order>, Gone> {
        let Some(left) = left else { return self.ordered.recv().map(Some).map_err(|_| Gone) };
        let visited = self.wanted.values().any(|wants| *wants == Wants::Looks);
        let slice = left.min(if visited { BRISK } else { SLICE });
        if session.is_some_and(|session| session.listen(slice, &mut self.memory)) {
            return match self.ordered.try_recv() {
                Ok(order) => Ok(Some(order)),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => Err(Gone),
            };
        }
        match self.ordered.recv_timeout(left) {
            Ok(order) => Ok(Some(order)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Gone),
        }
    }
}

/// Nobody is left who could order anything.
struct Gone;

/// Why a session is of no use any more after this answer, if it is not.
fn useless(told: &Answer) -> Option<String> {
    match told {
        Err(why) => Some(why.clone()),
        Ok(gpus) if gpus.iter().any(|gpu| gpu.failure.is_none()) => None,
        Ok(gpus) => {
            let why = gpus.iter().find_map(|gpu| gpu.failure.as_deref()).unwrap_or_default();
            Some(format!("no GPU can be read: {why}"))
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
