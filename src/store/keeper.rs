//! The store as the daemon sees it: what is told to it at once, what is asked of it in a while.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    dues::Dues,
    folder,
    id::RunId,
    query::RunQuery,
    writer::{Job, OnError, Writer},
};
use crate::event::{RunKey, RunRecord, RunResult};

/// Jobs that may wait for the disk.
const WAITING: usize = 1_024;

/// Records kept in memory, whether the disk takes them or not.
const KEPT: usize = 64;

/// Most files that one question opens.
const MOST_READ: usize = 1_000;

/// Most files of one subject that are looked through for its newest runs.
const MOST_RESTORED: usize = 50;

/// Complaints that are remembered, so that what cannot be read is told once and not whenever
/// somebody asks.
const MOST_TOLD: usize = 256;

/// Where records are kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of everything that is stored; runs have one of their own below it.
    pub path: PathBuf,
    /// How long a record is kept.
    pub retention: Duration,
}

/// The newest runs of one subject.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    /// The newest one, whatever became of it.
    pub newest: Option<Arc<RunRecord>>,
    /// The newest one that ran to its end.
    pub complete: Option<Arc<RunRecord>>,
    /// The newest one of which every step is valid.
    pub success: Option<Arc<RunRecord>>,
    /// When it was last due, in nanoseconds since the Unix epoch, whether it ran or not.
    pub last_due: Option<i64>,
    /// Up to when nothing of it was missed: when it was last due, or since when it is watched by
    /// its schedule.
    pub seen: Option<i64>,
    /// That schedule, as far as it is known.
    pub schedule: Option<String>,
}

/// The store. What is told to it never waits for the disk; what is asked of it does, so that is
/// asked on a thread that may wait.
pub struct Store {
    folder: PathBuf,
    jobs: SyncSender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
    recovered: Mutex<Option<Receiver<Vec<RunRecord>>>>,
    kept: Mutex<VecDeque<Arc<RunRecord>>>,
    told: Mutex<BTreeSet<String>>,
    on_error: Arc<OnError>,
}

