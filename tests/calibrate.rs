//! `tokenbeat check calibrate` as a process: it measures something, and says so in both forms.

use std::process::Command;

use tokenbeat::event::Calibration;

#[test]
fn a_calibration_tells_overhead_and_trusted_rates() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tokenbeat"));
    let output =
        program.args(["check", "calibrate", "--format", "json"]).output().expect("the binary runs");
    let stages = String::from_utf8_lossy(&output.stderr).into_owned();
    let told: Calibration = serde_json::from_slice(&output.stdout).expect(&stages);
    assert!(0.0 < told.ttft_overhead_p50 && told.ttft_overhead_p50 <= told.ttft_overhead_p99);
    // How far this machine can be trusted is not for a test to say, but both forms must agree.
    let trusted = told.trusted_requests_per_second > 0.0;
    assert_eq!(output.status.code(), Some(if trusted { 0 } else { 2 }), "{stages}");
    assert_eq!(trusted, told.send_lag_p99 > 0.0, "{stages}");
    let rungs = stages.lines().filter(|line| line.contains("requests a second of"));
    assert!(rungs.count() >= 2, "each ladder has a rung: {stages}");
}
