//! What workloads ask, against an engine: lengths that are learnt or counted, prompts that a cache
//! knows, turns that carry what was answered.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::Duration,
};

use http::Method;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use serde_json::Value;
#[cfg(feature = "tokenizer")]
use serde_json::json;
use tokenbeat::{
    client::{Limits, Text, keep_stamping_on},
    clock::Stamp,
    config::{self, Connection, Target},
    load::{Link, Order, run},
    sim::{Dist, Flavour, Sim, SimSpec, SpawnedSim},
    timeline::{Exchange, Outcome, Recorder, Spent, Timeline, Usage},
    workload::{
        HttpAsk, Length, RequestPlan, Reuse, Seat, Sizing, Synthetic, Think, UserPrefix, Workload,
    },
};

const MODEL: &str = "sim-8b";
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine, and what speaks with it.
struct Bench {
    sim: SpawnedSim,
    link: Arc<Link>,
    runtime: tokio::runtime::Runtime,
    rng: Pcg64,
}

impl Bench {
    fn new(tokenizer: Option<&Path>) -> Self {
        Self::of(SimSpec { prefix_cache_blocks: 4096, ..SimSpec::default() }, tokenizer)
    }

    fn of(spec: SimSpec, tokenizer: Option<&Path>) -> Self {
        keep_stamping_on();
        let (ttft, itl) = (Dist::constant_ms(1.0), Dist::constant_ms(0.1));
        let spec = SimSpec { ttft, itl, ..spec };
        let sim = Sim::spawn(spec).expect("an engine");
        let text =
            format!("targets: [{{name: t, url: '{}', models: [{MODEL}]}}]\n", sim.base_url());
        let config = config::load_str("a.yml", &text).expect("a configuration");
        let target = Target {
            tokenizer: tokenizer.map(Path::to_owned),
            ..Target::clone(&config.targets[0])
        };
        let link = Link::new(Arc::new(target)).expect("a link");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { sim, link, runtime, rng: Pcg64::seed_from_u64(7) }
    }

    fn exchange(&self, plan: &RequestPlan) -> Exchange {
        self.exchange_with(plan, Text::Kept)
    }

    fn exchange_with(&self, plan: &RequestPlan, text: Text) -> Exchange {
        let limits = Limits {
            connect: PATIENCE,
            first_token: PATIENCE,
            total: PATIENCE,
            idle: PATIENCE,
            response_bytes: 1 << 20,
        };
        let order = Order {
            link: &self.link,
            model: MODEL,
            probe: "test",
            trace: None,
            plan,
            connection: Connection::Reuse,
            limits,
            text,
        };
        let (send, receive) = mpsc::channel();
        let recorder = Recorder::open(Timeline::new(Stamp::now(), 16), move |exchange| {
            send.send(exchange).expect("the test waits");
        });
        self.runtime.block_on(run(order, recorder));
        let exchange = receive.try_recv().expect("closed exactly once");
        assert_eq!(exchange.outcome, Outcome::Ok, "{:?}", exchange.detail);
        exchange
    }

    /// Asks the first turn of a session, and learns from the answer as a run does.
    fn ask(&mut self, workload: &Workload) -> (RequestPlan, Usage) {
        let sizing = self.link.sizing(MODEL);
        let mut session = workload.open(&mut self.rng, Seat::default(), &sizing);
        let plan = session.next(None).expect("a session has a first turn").plan;
        let usage = self.exchange(&plan).timeline.usage.expect("the engine reports usage");
        self.link.learn(MODEL, plan.words, usage.prompt_tokens.expect("it counts the prompt"));
        (plan, usage)
    }
}

fn synthetic(input: Length) -> Synthetic {
    Synthetic::new(input, Length::Constant(4))
}

#[test]
fn lengths_are_learnt_from_usage() {
    let mut bench = Bench::new(None);
    let workload = Workload::Synthetic(synthetic(Length::Normal { mean: 200.0, stddev: 20.0 }));
    // This engine counts words and no full stops, so a token a word makes prompts too short.
    let (plan, usage) = bench.ask(&workload);
    let wanted = |plan: &RequestPlan| f64::from(plan.wanted_input_tokens.expect("it was drawn"));
    let had = |usage: Usage| usage.prompt_tokens.expect("counted") as f64;
    assert!(had(usage) < 0.95 * wanted(&plan), "{} of {}", had(usage), wanted(&plan));
    for _ in 0..40 {
        bench.ask(&workload);
    }
    let asked: Vec<_> = (0..40).map(|_| bench.ask(&workload)).collect();
    let wanted: f64 = asked.iter().map(|(plan, _)| wanted(plan)).sum();
    let had: f64 = asked.iter().map(|(_, usage)| had(*usage)).sum();
    assert!((had / wanted - 1.0).abs() < 0.01, "{had} of {wanted}");
}

