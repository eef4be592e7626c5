//! The GPUs of this machine beside the steps of a run: of a benchmark, and of a sweep of a daemon.

use std::fs;

use serde_json::Value;
use tokenbeat::sim::{Dist, Sim, SimSpec, SpawnedSim};

use super::{
    Machine,
    daemon::{Daemon, until},
    until_up,
};

fn engine() -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(20.0), Dist::constant_ms(2.0));
    Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine")
}

/// The first step of a benchmark with these flags, of two and a half seconds, and what was said.
fn bench(machine: &Machine, flags: &[&str]) -> (Value, String) {
    let (sim, record) = (engine(), machine.path("run.json"));
    let record_path = record.to_str().expect("UTF-8");
    let fixed = ["bench", sim.base_url(), "--isl", "8", "--osl", "8", "--output", record_path];
    let step = ["--duration", "2500ms", "--warmup", "0"];
    let output = machine.tokenbeat(&[&fixed[..], &step, flags].concat()).output().expect("it runs");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let record = fs::read(record).unwrap_or_else(|error| panic!("{error}: {words}"));
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    (record["steps"][0].clone(), words)
}

/// What the record says that could not be read.
fn untold(step: &Value) -> String {
    let warnings = step["warnings"].as_array().expect("warnings");
    let untold = warnings.iter().filter(|warning| warning["code"] == "telemetry_untold");
    untold.map(|warning| warning["text"].as_str().expect("a text")).collect::<Vec<_>>().join("; ")
}

fn number(of: &Value, key: &str) -> f64 {
    of[key].as_f64().unwrap_or_else(|| panic!("no {key} in {of}"))
}

#[test]
fn a_benchmark_has_the_joules_of_its_tokens_and_what_held_its_gpu() {
    let machine = Machine::new();
    machine.is("busy");
    let (step, words) = bench(&machine, &["--gpus", "0"]);
    assert!(words.contains("beside it GPUs of this machine: 1\n"), "{words}");
    let (gpu, tokens) = (&step["gpu"], number(&step["tokens"], "output"));
    // From one read to the next: no energy of before the step is in it, and none of after.
    let (joules, reads) = (number(gpu, "energy_joules"), number(gpu, "readings"));
    assert_eq!(joules, 500.0 * (reads - 1.0), "{gpu}");
    assert!(reads > 2.0, "{gpu}");
    assert_eq!(number(gpu, "joules_per_output_token"), joules / tokens, "{gpu} {tokens}");
    for (key, value) in [
        ("gpus", 1.0),
        ("utilization_mean", 0.97),
        // Its only samples are those of the begin and the end.
        ("sm_active_mean", 0.425),
        ("pcie_transmit_bytes_per_second_mean", 2048.0 * 1_048_576.0),
        ("pcie_receive_bytes_per_second_mean", 512.0 * 1_048_576.0),
        ("nvlink_receive_bytes_per_second_mean", 250_000.0 * 1_048_576.0),
        ("memory_used_bytes_max", 9e10),
        ("temperature_celsius_max", 61.0),
        ("sm_clock_hertz_mean", 1.98e9),
    ] {
        // A mean of equal numbers, which is theirs but for a rounding.
        let found = number(gpu, key);
        assert!((found / value - 1.0).abs() < 1e-12, "{key} {found}");
    }
    assert_eq!(number(gpu, "nvlink_transmit_bytes_per_second_mean"), 0.0);
    let held = number(&gpu["throttle_ratios"], "power");
    assert!((0.4..0.6).contains(&held), "{held}");
    assert_eq!(untold(&step), "");
}

#[test]
fn every_gpu_is_counted_once_also_one_that_is_divided() {
    let machine = Machine::new();
    machine.is("busy");
    let (step, _) = bench(&machine, &["--gpus", "all"]);
    let gpu = &step["gpu"];
    assert_eq!(number(gpu, "gpus"), 2.0);
    assert_eq!(number(gpu, "energy_joules"), 1000.0 * (number(gpu, "readings") - 1.0));
    assert_eq!(number(gpu, "memory_used_bytes_max"), 180_000_000_001.0);
}

