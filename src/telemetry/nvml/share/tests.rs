use super::*;
use crate::telemetry::gpu::{Gpu, Xids};

fn part(index: u32, mig: &str, uuid: &str) -> Part {
    let gpu = Gpu { gpu: index.to_string().into(), uuid: uuid.into(), mig: mig.into() };
    let told = GpuTold {
        gpu,
        name: "H200".into(),
        driver: "580".into(),
        gauges: Vec::new(),
        counters: Vec::new(),
        programs: Vec::new(),
        xids: Xids::Untold,
    };
    Part { uuid: uuid.into(), told }
}

/// GPU 0 whole, GPU 1 with two instances, GPU 2 lost but known, GPU 3 never seen.
fn machine() -> Vec<LocalGpu> {
    let gpu = |index, parts| LocalGpu { index, parts, failure: None };
    let lost = |index, parts| LocalGpu { index, parts, failure: Some("lost".to_owned()) };
    vec![
        gpu(0, vec![part(0, "", "GPU-a")]),
        gpu(1, vec![part(1, "", "GPU-b"), part(1, "0", "MIG-x"), part(1, "1", "MIG-y")]),
        lost(2, vec![part(2, "", "GPU-c")]),
        lost(3, Vec::new()),
    ]
}

/// The UUIDs that a share hears of, and why something is missing.
fn heard(share: &Share) -> (Vec<String>, usize, Option<String>) {
    let heard = share.of(&machine());
    let failures = heard.places.iter().filter(|place| place.is_none()).count();
    let told = heard.places.into_iter().flatten().flatten();
    (told.map(|told| told.gpu.uuid.to_string()).collect(), failures, heard.missing)
}

fn named(names: &[&str]) -> Share {
    Share::Named(names.iter().map(|&name| name.to_owned()).collect())
}

#[test]
fn a_name_is_an_index_a_gpu_or_an_instance() {
    assert_eq!(heard(&named(&["0"])), (vec!["GPU-a".to_owned()], 0, None));
    let whole = vec!["GPU-b".to_owned(), "MIG-x".to_owned(), "MIG-y".to_owned()];
    assert_eq!(heard(&named(&["1"])), (whole.clone(), 0, None));
    assert_eq!(heard(&named(&["GPU-b"])), (whole, 0, None));
    assert_eq!(heard(&named(&["MIG-y"])), (vec!["MIG-y".to_owned()], 0, None));
}

#[test]
fn what_is_named_and_missing_is_a_failure() {
    let (told, failures, why) = heard(&named(&["0", "2"]));
    assert_eq!((told.len(), failures), (2, 1));
    assert_eq!(why.as_deref(), Some("GPU 2 cannot be read: lost"));
    let (told, failures, why) = heard(&named(&["0", "7"]));
    assert_eq!((told.len(), failures), (1, 1));
    assert_eq!(why.as_deref(), Some("there is no GPU `7` on this machine"));
}

#[test]
fn the_rest_is_what_nobody_has() {
    let rest = |shares: &[Share]| heard(&Share::Rest(shares.to_vec()));
    let mine = named(&["0", "MIG-x", "2", "3"]);
    assert_eq!(rest(&[mine]), (vec!["GPU-b".to_owned(), "MIG-y".to_owned()], 0, None));
    // A GPU that nobody has and that cannot be read is missed here.
    assert_eq!(rest(&[named(&["0"])]).1, 2);
    assert_eq!(rest(&[Share::All]), (Vec::new(), 0, None));
    assert_eq!(heard(&Share::All).1, 2);
}
