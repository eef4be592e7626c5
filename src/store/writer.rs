//! The thread that writes: one job after the other, so that nobody else waits for a disk.

use std::{
    collections::{BTreeSet, VecDeque},
    fs::File,
    io,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use super::{dues::Dues, folder, id::RunId};
use crate::{
    clock::{Stamp, Wall},
    event::{RunKey, RunRecord, RunResult},
};

/// Records that wait for a disk that takes them. The oldest goes first.
const UNSAVED: usize = 64;

/// Drafts that are closed at a start; a daemon has as many as it has runs at once.
const MOST_DRAFTS: usize = 1_000;

/// How often old records are looked for.
const SWEEP_OUT: Duration = Duration::from_secs(3_600);

/// How often records that the disk did not take are tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// What the thread is to do.
pub(super) enum Job {
    /// Close what another process left behind, and hand it out to be saved.
    Recover(Sender<Vec<RunRecord>>),
    /// A run is under way: this is its record so far.
    Draft(Box<RunRecord>),
    /// A run has ended.
    Save(Arc<RunRecord>),
    /// A sweep was due, at a time in nanoseconds since the Unix epoch.
    Due(Arc<RunKey>, i64),
    /// A sweep is watched from that time on, by that schedule.
    Watched(Arc<RunKey>, i64, String),
    /// Everything before this is done; then the thread ends.
    Close,
}

/// Called for every write that failed.
pub(super) type OnError = Box<dyn Fn() + Send + Sync>;

/// The writing side of the store.
pub(super) struct Writer {
    folder: PathBuf,
    retention: Duration,
    on_error: Arc<OnError>,
    /// The lock of the folder, once it was taken.
    lock: Option<File>,
    unsaved: VecDeque<Arc<RunRecord>>,
    /// Runs of this process whose drafts are still being written.
    begun: BTreeSet<RunId>,
    dues: Option<Dues>,
    swept: Option<Stamp>,
    /// The last complaint: the same one again and again would fill the log too.
    told: Option<String>,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, retention: Duration, on_error: Arc<OnError>) -> Self {
        let (unsaved, begun) = (VecDeque::new(), BTreeSet::new());
        let (lock, dues, swept, told) = (None, None, None, None);
        Self { folder, retention, on_error, lock, unsaved, begun, dues, swept, told }
    }

    /// Works until it is told to end, or until nobody can tell it anything.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            // Only what waits for the disk is a reason to wake without a job.
            let job = match self.unsaved.is_empty() {
                true => jobs.recv().map_err(RecvTimeoutError::from),
                false => jobs.recv_timeout(AGAIN),
            };
            match job {
                Ok(Job::Recover(reply)) => {
                    // Whoever asked may be gone.
                    let _ = reply.send(self.recover());
                }
                Ok(Job::Draft(record)) => self.draft(&record),
                Ok(Job::Save(record)) => self.save(record),
                Ok(Job::Due(key, at)) => self.keep(|dues| dues.was_due(&key, at)),
                Ok(Job::Watched(key, at, schedule)) => {
                    self.keep(|dues| dues.watched(&key, at, schedule));
                }
                Err(RecvTimeoutError::Timeout) => self.write_unsaved(),
                Ok(Job::Close) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.write_unsaved();
        for record in &self.unsaved {
            tracing::error!(run = record.id, "the record of a run was never written");
        }
    }

    /// Drafts of runs that never came to their end become records, and go when these are saved.
    /// Where another process has the folder, they are that one's.
    fn recover(&mut self) -> Vec<RunRecord> {
        let drafts = match folder::names(&self.folder) {
            Ok(names) if names.drafts.is_empty() => return Vec::new(),
            names => names.and_then(|names| self.take().map(|()| names.drafts)),
        };
        let mut closed = Vec::new();
        for id in drafts.as_deref().unwrap_or_default().iter().take(MOST_DRAFTS) {
            let draft = folder::draft(&self.folder, id);
            // The process ended between the two steps of `write`: the run was not cut off.
            if folder::read(&folder::record(&self.folder, id)).is_ok() {
                self.told("the draft of a run that has a record", folder::remove(&draft));
                continue;
            }
            let record = folder::read(&draft).map(|draft| RunRecord {
                result: RunResult::Interrupted,
                reason: Some("tokenbeat ended while it ran".to_owned()),
                ..draft
            });
            let record = record.map(|record| {
                let steps = record.steps.len();
                tracing::warn!(run = %id, steps, "a run was cut off by the end of tokenbeat");
                closed.push(record);
            });
            self.told(&format!("the draft of the run {id}"), record);
        }
        self.told("the drafts of runs", drafts.map(|_| ()));
        closed
    }

    fn draft(&mut self, record: &RunRecord) {
        let Some(id) = RunId::parse(&record.id) else { return };
        let path = folder::draft(&self.folder, &id);
        let put = self
            .take()
            .and_then(|()| folder::replace(&self.folder, &path, &serde_json::to_vec(record)?));
        self.begun.insert(id);
        self.told("the draft of a run", put);
    }

    /// Saves `record`, and those before it that could not be saved.
    fn save(&mut self, record: Arc<RunRecord>) {
        if let Some(id) = RunId::parse(&record.id) {
            self.begun.remove(&id);
        }
        self.unsaved.push_back(record);
        while self.unsaved.len() > UNSAVED {
            if let Some(lost) = self.unsaved.pop_front() {
                tracing::error!(run = lost.id, "too many records wait for the disk: one is lost");
            }
        }
        self.write_unsaved();
        self.sweep_out();
    }

    /// Tries every record that is not saved yet: one that cannot be must not hold up the others.
    fn write_unsaved(&mut self) {
        for record in std::mem::take(&mut self.unsaved) {
            let saved = self.write(&record);
            if saved.is_err() {
                self.unsaved.push_back(record);
            }
            self.told("the record of a run", saved);
        }
    }

    fn write(&mut self, record: &RunRecord) -> io::Result<()> {
        let id = RunId::parse(&record.id).ok_or_else(|| io::Error::other("its id is none"))?;
        self.take()?;
        let path = folder::record(&self.folder, &id);
        folder::replace(&self.folder, &path, &serde_json::to_vec_pretty(record)?)?;
        folder::remove(&folder::draft(&self.folder, &id))
    }

    /// Takes in something about due times, and writes them if that is news.
    fn keep(&mut self, take_in: impl FnOnce(&mut Dues) -> bool) {
        let kept = self.take().and_then(|()| {
            let dues = match &mut self.dues {
                Some(dues) => dues,
                // One that cannot be read is begun anew: it is worth one missed run.
                none => none.insert(Dues::read(&self.folder).unwrap_or_default()),
            };
            if take_in(dues) { dues.write(&self.folder) } else { Ok(()) }
        });
        self.told("the last due times", kept);
    }

    /// Takes the folder, if that has not succeeded yet.
    fn take(&mut self) -> io::Result<()> {
        if self.lock.is_none() {
            self.lock = Some(folder::take(&self.folder)?);
        }
        Ok(())
    }

    /// Removes records that are too old, now and then, and drafts of that age that nobody could
    /// close.
    fn sweep_out(&mut self) {
        let now = Stamp::now();
        if self.swept.is_some_and(|swept| now.since(swept) < SWEEP_OUT) {
            return;
        }
        self.swept = Some(now);
        let retention = i64::try_from(self.retention.as_nanos()).unwrap_or(i64::MAX);
        let oldest = Wall::anchor().unix_nanos(now).saturating_sub(retention);
        let oldest = RunId::from_time(oldest);
        let is_old = |id: &&RunId| id.as_str() < oldest.as_str();
        let removed = folder::names(&self.folder).and_then(|names| {
            let records = names.records.iter().filter(is_old);
            let drafts = names.drafts.iter().filter(is_old).filter(|id| !self.begun.contains(id));
            let old = records
                .map(|id| folder::record(&self.folder, id))
                .chain(drafts.map(|id| folder::draft(&self.folder, id)));
            // One that cannot be removed keeps no other.
            old.map(|path| folder::remove(&path)).fold(Ok(()), io::Result::and)
        });
        self.told("the removal of old records", removed);
    }

    fn told(&mut self, what: &str, result: io::Result<()>) {
        match result {
            Ok(()) => self.told = None,
            Err(error) => {
                (self.on_error)();
                let told = format!("{what}: {error}");
                if self.told.as_ref() != Some(&told) {
                    tracing::error!(folder = %self.folder.display(), what, %error, "the store fails; the daemon goes on");
                    self.told = Some(told);
                }
            }
        }
    }
}
