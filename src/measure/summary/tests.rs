use hdrhistogram::serialization::Deserializer;
use proptest::prelude::*;

use super::*;

/// Relative error of a value that the histogram keeps, and half a step besides.
const DIGIT: f64 = 1e-3;
const HALF_STEP: f64 = 0.6e-6;

fn summary(micros: &[u64], infinite: u64) -> Summary {
    let mut summary = Summary::default();
    for value in micros {
        summary.record(Duration::from_micros(*value));
    }
    for _ in 0..infinite {
        summary.record_infinite();
    }
    summary
}

#[test]
fn without_values_nothing_is_defined() {
    let empty = Summary::default();
    assert_eq!(empty.quantile(0.5), Quantile::Undefined);
    assert_eq!((empty.moments().mean(), empty.encode_v2_base64()), (None, None));
    let failed = summary(&[], 3);
    assert_eq!((failed.quantile(0.0), failed.finite_quantile(0.5)), (Quantile::Infinite, None));
}

#[test]
fn the_failed_are_last() {
    let summary = summary(&[100, 200, 300], 1);
    assert_eq!(summary.quantile(0.75), Quantile::Finite(300e-6));
    assert_eq!(summary.quantile(0.76), Quantile::Infinite);
    assert_eq!(summary.finite_quantile(0.5), Some(200e-6));
}

#[test]
fn ranks_do_not_slip_by_a_rounding() {
    // 0.07 × 100 and 0.55 × 100 are a little above 7 and 55 as doubles.
    let values: Vec<u64> = (1..=100).collect();
    let summary = summary(&values, 0);
    for (q, micros) in [(0.07, 7.0), (0.55, 55.0), (0.5, 50.0), (0.501, 51.0), (0.99, 99.0)] {
        let found = summary.quantile(q).finite().expect("values");
        assert!((found * 1e6 - micros).abs() < 1e-6, "p{q}: {found}");
    }
}

#[test]
fn what_is_out_of_range_is_kept_within() {
    let mut summary = Summary::default();
    summary.record(Duration::from_nanos(20));
    summary.record(Duration::from_secs(7200));
    assert_eq!(summary.n(), 2);
    let top = summary.quantile(1.0).finite().expect("a value");
    assert!((top / 3600.0 - 1.0).abs() < DIGIT, "{top}");
    assert_eq!(summary.moments().most(), Some(7200.0));
}

#[test]
fn memory_is_the_same_for_every_value() {
    let counts = |micros: &[u64]| summary(micros, 0).histogram.expect("a value").distinct_values();
    let least = counts(&[1]);
    assert_eq!(counts(&[1, 60_000_000, TOP]), least);
    assert!(least * size_of::<u32>() < 96 * 1024, "{least} counts");
    assert!(Summary::default().histogram.is_none(), "nothing is taken before the first value");
}

#[test]
fn counts_are_exact_up_to_two_thousand() {
    let mut lengths = Summary::new(Unit::Count);
    for tokens in [0, 7, 2000] {
        lengths.record_count(tokens);
    }
    assert_eq!(lengths.quantile(0.3), Quantile::Finite(0.0));
    assert_eq!(lengths.quantile(0.5), Quantile::Finite(7.0));
    assert_eq!(lengths.quantile(1.0), Quantile::Finite(2000.0));
}

proptest! {
    #[test]
    fn a_quantile_is_that_of_the_sorted_values(
        mut micros in prop::collection::vec(1_u64..100_000_000, 1..300),
        infinite in 0_u64..20,
        q in 0.0..=1.0_f64,
    ) {
        let summary = summary(&micros, infinite);
        micros.sort_unstable();
        let n = micros.len() as u64 + infinite;
        let at = ((q * n as f64).ceil() as usize).max(1) - 1;
        match (micros.get(at), summary.quantile(q)) {
            (Some(micros), Quantile::Finite(found)) => {
                let expected = *micros as f64 / 1e6;
                prop_assert!((found - expected).abs() <= DIGIT * expected + HALF_STEP);
            }
            (None, found) => prop_assert_eq!(found, Quantile::Infinite),
            (expected, found) => prop_assert!(false, "{:?} is not {:?}", found, expected),
        }
    }

    #[test]
    fn a_written_histogram_is_read_and_merged_by_others(
        micros in prop::collection::vec(1_u64..100_000_000, 1..100),
        more in prop::collection::vec(1_u64..100_000_000, 1..100),
    ) {
        let read = |micros: &[u64]| {
            let text = summary(micros, 2).encode_v2_base64().expect("values");
            let bytes = STANDARD.decode(text).expect("base64");
            let read: Histogram<u32> =
                Deserializer::new().deserialize(&mut bytes.as_slice()).expect("a histogram");
            read
        };
        let mut merged = read(&micros);
        merged.add(read(&more)).expect("of the same range");
        let together = summary(&[micros, more].concat(), 0);
        prop_assert_eq!(merged.len(), together.n());
        for q in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let ours = together.quantile(q).finite().expect("values");
            let theirs = merged.value_at_quantile(q) as f64 / 1e6;
            prop_assert!((ours - theirs).abs() <= 2.0 * DIGIT * ours + HALF_STEP, "{} {}", ours, theirs);
        }
    }
}
