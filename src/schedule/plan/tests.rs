mod random;

use jiff::Timestamp;

use super::*;
use crate::config::{self, Config};

/// Targets `a` with two models and `b`, both of one group, and `c` alone; sweeps as given.
fn config(sweeps: &str) -> Config {
    config::load_str(
        "a.yml",
        &format!(
            "targets:\n\
             - {{name: a, url: 'http://a.test', models: [m1, m2], exclusive_group: g}}\n\
             - {{name: b, url: 'http://b.test', models: [m], exclusive_group: g}}\n\
             - {{name: c, url: 'http://c.test', models: [m]}}\n\
             workloads: {{w: {{synthetic: {{output_tokens: 4}}}}}}\n\
             scenarios: {{s: {{workload: w, load: {{concurrency: [1]}}, requests_per_step: 5}}}}\n\
             sweeps:\n{sweeps}"
        ),
    )
    .expect("a configuration")
}

fn planned(config: &Config) -> Vec<Planned> {
    let of = |sweep: &Arc<Sweep>, target: &Arc<Target>| {
        let config::Models::List(models) = &target.models else { return Vec::new() };
        let key = |model: &Arc<str>| {
            let (target, sweep) = (Arc::clone(&target.name), Arc::clone(&sweep.name));
            Arc::new(RunKey { target, model: Arc::clone(model), sweep })
        };
        models.iter().map(key).collect()
    };
    let sweeps = config.sweeps.iter();
    let pairs = sweeps.flat_map(|sweep| sweep.targets.iter().map(move |target| (sweep, target)));
    pairs
        .map(|(sweep, target)| Planned {
            sweep: Arc::clone(sweep),
            target: Arc::clone(target),
            keys: of(sweep, target),
        })
        .collect()
}

fn at(time: &str) -> i64 {
    let time: Timestamp = time.parse().expect("a time");
    i64::try_from(time.as_nanosecond()).expect("this century")
}

fn plan(sweeps: &str, now: &str) -> Plan {
    let mut plan = Plan::default();
    assert!(plan.apply(planned(&config(sweeps)), at(now)).cancel.is_empty());
    plan
}

/// In one line each: what, whose, why.
fn told(decisions: &[Decision]) -> Vec<String> {
    let of = |what: &str, due: &Due| {
        let RunKey { target, model, sweep } = &*due.key;
        format!("{what} {sweep}@{target}/{model} {:?}", due.trigger)
    };
    let line = |decision: &Decision| match decision {
        Decision::Start(due) => of("start", due),
        Decision::Wait(due) => of("wait", due),
        Decision::Missed(due) => of("missed", due),
        Decision::Skip(due, why) => of(why.as_str(), due),
    };
    decisions.iter().map(line).collect()
}

fn key(sweep: &str, target: &str, model: &str) -> RunKey {
    RunKey { sweep: sweep.into(), target: target.into(), model: model.into() }
}

const MINUTELY: &str = "- {name: x, cron: '* * * * *', targets: [c], scenario: s}\n";

#[test]
fn models_and_targets_of_a_group_run_one_after_the_other() {
    let mut plan = plan(
        "- {name: x, cron: '0 2 * * *', targets: [a, b, c], scenario: s}\n",
        "2026-03-01T00:00:00Z",
    );
    assert_eq!(plan.next(), Some(at("2026-03-01T02:00:00Z")));
    assert!(plan.look(at("2026-03-01T01:59:59Z")).is_empty());
    let now = at("2026-03-01T02:00:00Z");
    assert_eq!(
        told(&plan.look(now)),
        [
            "start x@a/m1 Schedule",
            "wait x@a/m2 Schedule",
            "wait x@b/m Schedule",
            "start x@c/m Schedule"
        ]
    );
    assert!(plan.is_waiting(&key("x", "b", "m")) && plan.is_waiting(&key("x", "a", "m2")));
    assert_eq!(told(&plan.ended(&key("x", "a", "m1"), now)), ["start x@a/m2 Schedule"]);
    assert!(told(&plan.ended(&key("x", "c", "m"), now)).is_empty());
    assert_eq!(told(&plan.ended(&key("x", "a", "m2"), now)), ["start x@b/m Schedule"]);
    assert!(told(&plan.ended(&key("x", "b", "m"), now)).is_empty());
    assert!(told(&plan.ended(&key("x", "b", "m"), now)).is_empty(), "it has ended before");
    assert_eq!(plan.next(), Some(at("2026-03-02T02:00:00Z")));
}