#[test]
fn a_benchmark_is_made_without_its_gpus_and_says_why() {
    let machine = Machine::new();
    let (step, words) = bench(&machine, &["--gpus", "5"]);
    // Also before it, while it can still be mended.
    let before = words.split_once("step 0").expect("a step").0;
    assert!(before.contains("without the GPUs of this machine: there is no GPU `5`"), "{words}");
    assert!(untold(&step).contains("there is no GPU `5` on this machine"), "{step}");
    assert!(step["gpu"].is_null() && number(&step["outcomes"], "ok") > 0.0, "{step}");

    machine.is("hang");
    let (step, words) = bench(&machine, &["--gpus", "0", "--concurrency", "1,1"]);
    assert!(words.contains("the driver has not answered for 5.0 s"), "{words}");
    assert!(untold(&step).contains("the driver still has not answered"), "{step}");
    assert!(step["gpu"].is_null() && number(&step["outcomes"], "ok") > 0.0, "{step}");

    fs::remove_file(machine.path("libnvidia-ml.so.1")).expect("removed");
    let (step, _) = bench(&machine, &["--gpus", "all"]);
    assert!(untold(&step).contains("must be installed here"), "{step}");
    assert!(step["gpu"].is_null() && number(&step["outcomes"], "ok") > 0.0, "{step}");

    let output = machine.tokenbeat(&["bench", "http://127.0.0.1:9", "--gpus", "first"]).output();
    let output = output.expect("it runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && words.contains("nvidia-smi -L"), "{words}");
}

/// A daemon with the sweep `short`, whose target has these GPUs.
fn serve(machine: &Machine, sim: &SpawnedSim, gpus: &str) -> Daemon {
    let text = format!(
        "telemetry: {{nvml: {{interval: 1s}}}}\n\
         targets: [{{name: t, url: \"{}\", models: [sim-8b], gpu: {{nvml: {gpus}}}}}]\n\
         workloads: {{w: {{synthetic: {{input_tokens: 8, output_tokens: 8}}}}}}\n\
         scenarios:\n\
         \x20 short: {{workload: w, load: {{concurrency: [1]}}, duration: 4s, warmup_requests: 0}}\n\
         sweeps:\n\
         \x20 - {{name: short, targets: [t], scenario: short}}\n",
        sim.base_url()
    );
    let file = machine.path("a.yml");
    fs::write(&file, text).expect("written");
    let data = machine.path("data");
    let (file, data) = (file.to_str().expect("UTF-8"), data.to_str().expect("UTF-8"));
    let of = ["serve", "--config.file", file, "--storage.path", data, "--web.enable-lifecycle"];
    let listen = ["--web.listen-address", "127.0.0.1:0"];
    Daemon::start(&mut machine.tokenbeat(&[&of[..], &listen].concat()))
}

/// Starts a sweep, and returns the id of its run.
fn begin(daemon: &Daemon, sweep: &str) -> String {
    let path = format!("/api/v1/sweeps/{sweep}/run");
    let json = "content-type: application/json\r\n";
    let answer = daemon.ask("POST", &path, json).expect("an answer");
    assert_eq!(answer.status, 202, "{}", answer.body);
    let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
    answer["runs"][0]["id"].as_str().expect("an id").to_owned()
}

/// The first step of a run, when it has ended.
fn step(daemon: &Daemon, run: &str) -> Value {
    let record = until("the record", || {
        let answer = daemon.get(&format!("/api/v1/runs/{run}.json"));
        let record: Value = serde_json::from_str(&answer.body).ok()?;
        record["steps"][0].is_object().then_some(record)
    });
    record["steps"][0].clone()
}

#[test]
fn a_sweep_has_averages_from_the_begin_of_a_step_to_its_end() {
    let (machine, sim) = (Machine::new(), engine());
    machine.is("busy");
    let daemon = serve(&machine, &sim, "{gpus: [\"0\"]}");
    until_up(&daemon, "t", 1.0);
    let step = step(&daemon, &begin(&daemon, "short"));
    let gpu = &step["gpu"];
    // The collection has taken samples and read counters meanwhile, and neither disturbs the other.
    assert_eq!(number(gpu, "sm_active_mean"), 0.3, "{gpu}");
    let joules = number(gpu, "energy_joules");
    assert!(joules % 500.0 == 0.0 && joules > 500.0 * (number(gpu, "readings") - 1.0), "{gpu}");
    assert_eq!(
        number(gpu, "joules_per_output_token"),
        joules / number(&step["tokens"], "output"),
        "{gpu}"
    );
    assert_eq!(number(gpu, "gpus"), 1.0);
    until("joules a token", || {
        daemon.value("tokenbeat_sweep_joules_per_output_token", "t").filter(|told| *told > 0.0)
    });
    until_up(&daemon, "t", 1.0);
}

#[test]
fn a_gpu_that_is_lost_during_a_step_is_missed_in_its_record() {
    let (machine, sim) = (Machine::new(), engine());
    let daemon = serve(&machine, &sim, "{}");
    until_up(&daemon, "t", 1.0);
    let run = begin(&daemon, "short");
    until("the run", || {
        daemon.value("tokenbeat_sweep_running", "t").filter(|running| *running == 1.0)
    });
    machine.is("lost");
    let step = step(&daemon, &run);
    assert!(untold(&step).contains("GPU 1 cannot be read"), "{step}");
    assert!(step["gpu"].is_null(), "{step}");
}

#[test]
fn a_driver_that_hangs_during_a_step_does_not_hold_up_the_run() {
    let (machine, sim) = (Machine::new(), engine());
    let daemon = serve(&machine, &sim, "{gpus: [\"0\"]}");
    until_up(&daemon, "t", 1.0);
    let run = begin(&daemon, "short");
    until("the run", || {
        daemon.value("tokenbeat_sweep_running", "t").filter(|running| *running == 1.0)
    });
    machine.is("hang");
    let step = step(&daemon, &run);
    assert!(untold(&step).contains("the driver"), "{step}");
    assert!(step["gpu"].is_null() && number(&step["outcomes"], "ok") > 0.0, "{step}");
}