/// A tokenizer that counts as this engine does: a token for what stands between blanks.
#[cfg(feature = "tokenizer")]
fn tokenizer(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("tokenizer.json");
    let tokenizer = json!({
        "version": "1.0",
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"},
    });
    std::fs::write(&path, tokenizer.to_string()).expect("written");
    path
}

#[cfg(feature = "tokenizer")]
#[test]
fn what_the_engine_does_not_count_the_tokenizer_counts() {
    use tokenbeat::{
        measure::{CountSource, Measurement},
        sim::UsagePolicy,
    };

    let folder = tempfile::tempdir().expect("a folder");
    let path = tokenizer(folder.path());
    for (usage, reasoning_tokens, source, tokenizer_tokens) in [
        (UsagePolicy::Never, 0, CountSource::Tokenizer, Some(13)),
        (UsagePolicy::Always, 0, CountSource::Usage, Some(13)),
        // The kept text is not all that was streamed.
        (UsagePolicy::Never, 4, CountSource::Events, None),
    ] {
        let spec = SimSpec { usage, reasoning_tokens, tokens_per_event: 4, ..SimSpec::default() };
        let bench = Bench::of(spec, Some(&path));
        bench.runtime.block_on(bench.link.prepare(PATIENCE)).expect("a tokenizer");
        let exchange =
            bench.exchange_with(&RequestPlan::completion("How are you?", 13), Text::Dropped);
        assert_eq!(exchange.text, None, "it was kept for the count alone");
        assert!(exchange.timeline.tokens.len() < 13, "several tokens an event");
        let measured = Measurement::of(&exchange);
        assert_eq!(measured.count_source, Some(source));
        assert_eq!(measured.tokenizer_tokens, tokenizer_tokens);
        if source != CountSource::Events {
            assert_eq!(measured.output_tokens, Some(13));
        }
    }
}

#[cfg(feature = "tokenizer")]
#[test]
fn lengths_are_exact_with_the_tokenizer_of_the_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = tokenizer(folder.path());
    let mut bench = Bench::new(Some(&path));
    assert!(matches!(bench.link.sizing(MODEL), Sizing::Ratio { .. }), "it is not read yet");
    bench.runtime.block_on(bench.link.prepare(PATIENCE)).expect("a tokenizer");
    assert!(matches!(bench.link.sizing(MODEL), Sizing::Exact { .. }));
    let workload = Workload::Synthetic(Synthetic {
        shared_prefix_tokens: 16,
        prefix_role: tokenbeat::workload::PrefixRole::System,
        ..synthetic(Length::Uniform { low: 40, high: 400 })
    });
    for _ in 0..20 {
        let (plan, usage) = bench.ask(&workload);
        assert_eq!(usage.prompt_tokens, plan.wanted_input_tokens.map(u64::from));
    }
    let renewed = bench.link.renewed(Arc::clone(bench.link.target())).expect("a link");
    assert!(renewed.tokenizer().is_some(), "a reload does not read it again");
}

#[test]
fn a_tokenizer_that_is_missing_is_told_and_lengths_are_learnt() {
    let bench = Bench::new(Some(Path::new("no/such/tokenizer.json")));
    let error = bench.runtime.block_on(bench.link.prepare(PATIENCE)).expect_err("it is missing");
    assert!(error.to_string().contains("no/such/tokenizer.json"), "{error}");
    assert!(matches!(bench.link.sizing(MODEL), Sizing::Ratio { .. }));
}

