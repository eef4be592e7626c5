//! What every schedule keeps to, whatever its seed.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_distr::Exp1;
use rand_pcg::Pcg64;

use super::*;

fn open(pattern: Pattern) -> Open {
    Open { pattern, max_in_flight: None }
}

fn offsets(pattern: Pattern, seed: u64, most: usize) -> Vec<Duration> {
    open(pattern).demands(seed).take(most).map(|demand| demand.offset).collect()
}

/// Gaps in units of the mean gap.
fn gaps(pattern: Pattern, rate: f64, seed: u64, count: usize) -> Vec<f64> {
    let offsets = offsets(pattern, seed, count + 1);
    offsets.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * rate).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
}

/// Variance ÷ mean of the number of requests in slices of `width`.
fn dispersion(offsets: &[Duration], width: Duration) -> f64 {
    let last = offsets.last().expect("requests").div_duration_f64(width) as usize;
    let mut counts = vec![0.0; last];
    for offset in offsets {
        // The slice that the last request cuts short is left out.
        if let Some(count) = counts.get_mut(offset.div_duration_f64(width) as usize) {
            *count += 1.0;
        }
    }
    variance(&counts) / mean(&counts)
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    let rate = || 0.01_f64..5000.0;
    let burstiness = || prop_oneof![0.05_f64..20.0, Just(1.0), Just(f64::INFINITY)];
    prop_oneof![
        rate().prop_map(|rate| Pattern::Constant { rate }),
        rate().prop_map(|rate| Pattern::Poisson { rate }),
        (rate(), burstiness()).prop_map(|(rate, burstiness)| Pattern::Gamma { rate, burstiness }),
        (1_u32..100, 1_u64..100_000).prop_map(|(size, millis)| Pattern::Burst {
            size,
            period: Duration::from_millis(millis)
        }),
        (rate(), rate(), 0_u64..1000, proptest::option::of(1_u32..20), burstiness()).prop_map(
            |(from, to, over, steps, burstiness)| Pattern::Ramp {
                from,
                to,
                over: Duration::from_secs(over),
                steps,
                burstiness
            }
        ),
    ]
}

proptest! {
    #[test]
    fn offsets_begin_at_nothing_and_never_fall(pattern in any_pattern(), seed: u64) {
        let offsets = offsets(pattern, seed, 2000);
        prop_assert_eq!(offsets.len(), 2000);
        prop_assert_eq!(offsets[0], Duration::ZERO);
        prop_assert!(offsets.is_sorted());
    }

    #[test]
    fn the_same_seed_gives_the_same_demands(pattern in any_pattern(), seed: u64) {
        prop_assert_eq!(offsets(pattern.clone(), seed, 500), offsets(pattern, seed, 500));
    }

    #[test]
    fn another_seed_gives_others(rate in 0.1_f64..1000.0, seed: u64) {
        for pattern in [Pattern::Poisson { rate }, Pattern::Gamma { rate, burstiness: 0.5 }] {
            let other = offsets(pattern.clone(), seed.wrapping_add(1), 100);
            prop_assert_ne!(offsets(pattern, seed, 100), other);
        }
    }

    #[test]
    fn traces_are_replayed_as_fast_as_asked(
        millis in proptest::collection::vec(0_u32..1_000_000, 0..200),
        speed in 0.1_f64..10.0,
    ) {
        let mut millis = millis;
        millis.sort_unstable();
        let demand = |millis: &u32| Demand {
            offset: Duration::from_millis((*millis).into()),
            input_tokens: Some(*millis),
            output_tokens: None,
        };
        let recorded: Arc<[Demand]> = millis.iter().map(demand).collect();
        let pattern = Pattern::Trace { demands: Arc::clone(&recorded), speed };
        let replayed: Vec<Demand> = open(pattern).demands(0).collect();
        prop_assert_eq!(replayed.len(), recorded.len());
        for (replayed, recorded) in replayed.iter().zip(&*recorded) {
            prop_assert_eq!(replayed.input_tokens, recorded.input_tokens);
            let wanted = recorded.offset.as_secs_f64() / speed;
            prop_assert!((replayed.offset.as_secs_f64() - wanted).abs() <= 1e-9);
        }
    }
}

#[test]
fn gaps_have_their_mean_and_their_spread() {
    const COUNT: usize = 200_000;
    let rate = 50.0;
    for (seed, burstiness) in [(1, 1.0), (2, 0.25), (3, 0.5), (4, 4.0), (5, 100.0)] {
        let pattern = match burstiness {
            1.0 => Pattern::Poisson { rate },
            _ => Pattern::Gamma { rate, burstiness },
        };
        let gaps = gaps(pattern, rate, seed, COUNT);
        // Of a gamma distribution: the standard error of the mean is the CV ÷ √n, that of the CV
        // some CV × √(1 + 3 ÷ shape) ÷ √(2n). Five of them.
        let cv = burstiness.powf(-0.5);
        let root = (COUNT as f64).sqrt();
        let mean = mean(&gaps);
        assert!((mean - 1.0).abs() < 5.0 * cv / root, "{burstiness}: mean {mean}");
        let measured = variance(&gaps).sqrt() / mean;
        let tolerated = 5.0 * cv * (1.0 + 3.0 / burstiness).sqrt() / root;
        assert!((measured - cv).abs() < tolerated, "{burstiness}: {measured} against {cv}");
    }
}

