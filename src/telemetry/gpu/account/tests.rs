use super::*;

fn gpu(uuid: &str, joules: f64, xids: Xids) -> GpuTold {
    GpuTold {
        gpu: Gpu { gpu: "0".into(), uuid: uuid.into(), mig: "".into() },
        name: "H200".into(),
        driver: "570".into(),
        gauges: vec![(Id::GpuPower, None, 500.0), (Id::GpuPcieRate, Some("receive"), 8e9)],
        counters: vec![(Id::GpuEnergy, None, joules), (Id::GpuThrottle, Some("power"), 1.5)],
        programs: vec![("python3".into(), 6e10)],
        xids,
    }
}

fn account() -> GpuAccount {
    GpuAccount::new("t".into(), "dcgm")
}

/// The values of a metric, by its labels after `target`.
fn values(account: &GpuAccount, id: Id) -> Vec<(String, f64)> {
    let readings = account.readings().into_iter().filter(|reading| reading.id == id);
    readings.map(|one| (one.labels[1..].join(","), one.value)).collect()
}

fn xid(account: &GpuAccount, code: &str) -> Option<f64> {
    let of = format!("0,a,,{code}");
    values(account, Id::GpuXidErrors).into_iter().find(|(labels, _)| *labels == of).map(|one| one.1)
}

#[test]
fn closed_sets_exist_at_0() {
    let mut account = account();
    account.collected(vec![Some(vec![gpu("a", 10.0, Xids::Untold)])], 5.0);
    let throttle = values(&account, Id::GpuThrottle);
    assert_eq!(throttle.len(), 6);
    assert_eq!(throttle[0], ("0,a,,power".to_owned(), 1.5));
    assert!(throttle[1..].iter().all(|(_, value)| *value == 0.0));
    assert_eq!(values(&account, Id::GpuEccErrors).len(), 4);
    assert_eq!(values(&account, Id::GpuXidErrors).len(), 10);
    assert_eq!(values(&account, Id::GpuInfo), [("0,a,,H200,570".to_owned(), 1.0)]);
    let traffic = values(&account, Id::GpuPcieRate);
    assert_eq!(traffic, [("0,a,,receive".to_owned(), 8e9)]);
    assert_eq!(values(&account, Id::GpuNvlinkRate), []);
    let memory = values(&account, Id::GpuProcessMemory);
    assert_eq!(memory, [("0,a,,python3".to_owned(), 6e10)]);
    for reading in account.readings() {
        assert_eq!(reading.labels.len(), reading.id.row().labels.len(), "{:?}", reading.id);
    }
}

#[test]
fn no_gpu_is_a_failure_and_nothing_old_stands() {
    let mut account = account();
    account.collected(Vec::new(), 5.0);
    assert_eq!(account.is_up(), Some(false));
    assert!(values(&account, Id::GpuCollectorLastSuccess).is_empty());
    let both = || vec![gpu("a", 10.0, Xids::Untold)];
    account.collected(vec![Some(both()), Some(vec![gpu("b", 7.0, Xids::Untold)])], 6.0);
    assert_eq!(account.is_up(), Some(true));
    // The second node is silent: its counters stand, what it said of the moment does not.
    account.collected(vec![Some(both()), None], 7.0);
    assert_eq!(account.is_up(), Some(false));
    assert_eq!(values(&account, Id::GpuCollectorLastSuccess), [("dcgm".to_owned(), 6.0)]);
    assert_eq!(values(&account, Id::GpuPower), [("0,a,".to_owned(), 500.0)]);
    assert_eq!(values(&account, Id::GpuEnergy).len(), 2);
    assert_eq!(values(&account, Id::GpuProcessMemory).len(), 1);
    assert_eq!(values(&account, Id::GpuInfo).len(), 1);
    // It speaks again, and of another GPU: the one before is gone.
    account.collected(vec![Some(both()), Some(vec![gpu("c", 1.0, Xids::Untold)])], 8.0);
    let energy = [("0,a,".to_owned(), 10.0), ("0,c,".to_owned(), 1.0)];
    assert_eq!(values(&account, Id::GpuEnergy), energy);
}

#[test]
fn counters_go_on_over_a_restart() {
    let mut account = account();
    for joules in [10.0, 30.0, 5.0] {
        account.collected(vec![Some(vec![gpu("a", joules, Xids::Untold)])], 5.0);
    }
    assert_eq!(values(&account, Id::GpuEnergy), [("0,a,".to_owned(), 35.0)]);
}

#[test]
fn an_xid_error_is_counted_when_it_comes() {
    let mut account = account();
    let mut collect = |xids: Xids| {
        account.collected(vec![Some(vec![gpu("a", 1.0, xids)])], 5.0);
        (xid(&account, "79"), xid(&account, "31"))
    };
    // What was there at first may be of last year.
    assert_eq!(collect(Xids::Latest(79)), (Some(0.0), None));
    assert_eq!(collect(Xids::Latest(79)), (Some(0.0), None));
    assert_eq!(collect(Xids::Latest(31)), (Some(0.0), Some(1.0)));
    assert_eq!(collect(Xids::Latest(79)), (Some(1.0), Some(1.0)));
    assert_eq!(collect(Xids::Latest(0)), (Some(1.0), Some(1.0)));
    // Counts in a window: two are new, then they pass out of it, then one comes.
    assert_eq!(collect(Xids::OfLate(vec![(79, 2.0)])), (Some(3.0), Some(1.0)));
    assert_eq!(collect(Xids::OfLate(vec![(79, 0.0)])), (Some(3.0), Some(1.0)));
    assert_eq!(collect(Xids::OfLate(vec![(79, 1.0)])), (Some(4.0), Some(1.0)));
}
