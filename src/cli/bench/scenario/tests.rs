//! Flags, and the scenarios they make.

use std::{fs, time::Duration};

use clap::Parser;

use super::*;
use crate::{
    arrival::{Arrival, Load, Pattern},
    verdict::{Clustered, State},
    workload::{Length, Workload},
};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn bench(flags: &[&str]) -> anyhow::Result<Bench> {
    let command = Command::try_parse_from(["bench", "http://h"].iter().chain(flags))?;
    build(&command.args, None)
}

fn levels(flags: &[&str]) -> Vec<Arrival> {
    match &bench(flags).expect("a scenario").scenario.load {
        Load::Levels(levels) => levels.clone(),
        Load::Search(search) => panic!("{search:?}"),
    }
}

fn refusal(flags: &[&str]) -> String {
    match bench(flags) {
        Ok(bench) => panic!("{flags:?} gives {:?}", bench.scenario),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn without_flags_one_user_sends_ten_requests() {
    let bench = bench(&[]).expect("a scenario");
    assert_eq!(bench.scenario.requests_per_step, Some(Requests::PerUser(10)));
    assert_eq!(levels(&[])[0].concurrency(), Some(1));
    assert_eq!(bench.scenario.warmup.requests, WARMUP);
    assert!(bench.slos.is_empty());
}

#[test]
fn a_search_that_can_certify_nothing_says_so() {
    let search = |flags: &[&str]| {
        let flags = [&["--find-max-goodput", "--goodput", "ttft:60"], flags].concat();
        bench(&flags).expect("a scenario")
    };
    let note = search(&["-n", "539"]).note.expect("too few");
    assert!(note.contains("539 requests") && note.contains("it takes 540"), "{note}");
    for enough in [&["-n", "540"][..], &["--objective", "80%", "-n", "200"], &[]] {
        assert_eq!(search(enough).note, None, "{enough:?}");
    }
    // What is said is so.
    let slo = &search(&[]).slos[0];
    for (n, state) in [(539, State::NotEnoughData), (540, State::Pass)] {
        assert_eq!(Looks::of(slo, n).last(&[Clustered::apart(n, 0)]), state);
    }
}

#[test]
fn a_rate_goes_on_for_a_minute() {
    let scenario = bench(&["--request-rate", "5,10"]).expect("a scenario").scenario;
    assert_eq!(scenario.requests_per_step, None);
    assert_eq!(scenario.duration, Some(Duration::from_secs(60)));
    let levels = levels(&["--request-rate", "5,10"]);
    let rates: Vec<_> = levels.iter().map(Arrival::rate).collect();
    assert_eq!(rates, [Some(5.0), Some(10.0)]);
    assert_eq!(levels[0].as_str(), "poisson");
}

#[test]
fn no_request_of_a_trace_is_warm_up_unless_asked_for() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), "{\"timestamp\": 0}\n").expect("written");
    let trace = format!("--trace={}", file.path().display());
    for (flags, warmup) in [(&[trace.as_str()][..], 0), (&[&trace, "--warmup=3"], 3)] {
        assert_eq!(bench(flags).expect("a scenario").scenario.warmup.requests, warmup);
    }
}

#[test]
fn a_shape_implies_its_arrival() {
    let gamma = &levels(&["--request-rate", "5", "--burstiness", "0.5"])[0];
    assert_eq!(gamma.as_str(), "gamma");
    let burst = &levels(&["--request-rate", "5", "--burst-size", "10"])[0];
    let Arrival::Open(open) = burst else { panic!("{burst:?}") };
    let Pattern::Burst { size, period } = open.pattern else { panic!("{open:?}") };
    assert_eq!((size, period), (10, Duration::from_secs(2)));
    assert_eq!(levels(&["--request-rate=5", "--arrival=constant"])[0].as_str(), "constant");
}

#[test]
fn lengths_reach_the_workload() {
    let flags = ["--isl", "512", "--isl-stddev", "20", "--osl", "64", "--shared-prefix", "128"];
    let scenario = bench(&flags).expect("a scenario").scenario;
    let Workload::Synthetic(workload) = &*scenario.workloads[0].1 else { panic!("synthetic") };
    assert_eq!(workload.input_tokens, Length::Normal { mean: 512.0, stddev: 20.0 });
    assert_eq!(workload.output_tokens, Length::Constant(64));
}