#[test]
fn poisson_gaps_are_exponential_and_its_counts_as_spread_as_large() {
    const COUNT: usize = 200_000;
    let rate = 2000.0;
    let mut gaps = gaps(Pattern::Poisson { rate }, rate, 9, COUNT);
    gaps.sort_by(f64::total_cmp);
    let distance = |(place, gap): (usize, &f64)| {
        let below = |place: usize| place as f64 / COUNT as f64;
        let wanted = 1.0 - (-gap).exp();
        (wanted - below(place)).abs().max((below(place + 1) - wanted).abs())
    };
    let largest = gaps.iter().enumerate().map(distance).fold(0.0, f64::max);
    // Kolmogorov and Smirnov at one in a million: 2.7 ÷ √n.
    assert!(largest < 2.7 / (COUNT as f64).sqrt(), "{largest}");
    let offsets = offsets(Pattern::Poisson { rate }, 9, COUNT);
    for millis in [1, 10, 100] {
        let width = Duration::from_millis(millis);
        let slices = COUNT as f64 / (rate * width.as_secs_f64());
        let dispersion = dispersion(&offsets, width);
        assert!((dispersion - 1.0).abs() < 5.0 * (2.0 / slices).sqrt(), "{millis}: {dispersion}");
    }
}

#[test]
fn bursty_gaps_cluster_and_even_ones_spread_out() {
    let of = |burstiness| {
        let pattern = Pattern::Gamma { rate: 100.0, burstiness };
        dispersion(&offsets(pattern, 3, 50_000), Duration::from_secs(1))
    };
    // Over slices of many gaps, the dispersion of the counts nears that of the gaps: 1 ÷ shape.
    for (burstiness, low, high) in [(0.25, 3.0, 5.0), (4.0, 0.2, 0.3)] {
        let dispersion = of(burstiness);
        assert!((low..high).contains(&dispersion), "{burstiness}: {dispersion}");
    }
}

#[test]
fn a_million_even_requests_are_due_to_the_nanosecond() {
    // A third of a second has no end in binary nor in nanoseconds.
    let pattern = Pattern::Constant { rate: 3.0 };
    for (offset, number) in offsets(pattern, 0, 1_000_001).iter().zip(0_u128..) {
        let exact = number * 1_000_000_000 / 3;
        assert!(offset.as_nanos().abs_diff(exact) <= 1, "request {number}");
    }
}

#[test]
fn a_million_random_requests_do_not_drift() {
    const REQUESTS: usize = 1_000_000;
    // The same gaps once more, summed in whole 2⁻⁸⁰ parts, which no rounding touches.
    let mut exact = 0_u128;
    let mut before = 0.0;
    let points: Vec<f64> = Poisson::new(5).take(REQUESTS).collect();
    let mut rng = Pcg64::seed_from_u64(5);
    for point in points {
        let wanted = exact as f64 / 2_f64.powi(80);
        assert!((point - wanted).abs() <= wanted * f64::EPSILON, "{point} against {wanted}");
        assert!(point >= before);
        before = point;
        let gap: f64 = rng.sample(Exp1);
        exact += (gap * 2_f64.powi(80)) as u128;
    }
}

#[test]
fn a_ramp_of_random_gaps_follows_its_integral() {
    // 0 → 200/s in 100 s is t² requests.
    let ramp = |burstiness| Pattern::Ramp {
        from: 0.0,
        to: 200.0,
        over: Duration::from_secs(100),
        steps: None,
        burstiness,
    };
    for (burstiness, errors) in [(f64::INFINITY, 0.0), (1.0, 5.0)] {
        let offsets = offsets(ramp(burstiness), 4, 40_000);
        for seconds in [10, 50, 100_u64] {
            let until = Duration::from_secs(seconds);
            let due = offsets.iter().filter(|offset| **offset < until).count() as f64;
            let wanted = (seconds * seconds) as f64;
            let tolerated = 1.0 + errors * wanted.sqrt();
            assert!((due - wanted).abs() <= tolerated, "{burstiness} at {seconds} s: {due}");
        }
    }
}

#[test]
fn seeds_mean_the_same_for_ever() {
    // A record names its seed: these may change with a new schema of records only.
    let micros = |pattern| {
        let offsets = offsets(pattern, 7, 5);
        offsets.iter().map(Duration::as_micros).collect::<Vec<_>>()
    };
    assert_eq!(micros(Pattern::Poisson { rate: 1.0 }), [0, 2311, 564604, 1225436, 1535804]);
    assert_eq!(
        micros(Pattern::Gamma { rate: 1.0, burstiness: 0.5 }),
        [0, 0, 1577196, 1587149, 2001689]
    );
}

#[test]
fn what_makes_no_schedule_ends_at_once_and_never_panics() {
    for rate in [0.0, -1.0, f64::NAN] {
        assert!(offsets(Pattern::Constant { rate }, 0, 10).len() <= 1, "{rate}");
        assert!(offsets(Pattern::Poisson { rate }, 0, 10).len() <= 1, "{rate}");
    }
    let even = offsets(Pattern::Gamma { rate: 1.0, burstiness: f64::INFINITY }, 0, 3);
    assert_eq!(even, [0, 1, 2].map(Duration::from_secs));
    let demands: Arc<[Demand]> = [Demand::default()].into();
    let none = Pattern::Trace { demands, speed: 0.0 };
    assert!(offsets(none, 0, 10).is_empty());
}