impl Store {
    /// The store of `settings`. `on_error` is called for everything that could not be kept or read.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn open(
        settings: &Settings,
        on_error: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let folder = settings.path.join("runs");
        let on_error: Arc<OnError> = Arc::new(Box::new(on_error));
        let writer = Writer::new(folder.clone(), settings.retention, Arc::clone(&on_error));
        let (jobs, told) = sync_channel(WAITING);
        let thread =
            thread::Builder::new().name("store".to_owned()).spawn(move || writer.run(&told))?;
        let (thread, kept, told) = (Mutex::new(Some(thread)), Mutex::default(), Mutex::default());
        let (reply, closed) = channel();
        let recovered = Mutex::new(Some(closed));
        let store = Self { folder, jobs, thread, recovered, kept, told, on_error };
        // The first of all jobs: what is a draft then is of another process.
        store.tell(Job::Recover(reply));
        Ok(store)
    }

    /// The record of a run that is under way as it stands: what is left of it if the process dies.
    pub fn draft(&self, record: RunRecord) {
        self.tell(Job::Draft(Box::new(record)));
    }

    /// A run has ended.
    pub fn save(&self, record: Arc<RunRecord>) {
        self.keep(&record);
        self.tell(Job::Save(record));
    }

    /// A sweep was due, at a time in nanoseconds since the Unix epoch, whether it runs or not.
    pub fn due(&self, key: &Arc<RunKey>, unix_nanos: i64) {
        self.tell(Job::Due(Arc::clone(key), unix_nanos));
    }

    /// A sweep is watched by `schedule`, in whatever words, from a time on, in nanoseconds since the
    /// Unix epoch, unless it was before: what is due by it before the next start is known to be
    /// missed then.
    pub fn watched(&self, key: &Arc<RunKey>, unix_nanos: i64, schedule: String) {
        self.tell(Job::Watched(Arc::clone(key), unix_nanos, schedule));
    }

    /// The runs that the end of another process cut off, closed as interrupted, handed out once: to
    /// be saved. Until then their drafts stay. Waits for the disk.
    pub fn recover(&self) -> Vec<RunRecord> {
        let recovered = self.recovered.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Without an answer, the thread is gone: there is nothing then.
        recovered.and_then(|closed| closed.recv().ok()).unwrap_or_default()
    }

    /// The newest runs of `key`. Waits for the disk.
    pub fn latest(&self, key: &RunKey) -> Latest {
        let dues = Dues::read(&self.folder);
        let dues = dues.inspect_err(|error| self.cannot_read("the last due times", error));
        let known = dues.unwrap_or_default().get(key);
        let (last_due, seen) = (known.due, known.seen());
        let mut latest = Latest { last_due, seen, schedule: known.schedule, ..Latest::default() };
        let may_be = |id: &RunId| id.may_be_of(key);
        self.each(MOST_RESTORED, may_be, |record| latest.look(key, record));
        latest
    }

    /// Shows the records of `key`, the newest first and as many as are looked for, one at a time.
    /// Waits for the disk.
    pub fn runs_of(&self, key: &RunKey, most: usize, mut show: impl FnMut(&RunRecord)) {
        let may_be = |id: &RunId| id.may_be_of(key);
        self.each(most.min(MOST_READ), may_be, |record| {
            if is_of(key, record) {
                show(record);
            }
            Search::GoesOn
        });
    }

    /// Shows the records that are wanted, the newest first, one at a time: together they may be
    /// too large for memory. Waits for the disk.
    pub fn list(&self, query: &RunQuery, mut show: impl FnMut(&RunRecord)) {
        let mut left = query.limit;
        let look = |record: &Arc<RunRecord>| {
            if query.takes(record) {
                show(record);
                left -= 1;
            }
            if left > 0 { Search::GoesOn } else { Search::Ends }
        };
        if query.limit > 0 {
            self.each(MOST_READ, |_| true, look);
        }
    }

    /// The record of `id`. Waits for the disk.
    pub fn get(&self, id: &RunId) -> Option<Arc<RunRecord>> {
        let kept = self.kept();
        if let Some(record) = kept.iter().find(|record| record.id == id.as_str()) {
            return Some(Arc::clone(record));
        }
        let path = folder::record(&self.folder, id);
        match folder::read(&path) {
            Ok(record) => Some(Arc::new(record)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.cannot_read(&path.display().to_string(), &error);
                None
            }
        }
    }

    /// Writes what is still to be written, and ends. Waits for the disk.
    pub fn close(&self) {
        // In vain if the thread has died, which `join` then says.
        let _ = self.jobs.send(Job::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the storing thread panicked; this is a bug");
        }
    }

    /// Looks at records, the newest first, of memory and disk, until told to end.
    fn each(
        &self,
        most: usize,
        wanted: impl Fn(&RunId) -> bool,
        mut look: impl FnMut(&Arc<RunRecord>) -> Search,
    ) {
        let kept = self.kept();
        let names = folder::names(&self.folder);
        let names = names.inspect_err(|error| self.cannot_read("the folder of the runs", error));
        let in_memory = kept.iter().filter_map(|record| RunId::parse(&record.id));
        let mut ids = names.unwrap_or_default().records;
        ids.extend(in_memory);
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.dedup();
        for id in ids.iter().filter(|id| wanted(id)).take(most) {
            if let Some(record) = self.get(id)
                && look(&record) == Search::Ends
            {
                return;
            }
        }
    }

    fn keep(&self, record: &Arc<RunRecord>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(Arc::clone(record));
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }

    /// What memory has. Copied, so that nobody who tells something waits for a disk.
    fn kept(&self) -> Vec<Arc<RunRecord>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }

    fn tell(&self, job: Job) {
        match self.jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                (self.on_error)();
                tracing::error!("the disk is so slow that something of a run is not written");
            }
            // The daemon is at its end.
            Err(TrySendError::Disconnected(_)) => (self.on_error)(),
        }
    }

    fn cannot_read(&self, what: &str, error: &io::Error) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.contains(what) || told.len() >= MOST_TOLD {
            return;
        }
        told.insert(what.to_owned());
        drop(told);
        (self.on_error)();
        tracing::error!(what, %error, "the store cannot read something; it is left out");
    }
}

impl Latest {
    /// Takes in a record, which is older than those before it.
    fn look(&mut self, key: &RunKey, record: &Arc<RunRecord>) -> Search {
        if !is_of(key, record) {
            return Search::GoesOn;
        }
        let mut places = vec![&mut self.newest];
        if matches!(record.result, RunResult::Success | RunResult::Invalid) {
            places.push(&mut self.complete);
        }
        if record.result == RunResult::Success {
            places.push(&mut self.success);
        }
        for place in places {
            place.get_or_insert_with(|| Arc::clone(record));
        }
        if self.success.is_some() { Search::Ends } else { Search::GoesOn }
    }
}

/// Whether `record` is of a run of `key`: ids tell subjects apart by a hash only.
fn is_of(key: &RunKey, record: &RunRecord) -> bool {
    let whose = (&*record.sweep, &*record.target, &*record.model);
    whose == (&*key.sweep, &*key.target, &*key.model)
}

/// Whether further records are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Search {
    GoesOn,
    Ends,
}

#[cfg(test)]
mod tests;
