//! One thread that keeps due times.
//!
//! The runtime's timers are a millisecond late at the median; a thread that sleeps with a timer
//! slack of 1 ns is some tens of microseconds late (`benches/`). It hands every due time on as a
//! [`Wake`] and does nothing else, so one slow receiver delays no other.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle, Thread},
    time::Duration,
};

use tokio::sync::mpsc::UnboundedSender;

use crate::clock::Stamp;

/// A due time that has come.
#[derive(Clone, Copy, Debug)]
pub struct Wake {
    /// Whose.
    pub ticket: Ticket,
    /// When it was due.
    pub due: Stamp,
    /// When the pacer was awake for it.
    pub woke: Stamp,
}

/// A schedule that the pacer keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// How early the due times of a schedule are handed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lead {
    /// So long before they are due.
    pub ahead: Duration,
    /// What is due within so long of one that is handed on goes with it: the thread does not wake
    /// in the middle of what the first one sets off.
    pub along: Duration,
}

/// Due times, in ascending order.
type Dues = Box<dyn Iterator<Item = Stamp> + Send>;

/// Longest sleep. Far due times are slept towards in slices, so that a lost unpark cannot hurt.
const SLICE: Duration = Duration::from_secs(1);

/// The pacer thread. It ends when the pacer is dropped.
pub struct Pacer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    sleeper: Thread,
    tickets: AtomicU64,
}

#[derive(Default)]
struct Shared {
    /// Schedules that were added or removed since the thread last looked.
    changes: Mutex<Vec<Change>>,
    stop: AtomicBool,
}

enum Change {
    Add(Schedule),
    Remove(Ticket),
}

impl Pacer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new().name("pacer".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || run(&shared)
        })?;
        let sleeper = thread.thread().clone();
        Ok(Self { shared, thread: Some(thread), sleeper, tickets: AtomicU64::new(0) })
    }

    /// Keeps `dues`, which must ascend, and wakes `receiver` at each of them. The schedule ends
    /// with its iterator, with its receiver, or with [`Self::remove`].
    pub fn add(
        &self,
        dues: impl Iterator<Item = Stamp> + Send + 'static,
        receiver: UnboundedSender<Wake>,
    ) -> Ticket {
        self.add_early(dues, Lead::default(), receiver)
    }

    /// Keeps `dues` as [`Self::add`] does, and hands each on before it is due.
    pub fn add_early(
        &self,
        dues: impl Iterator<Item = Stamp> + Send + 'static,
        lead: Lead,
        receiver: UnboundedSender<Wake>,
    ) -> Ticket {
        let ticket = Ticket(self.tickets.fetch_add(1, Ordering::Relaxed));
        self.change(Change::Add(Schedule { ticket, dues: Box::new(dues), lead, receiver }));
        ticket
    }

    /// Forgets a schedule. A wake that is on its way still arrives.
    pub fn remove(&self, ticket: Ticket) {
        self.change(Change::Remove(ticket));
    }

    fn change(&self, change: Change) {
        self.shared.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
        self.sleeper.unpark();
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.sleeper.unpark();
        if let Some(thread) = self.thread.take() {
            // It panics nowhere, and if it did the schedules would be over just the same.
            let _ = thread.join();
        }
    }
}

struct Schedule {
    ticket: Ticket,
    dues: Dues,
    lead: Lead,
    receiver: UnboundedSender<Wake>,
}

/// One schedule in the thread's heap, ordered by when it is to be woken for next.
struct Entry {
    wake: Stamp,
    /// The next due time; the schedule has those after it.
    due: Stamp,
    schedule: Schedule,
}

impl Entry {
    /// The schedule up to its next due time; absent if there is none.
    fn next(mut schedule: Schedule) -> Option<Self> {
        let due = schedule.dues.next()?;
        Some(Self { wake: due.before(schedule.lead.ahead), due, schedule })
    }

    /// Hands on what is to be handed on `now`; what is left of the schedule, if anybody listens.
    fn hand_on(self, now: Stamp) -> Option<Self> {
        let until = self.due.after(self.schedule.lead.along);
        let mut entry = self;
        loop {
            let Self { due, schedule: Schedule { ticket, receiver, .. }, .. } = &entry;
            receiver.send(Wake { ticket: *ticket, due: *due, woke: now }).ok()?;
            entry = Self::next(entry.schedule)?;
            if entry.due >= until {
                return Some(entry);
            }
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.wake, self.schedule.ticket).cmp(&(other.wake, other.schedule.ticket))
    }
}