#[test]
fn a_sweep_that_is_due_while_it_runs_is_skipped_or_waits_once() {
    for (overlap, second, third, after) in [
        ("skip", "overlap", "overlap", None),
        ("queue", "wait", "overlap", Some("start x@c/m Schedule")),
    ] {
        let mut plan = plan(
            &format!(
                "- {{name: x, cron: '* * * * *', targets: [c], scenario: s, overlap: {overlap}}}\n"
            ),
            "2026-03-01T00:00:30Z",
        );
        assert_eq!(told(&plan.look(at("2026-03-01T00:01:00Z"))), ["start x@c/m Schedule"]);
        let due = |what| vec![format!("{what} x@c/m Schedule")];
        assert_eq!(told(&plan.look(at("2026-03-01T00:02:00Z"))), due(second), "{overlap}");
        assert_eq!(told(&plan.look(at("2026-03-01T00:03:00Z"))), due(third), "{overlap}");
        let next = told(&plan.ended(&key("x", "c", "m"), at("2026-03-01T00:03:10Z")));
        assert_eq!(next.first().map(String::as_str), after, "{overlap}");
    }
}

#[test]
fn of_two_sweeps_on_a_target_the_later_waits() {
    let two = "- {name: x, cron: '0 * * * *', targets: [c], scenario: s}\n\
               - {name: y, cron: '1 * * * *', targets: [c], scenario: s}\n";
    let mut plan = plan(two, "2026-03-01T00:30:00Z");
    assert_eq!(told(&plan.look(at("2026-03-01T01:00:00Z"))), ["start x@c/m Schedule"]);
    assert_eq!(told(&plan.look(at("2026-03-01T01:01:00Z"))), ["wait y@c/m Schedule"]);
    // An hour later both are due again: x still runs, y still waits.
    assert_eq!(told(&plan.look(at("2026-03-01T02:00:00Z"))), ["overlap x@c/m Schedule"]);
    assert_eq!(told(&plan.look(at("2026-03-01T02:01:00Z"))), ["overlap y@c/m Schedule"]);
    let now = at("2026-03-01T02:02:00Z");
    assert_eq!(told(&plan.ended(&key("x", "c", "m"), now)), ["start y@c/m Schedule"]);
}

#[test]
fn maintenance_holds_at_the_due_time_and_at_the_end_of_a_wait() {
    let two = "- {name: x, cron: '0 * * * *', targets: [c], scenario: s}\n\
               - {name: y, cron: '0 * * * *', targets: [c], scenario: s, timezone: UTC,\n   \
                  maintenance: ['Sun 01:30-03:00']}\n";
    // 2026-03-01 is a Sunday.
    let mut plan = plan(two, "2026-03-01T00:30:00Z");
    assert_eq!(
        told(&plan.look(at("2026-03-01T01:00:00Z"))),
        ["start x@c/m Schedule", "wait y@c/m Schedule"]
    );
    let now = at("2026-03-01T01:40:00Z");
    assert_eq!(told(&plan.ended(&key("x", "c", "m"), now)), ["maintenance y@c/m Schedule"]);
    assert_eq!(
        told(&plan.look(at("2026-03-01T02:00:00Z"))),
        ["start x@c/m Schedule", "maintenance y@c/m Schedule"]
    );
}