#[test]
fn a_search_begins_and_ends_where_it_is_told() {
    let flags = ["--find-max-goodput=concurrency", "--goodput", "ttft:1s", "--concurrency=4,64"];
    let bench = bench(&flags).expect("a scenario");
    let Load::Search(search) = &bench.scenario.load else { panic!("a search") };
    assert_eq!((search.start, search.max), (4.0, 64.0));
    assert_eq!(&*bench.slos[0].name, GOODPUT);
}

#[test]
fn a_shipped_scenario_is_changed_by_flags_and_by_nothing_else() {
    let shipped = config::shipped_scenario("concurrency_sweep").expect("shipped");
    let same = bench(&["--scenario", "concurrency_sweep"]).expect("a scenario").scenario;
    assert_eq!(same.load, shipped.load);
    assert_eq!(same.requests_per_step, shipped.requests_per_step);
    assert_eq!((same.warmup, same.settle), (shipped.warmup, shipped.settle));
    let flags = ["--scenario=concurrency_sweep", "--concurrency=2", "--requests=7", "--seed=3"];
    let changed = bench(&flags).expect("a scenario").scenario;
    assert_ne!(changed.load, shipped.load);
    assert_eq!(changed.requests_per_step, Some(Requests::Count(7)));
    assert_eq!((changed.settle, changed.seed), (shipped.settle, Some(3)));
    assert_eq!(&*changed.name, "concurrency_sweep");
}

fn first(flags: &[&str]) -> Arrival {
    levels(flags).swap_remove(0)
}

#[test]
fn what_a_flag_does_not_say_stays_as_the_scenario_has_it() {
    let Arrival::Closed(users) = first(&["--scenario=load_test", "-c=50"]) else { panic!("users") };
    assert_eq!((users.users, users.spawn_rate), (50, Some(10.0)));
    let flags = ["--scenario=load_test", "--spawn-rate=2"];
    let spawned: Vec<_> = levels(&flags).iter().map(Arrival::concurrency).collect();
    assert_eq!(spawned, [10, 25, 50, 75, 100].map(Some));
    let Arrival::Open(open) = first(&["--scenario=poisson_goodput", "--request-rate=40"]) else {
        panic!("a rate")
    };
    assert_eq!(open.max_in_flight, Some(32));
    let gated = first(&["--scenario=poisson_goodput", "--max-concurrency=64"]);
    let Arrival::Open(open) = &gated else { panic!("a rate") };
    assert_eq!((gated.rate(), open.max_in_flight), (Some(20.0), Some(64)));
    assert_eq!(first(&["--scenario=poisson_goodput", "--arrival=constant"]).as_str(), "constant");
}

