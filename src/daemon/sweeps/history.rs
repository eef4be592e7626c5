//! The runs of the past, as the web side reads them.

use std::sync::{Arc, OnceLock};

use crate::{
    event::RunRecord,
    store::{RunId, RunQuery, Store},
    web,
};

/// The store, once there is one: without a sweep, nothing is stored.
#[derive(Default)]
pub(in crate::daemon) struct History(OnceLock<Arc<Store>>);

impl History {
    /// There is a store now.
    pub(super) fn is_in(&self, store: &Arc<Store>) {
        // Only the first is ever set: a daemon has one store.
        let _ = self.0.set(Arc::clone(store));
    }
}

impl web::History for History {
    fn list(&self, sweep: &str, target: &str, limit: usize, show: &mut dyn FnMut(&RunRecord)) {
        let query = RunQuery { sweep: sweep.to_owned(), target: target.to_owned(), limit };
        if let Some(store) = self.0.get() {
            store.list(&query, show);
        }
    }

    fn get(&self, id: &str) -> Option<Arc<RunRecord>> {
        self.0.get()?.get(&RunId::parse(id)?)
    }
}
