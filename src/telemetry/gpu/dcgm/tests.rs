use super::*;

/// Two GPUs of one node and one of another; the second is divided.
const TEXT: &str = r#"# HELP DCGM_FI_DEV_SM_CLOCK SM clock frequency (in MHz).
# TYPE DCGM_FI_DEV_SM_CLOCK gauge
DCGM_FI_DEV_SM_CLOCK{gpu="0",UUID="GPU-a",pci_bus_id="00000000:1B:00.0",device="nvidia0",modelName="NVIDIA H200",Hostname="node-7",DCGM_FI_DRIVER_VERSION="570.86.15"} 1980
DCGM_FI_DEV_MEM_CLOCK{gpu="0",UUID="GPU-a",Hostname="node-7"} 3201
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",Hostname="node-7"} 97
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",Hostname="node-7"} 1000
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-a",Hostname="node-7"} 500
DCGM_FI_DEV_FB_RESERVED{gpu="0",UUID="GPU-a",Hostname="node-7"} 36
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a",Hostname="node-7"} 612.345
DCGM_FI_DEV_POWER_MGMT_LIMIT{gpu="0",UUID="GPU-a",Hostname="node-7"} 700
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a",Hostname="node-7"} 71
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a",Hostname="node-7"} 123456
DCGM_FI_DEV_POWER_VIOLATION{gpu="0",UUID="GPU-a",Hostname="node-7"} 2500000000
DCGM_FI_DEV_THERMAL_VIOLATION{gpu="0",UUID="GPU-a",Hostname="node-7"} 9223372036854775794
DCGM_FI_DEV_ECC_SBE_AGG_TOTAL{gpu="0",UUID="GPU-a",Hostname="node-7"} 4
DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{gpu="0",UUID="GPU-a",Hostname="node-7"} 1
DCGM_FI_DEV_ECC_DBE_AGG_TOTAL{gpu="0",UUID="GPU-a",Hostname="node-7"} 9
DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-a",Hostname="node-7",err_code="0"} 79
# HELP DCGM_FI_PROF_PCIE_TX_BYTES Total number of bytes transmitted through PCIe TX.
# TYPE DCGM_FI_PROF_PCIE_TX_BYTES counter
DCGM_FI_PROF_PCIE_TX_BYTES{gpu="0",UUID="GPU-a",Hostname="node-7"} 2500000
# TYPE DCGM_FI_PROF_PCIE_RX_BYTES gauge
DCGM_FI_PROF_PCIE_RX_BYTES{gpu="0",UUID="GPU-a",Hostname="node-7"} 7500000
DCGM_FI_PROF_NVLINK_TX_BYTES{gpu="0",UUID="GPU-a",Hostname="node-7"} 0
DCGM_FI_PROF_NVLINK_RX_BYTES{gpu="0",UUID="GPU-a",Hostname="node-7"} 9223372036854775794
DCGM_FI_PROF_SM_ACTIVE{gpu="1",UUID="GPU-b",GPU_I_PROFILE="3g.71gb",GPU_I_ID="2",Hostname="node-7"} 0.5
DCGM_FI_PROF_DRAM_ACTIVE{gpu="0",UUID="GPU-c",hostname="node-8"} 0.25
"#;

/// What older exporters write, whose HELP has the wrong unit, and newer ones.
const THROTTLED: [&str; 2] = [
    "# HELP DCGM_FI_DEV_POWER_VIOLATION Throttling duration due to power constraints (in us).\n\
     DCGM_FI_DEV_POWER_VIOLATION{gpu=\"0\",UUID=\"GPU-a\"} 2500000000\n",
    "# HELP DCGM_FI_DEV_POWER_VIOLATION Throttling duration due to power constraints (in ns).\n\
     DCGM_FI_DEV_POWER_VIOLATION{gpu=\"0\",UUID=\"GPU-a\"} 2500000000\n",
];

fn matching(name: &str, values: &[&str]) -> Matching {
    [(name.to_owned(), values.iter().map(|&value| value.to_owned()).collect())].into()
}