#[test]
fn a_cache_knows_the_pool_and_the_prefixes_and_nothing_else() {
    let mut bench = Bench::new(None);
    let cached = |usage: Usage| usage.cached_tokens.unwrap_or(0);
    let input = Length::Constant(200);
    let cold = Workload::Synthetic(synthetic(input.clone()));
    for _ in 0..5 {
        assert_eq!(cached(bench.ask(&cold).1), 0, "the salt stands first");
    }
    let pool = Reuse::Pool(3.try_into().expect("not zero"));
    let warm = Workload::Synthetic(Synthetic { reuse: pool, ..synthetic(input.clone()) });
    // The sizing is kept: a prompt of another length would be another prompt.
    let sizing = bench.link.sizing(MODEL);
    let mut colds = 0;
    for _ in 0..30 {
        let mut session = warm.open(&mut bench.rng, Seat::default(), &sizing);
        let plan = session.next(None).expect("a turn").plan;
        let usage = bench.exchange(&plan).timeline.usage.expect("usage");
        colds += u32::from(cached(usage) < 150);
    }
    assert_eq!(colds, 3, "each prompt of the pool is cold once");
    let user_prefix = UserPrefix { tokens: 64, users: 2.try_into().ok() };
    let own = Workload::Synthetic(Synthetic { user_prefix, ..synthetic(input) });
    let mut of_user = |user| {
        let seat = Seat { user, ..Seat::default() };
        let mut session = own.open(&mut bench.rng, seat, &sizing);
        let plan = session.next(None).expect("a turn").plan;
        cached(bench.exchange(&plan).timeline.usage.expect("usage"))
    };
    let seen: Vec<_> = (0..4).map(&mut of_user).collect();
    assert_eq!(seen[..2], [0, 0], "each user is new once");
    assert!(seen[2..].iter().all(|cached| (32..=64).contains(cached)), "{seen:?}");
}

#[test]
fn turns_carry_what_the_engine_answered() {
    let mut bench = Bench::new(None);
    let workload = Workload::Synthetic(Synthetic {
        turns: Length::Constant(3),
        think: Think { mean: Duration::from_secs(2), stddev: Duration::ZERO },
        ..synthetic(Length::Constant(30))
    });
    let mut session = workload.open(&mut bench.rng, Seat::default(), &Sizing::default());
    let (mut answers, mut answer): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut turns = 0;
    while let Some(turn) = session.next(answer.as_deref()) {
        assert_eq!(turn.think.is_zero(), turns == 0, "nobody thinks before the first");
        assert_eq!(turn.keeps_answer, turns < 2);
        assert_eq!(turn.plan.words > 0, turns == 0, "answers teach nothing of our words");
        answer = bench.exchange(&turn.plan).text;
        turns += 1;
        let sent = bench.sim.handle().last_request().expect("a request").json();
        let messages = sent["messages"].as_array().expect("messages").clone();
        let roles: Vec<&Value> = messages.iter().map(|message| &message["role"]).collect();
        let expected = ["user", "assistant", "user", "assistant", "user"];
        assert_eq!(roles, expected[..2 * turns - 1]);
        for (message, answer) in messages.iter().skip(1).step_by(2).zip(&answers) {
            assert_eq!(message["content"], **answer);
        }
        answers.extend(answer.clone());
    }
    assert_eq!((turns, answers.len()), (3, 3));
}

#[test]
fn answers_in_one_piece_tell_what_they_took_the_engine() {
    let ask = r#"{"model": "sim-8b", "prompt": "a b c", "max_tokens": 4}"#;
    let plain = |flavour, text| {
        let bench = Bench::of(SimSpec { flavour, ..SimSpec::default() }, None);
        let path = "/v1/completions".to_owned();
        let ask = HttpAsk { method: Method::POST, path, body: Some(ask.to_owned()) };
        let exchange = bench.exchange_with(&RequestPlan::http(ask.into()), text);
        assert_eq!(exchange.text.is_some(), text == Text::Kept);
        exchange.timeline.told
    };
    for text in [Text::Kept, Text::Dropped] {
        assert_eq!(plain(Flavour::Vllm, text), None);
        // The first token comes after 1 ms.
        for (flavour, part) in
            [(Flavour::LlamaCpp, Spent::Prefill), (Flavour::Tgi, Spent::Inference)]
        {
            let told = plain(flavour, text).expect("told");
            let took = told.time(part).expect("told");
            assert!(took >= Duration::from_millis(1), "{took:?}");
            assert_eq!((told.prompt_tokens, told.output_tokens), (Some(3), Some(4)));
        }
    }
}
