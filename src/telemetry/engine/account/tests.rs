use super::*;

const VLLM: &str = include_str!("../../../../tests/wire/vllm/metrics_under_load.txt");
const IDLE: &str = include_str!("../../../../tests/wire/vllm/metrics_idle.txt");
const AFTER: &str = include_str!("../../../../tests/wire/vllm/metrics_after_load.txt");
const LLAMACPP: &str = include_str!("../../../../tests/wire/llamacpp/metrics_under_load.txt");
const LLAMACPP_IDLE: &str = include_str!("../../../../tests/wire/llamacpp/metrics_idle.txt");
const LLAMACPP_AFTER: &str = include_str!("../../../../tests/wire/llamacpp/metrics_after_load.txt");

fn account() -> Account {
    Account::new("t".into())
}

fn told(text: &str) -> Told {
    Told::read(text).expect(text)
}

fn models(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

/// Value by metric and model.
fn values(account: &Account, ours: &[&str]) -> BTreeMap<(Id, String), f64> {
    let of = |reading: Reading| {
        assert_eq!(&*reading.labels[0], "t");
        let model = reading.labels.get(1).map_or_else(String::new, |model| model.to_string());
        ((reading.id, model), reading.value)
    };
    account.readings(&models(ours)).into_iter().map(of).collect()
}

#[test]
fn the_values_of_vllm_are_read_exactly() {
    let mut account = account();
    account.told(vec![told(VLLM)]);
    account.set_version(Some("0.32.0"));
    let seen = values(&account, &["tiny"]);
    for (id, value) in [
        (Id::EngineRunning, 16.0),
        (Id::EngineWaiting, 0.0),
        (Id::EngineKvUsage, 0.023_448_949_682_462_14),
        (Id::EnginePrefixQueries, 6137.0),
        (Id::EnginePrefixHits, 384.0),
        (Id::EnginePreemptions, 0.0),
        (Id::EnginePromptTokens, 6137.0),
        (Id::EngineGenerationTokens, 6636.0),
        (Id::EngineTtftSeconds, 6.391_290_426_254_272_5),
        (Id::EngineTtftRequests, 71.0),
        (Id::EngineQueueSeconds, 0.001_282_820_998_312_672_6),
        (Id::EngineQueueRequests, 54.0),
        (Id::EnginePrefillSeconds, 4.188_738_855_001_702),
        (Id::EnginePrefillRequests, 54.0),
        (Id::EngineDecodeSeconds, 22.893_408_367_999_2),
        (Id::EngineDecodeRequests, 54.0),
    ] {
        assert_eq!(seen.get(&(id, "tiny".into())), Some(&value), "{id:?}");
    }
    assert_eq!(seen.get(&(Id::EngineUp, String::new())), Some(&1.0));
    let info = account.readings(&[]).into_iter().find(|one| one.id == Id::EngineInfo);
    let labels: Vec<String> = info.expect("known").labels.iter().map(ToString::to_string).collect();
    assert_eq!(labels, ["t", "vllm", "0.32.0"]);
    assert_eq!(seen.len(), 18, "up, info and sixteen values: {seen:?}");
}

#[test]
fn the_values_of_llama_cpp_are_read_exactly() {
    let mut account = account();
    account.told(vec![told(LLAMACPP)]);
    let seen = values(&account, &["m"]);
    for (id, value) in [
        (Id::EngineRunning, 8.0),
        (Id::EngineWaiting, 0.0),
        // It counts those of the cache apart.
        (Id::EnginePromptTokens, 6311.0 + 4724.0),
        (Id::EnginePrefixQueries, 6311.0 + 4724.0),
        (Id::EnginePrefixHits, 4724.0),
        (Id::EngineGenerationTokens, 5566.0),
        (Id::EnginePrefillSeconds, 2.897_98),
        (Id::EngineDecodeSeconds, 95.6905),
    ] {
        assert_eq!(seen.get(&(id, "m".into())), Some(&value), "{id:?}");
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}

#[test]
fn the_values_of_engines_at_rest_are_read_exactly() {
    let vllm_after = [
        (Id::EngineRunning, 0.0),
        (Id::EngineWaiting, 0.0),
        (Id::EngineKvUsage, 0.0),
        (Id::EnginePrefixQueries, 41_555.0),
        (Id::EnginePrefixHits, 8576.0),
        (Id::EnginePreemptions, 0.0),
        (Id::EnginePromptTokens, 41_555.0),
        (Id::EngineGenerationTokens, 33_807.0),
        (Id::EngineTtftSeconds, 57.591_628_074_645_996),
        // One was given up after its first token, and is in no other count.
        (Id::EngineTtftRequests, 295.0),
        (Id::EngineQueueSeconds, 11.959_317_784_002_451),
        (Id::EngineQueueRequests, 294.0),
        (Id::EnginePrefillSeconds, 24.202_548_603_006_107),
        (Id::EnginePrefillRequests, 294.0),
        (Id::EngineDecodeSeconds, 447.130_534_163_999_5),
        (Id::EngineDecodeRequests, 294.0),
    ];
    let llamacpp_after = [
        (Id::EngineRunning, 0.0),
        (Id::EngineWaiting, 0.0),
        (Id::EnginePromptTokens, 14_834.0 + 17_663.0),
        (Id::EnginePrefixQueries, 14_834.0 + 17_663.0),
        (Id::EnginePrefixHits, 17_663.0),
        (Id::EngineGenerationTokens, 34_366.0),
        (Id::EnginePrefillSeconds, 4.092_05),
        (Id::EngineDecodeSeconds, 281.577),
    ];
    let at_start = |after: &[(Id, f64)]| after.iter().map(|(id, _)| (*id, 0.0)).collect();
    for (text, expected) in [
        (AFTER, vllm_after.to_vec()),
        (IDLE, at_start(&vllm_after)),
        (LLAMACPP_AFTER, llamacpp_after.to_vec()),
        (LLAMACPP_IDLE, at_start(&llamacpp_after)),
    ] {
        let mut account = account();
        account.told(vec![told(text)]);
        let seen = values(&account, &["tiny"]);
        for (id, value) in &expected {
            assert_eq!(seen.get(&(*id, "tiny".into())), Some(value), "{id:?}");
        }
        assert_eq!(seen.len(), expected.len() + 2, "up, info and those: {seen:?}");
    }
}

#[test]
fn a_restart_of_the_engine_does_not_show() {
    let mut account = account();
    account.told(vec![told(VLLM)]);
    account.told(vec![told(IDLE)]);
    let idle = told(IDLE);
    let again = idle.counters.iter().find(|said| said.what == Counter::GenerationTokens);
    let again = again.map_or(0.0, |said| said.value);
    assert!(again < 6636.0);
    let seen = values(&account, &["tiny"]);
    assert_eq!(seen[&(Id::EngineGenerationTokens, "tiny".into())], 6636.0 + again);
    assert_eq!(seen[&(Id::EngineRunning, "tiny".into())], 0.0);
}

#[test]
fn processes_are_added_up_and_restart_alone() {
    let process = |engine, tokens, running, usage| {
        format!(
            "vllm:generation_tokens_total{{engine=\"{engine}\",model_name=\"m\"}} {tokens}\n\
             vllm:num_requests_running{{engine=\"{engine}\",model_name=\"m\"}} {running}\n\
             vllm:kv_cache_usage_perc{{engine=\"{engine}\",model_name=\"m\"}} {usage}\n"
        )
    };
    let mut account = account();
    // Two of one exposition, and a third behind a URL of its own.
    let two = process(0, 100, 3, 0.5) + &process(1, 40, 2, 0.75);
    account.told(vec![told(&two), told(&process(0, 10, 1, 0.25))]);
    let key = |id| (id, "m".to_owned());
    let seen = values(&account, &["m"]);
    assert_eq!(seen[&key(Id::EngineGenerationTokens)], 150.0);
    assert_eq!(seen[&key(Id::EngineRunning)], 6.0);
    assert_eq!(seen[&key(Id::EngineKvUsage)], 0.75);
    // The second falls by 35 while the first rises by 50: the sum alone would hide it.
    let two = process(0, 150, 0, 0.0) + &process(1, 5, 0, 0.0);
    account.told(vec![told(&two), told(&process(0, 10, 1, 0.25))]);
    let seen = values(&account, &["m"]);
    assert_eq!(seen[&key(Id::EngineGenerationTokens)], 150.0 + 45.0 + 10.0);
    assert_eq!(seen[&key(Id::EngineKvUsage)], 0.25);
}

#[test]
fn a_failure_leaves_no_value_of_the_moment() {
    let mut account = account();
    assert!(account.readings(&[]).is_empty(), "nothing is known before the first");
    account.told(vec![told(VLLM)]);
    account.failed();
    let seen = values(&account, &["tiny"]);
    assert_eq!(seen[&(Id::EngineUp, String::new())], 0.0);
    for gone in [Id::EngineInfo, Id::EngineRunning, Id::EngineWaiting, Id::EngineKvUsage] {
        assert!(seen.keys().all(|(id, _)| *id != gone), "{gone:?}");
    }
    assert_eq!(seen[&(Id::EngineGenerationTokens, "tiny".into())], 6636.0);
}

#[test]
fn the_engines_names_of_models_become_ours() {
    let line = |model: &str| format!("vllm:num_requests_running{{model_name=\"{model}\"}} 2\n");
    let unnamed = "tgi_queue_size 2\n".to_owned();
    for (text, ours, found) in [
        (line("m"), &["m"][..], &["m"][..]),
        (line("/models/m"), &["m"], &["m"]),
        (unnamed.clone(), &["m"], &["m"]),
        // The base of an adapter is one of ours, and the adapter is not told of.
        (line("base"), &["base", "adapter"], &["base"]),
        // It is of all of ours, and of none alone.
        (line("/models/m"), &["a", "b"], &[""]),
        (unnamed, &["a", "b"], &[""]),
        // Somebody else's model beside ours is none of our business.
        (line("m") + &line("other"), &["m"], &["m"]),
        (line("x") + &line("y"), &["m"], &[]),
    ] {
        let mut account = account();
        account.told(vec![told(&text)]);
        let readings = account.readings(&models(ours));
        let models: Vec<&str> = readings
            .iter()
            .filter(|one| [Id::EngineRunning, Id::EngineWaiting].contains(&one.id))
            .map(|one| &*one.labels[1])
            .collect();
        assert_eq!(models, found, "{text} {ours:?}");
    }
}

#[test]
fn series_without_end_are_not_followed_without_end() {
    let text: String = (0..MOST_SERIES + 100)
        .map(|at| format!("vllm:generation_tokens_total{{x=\"{at}\"}} 1\n"))
        .collect();
    let mut account = account();
    account.told(vec![told(&text)]);
    assert_eq!(account.counters.len(), MOST_SERIES);
}