#[test]
fn fields_are_read_in_base_units() {
    let gpus = read(TEXT, &matching("Hostname", &["node-7"])).expect("an exposition");
    let ids: Vec<_> =
        gpus.iter().map(|one| (&*one.gpu.gpu, &*one.gpu.uuid, &*one.gpu.mig)).collect();
    assert_eq!(ids, [("0", "GPU-a", ""), ("1", "GPU-b", "2")]);
    let told = &gpus[0];
    assert_eq!((&*told.name, &*told.driver), ("NVIDIA H200", "570.86.15"));
    assert_eq!(
        told.gauges,
        [
            (Id::GpuUtilization, None, 0.97),
            // Bytes a second, whatever its type says; links that rest are not links that are not there.
            (Id::GpuPcieRate, Some("receive"), 7.5e6),
            (Id::GpuPcieRate, Some("transmit"), 2.5e6),
            (Id::GpuNvlinkRate, Some("transmit"), 0.0),
            (Id::GpuMemoryUsed, None, 1_048_576_000.0),
            (Id::GpuMemoryTotal, None, 1536.0 * 1_048_576.0),
            (Id::GpuPower, None, 612.345),
            (Id::GpuPowerLimit, None, 700.0),
            (Id::GpuTemperature, None, 71.0),
            (Id::GpuSmClock, None, 1.98e9),
            (Id::GpuMemoryClock, None, 3.201e9),
        ]
    );
    assert_eq!(
        told.counters,
        [
            (Id::GpuEnergy, None, 123.456),
            (Id::GpuThrottle, Some("power"), 2.5),
            (Id::GpuEccErrors, Some("corrected"), 4.0),
            (Id::GpuEccErrors, Some("uncorrected"), 1.0),
        ]
    );
    assert_eq!(told.xids, Xids::Latest(79));
    assert_eq!(gpus[1].gauges, [(Id::GpuSmActive, None, 0.5)]);
}

#[test]
fn series_are_chosen_by_labels_in_any_spelling() {
    for (name, values, found) in [
        ("Hostname", &["node-8"][..], &["GPU-c"][..]),
        ("hostname", &["node-7"], &["GPU-a", "GPU-b"]),
        ("UUID", &["GPU-b", "GPU-c"], &["GPU-b", "GPU-c"]),
        ("uuid", &["GPU-a"], &["GPU-a"]),
        ("gpu", &["1"], &["GPU-b"]),
        ("pod", &["vllm-0"], &[]),
    ] {
        let gpus = read(TEXT, &matching(name, values)).expect("an exposition");
        let mut uuids: Vec<&str> = gpus.iter().map(|one| &*one.gpu.uuid).collect();
        uuids.sort_unstable();
        assert_eq!(uuids, found, "{name} {values:?}");
    }
    assert_eq!(read(TEXT, &Matching::new()).expect("an exposition").len(), 3);
}

#[test]
fn errors_of_late_are_preferred_to_the_latest() {
    let text = "DCGM_FI_DEV_XID_ERRORS{gpu=\"0\"} 31\n\
                DCGM_EXP_XID_ERRORS_COUNT{gpu=\"0\",xid=\"31\",window_size_in_ms=\"300000\"} 3\n\
                DCGM_EXP_XID_ERRORS_COUNT{gpu=\"0\",xid=\"0\",window_size_in_ms=\"300000\"} 0\n";
    let gpus = read(text, &Matching::new()).expect("an exposition");
    assert_eq!(gpus[0].xids, Xids::OfLate(vec![(31, 3.0)]));
}

#[test]
fn every_label_is_one_of_its_row() {
    for (_, id, label, _) in GAUGES.iter().chain(COUNTERS) {
        let values = id.row().values;
        assert!(
            label.map_or(values.is_empty(), |label| values.contains(&label)),
            "{id:?} {label:?}"
        );
    }
}

#[test]
fn throttling_is_in_nanoseconds_whatever_its_help_says() {
    for text in THROTTLED {
        let gpus = read(text, &Matching::new()).expect("an exposition");
        assert_eq!(gpus[0].counters, [(Id::GpuThrottle, Some("power"), 2.5)], "{text}");
    }
}