fn run(shared: &Shared) {
    // The slack is a property of this thread alone. Refused, beats are 50 µs later.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_timerslack(1);
    let mut entries = BinaryHeap::new();
    while !shared.stop.load(Ordering::Acquire) {
        for change in
            std::mem::take(&mut *shared.changes.lock().unwrap_or_else(PoisonError::into_inner))
        {
            match change {
                Change::Add(schedule) => entries.extend(Entry::next(schedule).map(Reverse)),
                Change::Remove(ticket) => {
                    entries
                        .retain(|Reverse(entry): &Reverse<Entry>| entry.schedule.ticket != ticket);
                }
            }
        }
        let now = Stamp::now();
        match entries.peek() {
            Some(Reverse(next)) if next.wake <= now => {
                let rest = entries.pop().and_then(|Reverse(entry)| entry.hand_on(now));
                entries.extend(rest.map(Reverse));
            }
            Some(Reverse(next)) => thread::park_timeout(next.wake.since(now).min(SLICE)),
            None => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    fn every(interval: Duration, count: usize) -> impl Iterator<Item = Stamp> {
        let start = Stamp::now();
        (1..=count).map(move |beat| start.after(interval * u32::try_from(beat).expect("few")))
    }

    #[test]
    fn every_due_time_is_handed_on_once_and_never_early() {
        let pacer = Pacer::start().expect("a thread");
        let (send, mut wakes) = unbounded_channel();
        let fast = pacer.add(every(Duration::from_millis(2), 20), send.clone());
        let slow = pacer.add(every(Duration::from_millis(7), 5), send);
        let mut seen = Vec::new();
        while let Some(wake) = wakes.blocking_recv() {
            assert!(wake.woke >= wake.due, "woke before it was due");
            seen.push(wake);
        }
        let dues =
            |ticket| seen.iter().filter(move |wake| wake.ticket == ticket).map(|wake| wake.due);
        assert_eq!((dues(fast).count(), dues(slow).count()), (20, 5));
        assert!(dues(fast).is_sorted() && seen.iter().map(|wake| wake.due).is_sorted());
    }

    #[test]
    fn what_is_near_an_early_one_comes_with_it() {
        let pacer = Pacer::start().expect("a thread");
        let (send, mut wakes) = unbounded_channel();
        let (ahead, along) = (Duration::from_millis(5), Duration::from_millis(3));
        let start = Stamp::now().after(Duration::from_millis(20));
        let dues = [0, 2, 3, 4, 9].map(|at| start.after(Duration::from_millis(at)));
        pacer.add_early(dues.into_iter(), Lead { ahead, along }, send);
        let mut seen = Vec::new();
        while let Some(wake) = wakes.blocking_recv() {
            assert!(wake.woke >= wake.due.before(ahead + along), "too early");
            seen.push(wake);
        }
        assert_eq!(seen.iter().map(|wake| wake.due).collect::<Vec<_>>(), dues);
        assert_eq!(seen[0].woke, seen[1].woke);
        // What is due at the end of that time or later is woken for anew.
        assert!(seen[1].woke < seen[2].woke && seen[3].woke < seen[4].woke);
    }

    #[test]
    fn a_removed_schedule_is_silent() {
        let pacer = Pacer::start().expect("a thread");
        let (send, mut wakes) = unbounded_channel();
        let ticket = pacer.add(every(Duration::from_millis(1), usize::MAX >> 40), send);
        assert!(wakes.blocking_recv().is_some());
        pacer.remove(ticket);
        // Removing drops the sender, so the channel ends after what was on its way.
        while wakes.blocking_recv().is_some() {}
    }

    #[test]
    fn a_near_due_time_interrupts_a_far_one() {
        let pacer = Pacer::start().expect("a thread");
        let (send, mut wakes) = unbounded_channel();
        let far = pacer
            .add(std::iter::once(Stamp::now().after(Duration::from_secs(3_600))), send.clone());
        let near = pacer.add(every(Duration::from_millis(1), 1), send);
        assert_eq!(wakes.blocking_recv().map(|wake| wake.ticket), Some(near));
        pacer.remove(far);
        assert!(wakes.blocking_recv().is_none());
    }
}
