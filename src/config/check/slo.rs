//! `slos`.

use std::sync::Arc;

use super::{Coverage, Known};
use crate::{
    config::{problem::Problems, sections::Item},
    verdict::{Slo, SloSpec},
};

pub(super) fn check(
    items: &[Item<'_, SloSpec>],
    coverage: Coverage,
    problems: &mut Problems,
) -> Known<Slo> {
    let mut known = Known::new(coverage);
    for item in items {
        let slo = item.spec.as_ref().and_then(|spec| {
            let name: Arc<str> = item.name.unwrap_or_default().into();
            match spec.build(name) {
                Ok(slo) => Some(Arc::new(slo)),
                Err(faults) => {
                    for (path, error) in faults {
                        problems.push(item.problem(&path, error.to_string()));
                    }
                    None
                }
            }
        });
        known.add(item, "SLO", slo, problems);
    }
    known
}