#[test]
fn what_was_missed_is_made_up_for_once_or_not_at_all() {
    for (missed, what) in [("skip", "missed"), ("once", "start")] {
        let sweep = format!(
            "- {{name: x, cron: '0 * * * *', targets: [c], scenario: s, missed: {missed}}}\n"
        );
        // The daemon was down from one to five.
        let mut plan = plan(&sweep, "2026-03-01T05:30:00Z");
        let (last, now) = (at("2026-03-01T01:00:00Z"), at("2026-03-01T05:30:01Z"));
        let decisions = plan.restored("x", "c", last, now);
        assert!(matches!(
            &decisions[..],
            [Decision::Start(due) | Decision::Missed(due)] if due.at == at("2026-03-01T05:00:00Z")
        ));
        assert_eq!(told(&decisions), [format!("{what} x@c/m Missed")]);
        plan.ended(&key("x", "c", "m"), now);
        // The machine slept for a while.
        assert_eq!(
            told(&plan.look(at("2026-03-01T09:30:00Z"))),
            [format!("{what} x@c/m Missed")],
            "slept"
        );
        plan.ended(&key("x", "c", "m"), now);
        assert_eq!(plan.next(), Some(at("2026-03-01T10:00:00Z")));
    }
    let mut nothing = plan(MINUTELY, "2026-03-01T05:30:30Z");
    assert!(
        nothing
            .restored("x", "c", at("2026-03-01T05:30:00Z"), at("2026-03-01T05:30:31Z"))
            .is_empty()
    );
    assert!(nothing.restored("x", "no", 0, at("2026-03-01T05:30:31Z")).is_empty());
    // A model that comes back later was not there before, but the sweep has been due since.
    let now = at("2026-03-01T05:31:00Z");
    assert_eq!(nothing.look(now).len(), 1);
    assert!(nothing.restored("x", "c", at("2026-02-01T00:00:00Z"), now).is_empty());
}

#[test]
fn a_clock_that_is_set_back_runs_nothing_twice() {
    let mut plan =
        plan("- {name: x, cron: '0 2 * * *', targets: [c], scenario: s}\n", "2026-03-01T00:00:00Z");
    assert_eq!(told(&plan.look(at("2026-03-01T02:00:05Z"))), ["start x@c/m Schedule"]);
    plan.ended(&key("x", "c", "m"), at("2026-03-01T02:30:00Z"));
    assert!(plan.look(at("2026-03-01T01:30:00Z")).is_empty());
    assert_eq!(plan.next(), Some(at("2026-03-02T02:00:00Z")));
    // A clock that was a year ahead tells nothing of what is due now.
    assert!(plan.look(at("2025-03-01T01:30:00Z")).is_empty());
    assert_eq!(plan.next(), Some(at("2025-03-01T02:00:00Z")));
}

#[test]
fn a_nightly_sweep_runs_once_a_night_where_clocks_change() {
    // Berlin skips 02:00 to 03:00 on 2026-03-29, and repeats it on 2026-10-25.
    for (day, night) in [("2026-03-28", 3), ("2026-10-24", 3)] {
        let mut plan = plan(
            "- {name: x, cron: '30 2 * * *', timezone: Europe/Berlin, targets: [c], scenario: s}\n",
            &format!("{day}T12:00:00Z"),
        );
        let start = at(&format!("{day}T12:00:00Z"));
        let mut runs = 0;
        for minute in 0..night * 24 * 60 {
            let now = start + minute * 60 * SECOND;
            for decision in plan.look(now) {
                let Decision::Start(due) = decision else { panic!("{decision:?}") };
                runs += 1;
                plan.ended(&due.key, now);
            }
        }
        assert_eq!(runs, night, "from {day}");
    }
}