#[test]
fn a_length_changes_that_length_of_every_workload_and_nothing_else() {
    let flags = ["--scenario=latency_benchmark", "--osl=32"];
    let shipped = config::shipped_scenario("latency_benchmark").expect("shipped");
    let changed = bench(&flags).expect("a scenario").scenario;
    for ((name, changed), (was, shipped)) in changed.workloads.iter().zip(&shipped.workloads) {
        let (Workload::Synthetic(changed), Workload::Synthetic(shipped)) = (&**changed, &**shipped)
        else {
            panic!("made up")
        };
        assert_eq!(changed.output_tokens, Length::Constant(32));
        assert_eq!(changed.input_tokens, shipped.input_tokens);
        assert_eq!(**name, format!("{was}-changed"));
    }
    let flags = ["--scenario=prefix_cache", "--shared-prefix=900"];
    let workloads = &bench(&flags).expect("a scenario").scenario.workloads;
    let prefixes = workloads.iter().map(|(_, workload)| match &**workload {
        Workload::Synthetic(made_up) => {
            assert_eq!(made_up.input_tokens, Length::Constant(1124));
            made_up.shared_prefix_tokens
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(prefixes.collect::<Vec<_>>(), [0, 900], "cold prompts stay cold");
    let flags = ["--scenario=load_test", "--osl=10"];
    let mix = &bench(&flags).expect("a scenario").scenario.workloads[0].1;
    assert_eq!(mix.max_output_tokens(), 10);
}

#[test]
fn requests_of_each_user_are_none_of_a_rate() {
    let flags = ["--scenario=concurrency_sweep", "--request-rate=5"];
    let scenario = bench(&flags).expect("a scenario").scenario;
    assert_eq!(scenario.requests_per_step, None);
    assert_eq!(scenario.duration, Some(Duration::from_secs(60)));
    let flags = ["--scenario=concurrency_sweep", "--find-max-goodput", "--slo=interactive"];
    let scenario = bench(&flags).expect("a scenario").scenario;
    assert_eq!(
        (scenario.requests_per_step, scenario.duration),
        (None, Some(Duration::from_secs(600)))
    );
}

#[test]
fn a_path_is_asked_in_place_of_a_prompt() {
    let scenario =
        bench(&["--http-path=/health", "-c=50", "-n=1000"]).expect("a scenario").scenario;
    let Workload::Http(ask) = &*scenario.workloads[0].1 else { panic!("plain") };
    assert_eq!((ask.path.as_str(), ask.method.as_str()), ("/health", "GET"));
    let changed = bench(&["--scenario=http_only", "--http-path=/health"]).expect("a scenario");
    assert_eq!(changed.scenario.requests_per_step, Some(Requests::Count(1000)));
}

#[test]
fn a_shipped_slo_stands_beside_that_of_the_flags() {
    let bench = bench(&["--slo", "interactive", "--goodput", "ttft:1s"]).expect("a scenario");
    let names: Vec<_> = bench.slos.iter().map(|slo| &*slo.name).collect();
    assert_eq!(names, [GOODPUT, "interactive"]);
}

#[test]
fn what_does_not_go_together_is_refused_with_a_remedy() {
    for (flags, remedy) in [
        (&["--concurrency=1", "--request-rate=1"][..], "--max-concurrency"),
        (&["--max-concurrency=8"], "--concurrency alone"),
        (&["--arrival=constant"], "--request-rate"),
        (&["--request-rate=5", "--arrival=gamma"], "--burstiness"),
        (&["--request-rate=5", "--arrival=burst"], "--burst-size"),
        (&["--request-rate=5", "--arrival=poisson", "--burstiness=2"], "--arrival gamma"),
        (&["--find-max-goodput"], "--goodput"),
        (&["--find-max-goodput", "--goodput=ttft:1s", "--concurrency=4"], "=concurrency"),
        (&["--request-rate=5", "--requests=10x"], "--duration"),
        (&["--trace=a", "--concurrency=4"], "--trace"),
        (&["--dataset=a", "--isl=4"], "--isl"),
        (&["--objective=99%"], "--goodput"),
        (&["--scenario=latency_bench"], "latency_benchmark"),
        (&["--scenario=find_capacity"], "--slo NAME"),
        (&["--osl=1", "--goodput=tpot:30"], "two tokens"),
        (&["--http-path=/x", "--goodput=ttft:500"], "needs a token"),
        (&["--scenario=poisson_goodput", "--requests=10x"], "--duration"),
        (&["--scenario=load_test", "--max-concurrency=8"], "--request-rate"),
        (&["--scenario=http_only", "--isl=8"], "not made up"),
        (&["--scenario=prefix_cache", "--isl=512"], "--shared-prefix"),
        (&["--scenario=load_test", "--isl-stddev=8"], "give both"),
        (&["--request-rate=5", "--spawn-rate=1"], "--concurrency"),
        (&["--http-path=/x", "--isl=4"], "--isl"),
        (&["--http-path=/x", "--dataset=a"], "--dataset"),
        (&["--http-path=x"], "path"),
        (&["--slo=interactiv"], "interactive"),
        (&["--shared-prefix=500"], "shared prefix"),
        (&["--goodput=ttft:fast"], "duration"),
    ] {
        let refusal = refusal(flags);
        assert!(refusal.contains(remedy), "{flags:?}: {refusal}");
    }
}