#[test]
fn whoever_asks_gets_the_target_or_is_told_who_has_it() {
    let sweeps = "- {name: x, targets: [a, c], scenario: s}\n\
                  - {name: y, targets: [b], scenario: s}\n";
    let mut plan = plan(sweeps, "2026-03-01T00:00:00Z");
    let now = at("2026-03-01T00:00:10Z");
    assert_eq!(plan.next(), None, "on demand only");
    assert!(plan.request(|key| &*key.sweep == "z", now).runs.is_empty());
    let of = |sweep: &'static str, target: &'static str| {
        move |key: &RunKey| &*key.sweep == sweep && key.target.contains(target)
    };
    let one = plan.request(of("x", "a"), now);
    assert_eq!((one.runs.len(), one.starts.len(), one.refused.len()), (2, 1, 0));
    assert_eq!(one.starts[0].trigger, Trigger::Manual);
    // The group of `a` is taken, the target `c` is free.
    let all = plan.request(of("x", ""), now);
    assert_eq!(all.runs, [Arc::new(key("x", "c", "m"))]);
    let busy = Refused::Busy { sweep: "x".into(), target: "a".into() };
    assert_eq!(all.refused.iter().map(|(_, why)| why).collect::<Vec<_>>(), [&busy, &busy]);
    let other = plan.request(of("y", ""), now);
    assert_eq!((other.runs.len(), &other.refused[0].1), (0, &busy));
    // The second model is taken back before its turn.
    assert!(plan.withdraw(&key("x", "a", "m2")));
    assert!(!plan.withdraw(&key("x", "a", "m2")), "it waits no longer");
    assert!(plan.ended(&key("x", "a", "m1"), now).is_empty());
    assert_eq!(plan.request(of("y", ""), now).runs.len(), 1);
}

#[test]
fn what_is_taken_back_is_what_was_asked_for_and_not_what_is_due() {
    let mut plan = plan(
        "- {name: x, cron: '0 * * * *', targets: [a], scenario: s, overlap: queue}\n",
        "2026-03-01T00:30:00Z",
    );
    let asked = plan.request(|_| true, at("2026-03-01T00:59:00Z"));
    assert_eq!(asked.runs.len(), 2);
    let now = at("2026-03-01T01:00:00Z");
    assert_eq!(told(&plan.look(now)), ["wait x@a/m1 Schedule", "wait x@a/m2 Schedule"]);
    assert!(plan.withdraw(&key("x", "a", "m2")));
    assert_eq!(told(&plan.ended(&key("x", "a", "m1"), now)), ["start x@a/m1 Schedule"]);
    assert!(!plan.withdraw(&key("x", "a", "m2")), "that one nobody asked for");
    assert_eq!(told(&plan.ended(&key("x", "a", "m1"), now)), ["start x@a/m2 Schedule"]);
}

#[test]
fn a_new_configuration_cancels_what_is_gone_and_keeps_the_rest() {
    let sweeps = "- {name: x, cron: '0 * * * *', targets: [a, c], scenario: s}\n\
                  - {name: y, cron: '0 * * * *', targets: [b], scenario: s}\n";
    let mut plan = plan(sweeps, "2026-03-01T00:30:00Z");
    let due = at("2026-03-01T01:00:00Z");
    let starts = told(&plan.look(due)).iter().filter(|line| line.starts_with("start")).count();
    assert_eq!(starts, 2);
    let now = at("2026-03-01T01:00:30Z");
    let fewer = "- {name: x, cron: '0 * * * *', targets: [c], scenario: s, overlap: queue}\n";
    let change = plan.apply(planned(&config(fewer)), now);
    assert_eq!(change.cancel, [Arc::new(key("x", "a", "m1"))]);
    assert_eq!(plan.next(), Some(at("2026-03-01T02:00:00Z")));
    // Neither its other model nor what waited for the target comes after it.
    assert!(plan.ended(&key("x", "a", "m1"), now).is_empty());
    assert_eq!(told(&plan.look(at("2026-03-01T02:00:00Z"))), ["wait x@c/m Schedule"]);
    let later = "- {name: x, cron: '15 * * * *', targets: [c], scenario: s}\n";
    plan.apply(planned(&config(later)), now);
    assert_eq!(plan.next(), Some(at("2026-03-01T01:15:00Z")));
}
