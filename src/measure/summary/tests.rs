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

fn same(left: &Summary, right: &Summary) {
    assert_eq!((left.n(), left.finite(), left.infinite()), {
        (right.n(), right.finite(), right.infinite())
    });
    for q in [0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0] {
        assert_eq!(left.quantile(q), right.quantile(q), "p{q}");
    }
    let close = |left: Option<f64>, right: Option<f64>| match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * right.abs().max(1e-6),
        (left, right) => left == right,
    };
    assert!(close(left.moments().mean(), right.moments().mean()));
    assert!(close(left.moments().stddev(), right.moments().stddev()));
    assert_eq!(left.moments().least(), right.moments().least());
    assert_eq!(left.moments().most(), right.moments().most());
    assert_eq!(left.encode_v2_base64().is_some(), right.encode_v2_base64().is_some());
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
    assert_eq!((summary.clamped(), summary.n()), (1, 2));
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

#[test]
fn what_is_no_histogram_is_refused() {
    let read = |text: &str| Summary::from_v2_base64(Unit::Seconds, text, 0);
    assert!(matches!(read("%"), Err(HistogramError::Base64(_))));
    assert!(matches!(read("AAAA"), Err(HistogramError::Form(_))));
    let mut coarse = Vec::new();
    let histogram = Histogram::<u32>::new(2).expect("two digits");
    V2Serializer::new().serialize(&histogram, &mut coarse).expect("bytes");
    assert_eq!(read(&STANDARD.encode(coarse)).err(), Some(HistogramError::Digits(2)));
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
    fn merging_heeds_neither_order_nor_grouping(
        parts in prop::collection::vec(
            (prop::collection::vec(1_u64..10_000_000_000, 0..40), 0_u64..5), 3),
    ) {
        let [a, b, c] = [0, 1, 2].map(|part: usize| summary(&parts[part].0, parts[part].1));
        let merged = |first: &Summary, then: &[&Summary]| {
            let mut all = first.clone();
            for one in then {
                all.merge(one);
            }
            all
        };
        let left = merged(&merged(&a, &[&b]), &[&c]);
        let right = merged(&a, &[&merged(&b, &[&c])]);
        same(&left, &right);
        same(&left, &merged(&c, &[&b, &a]));
        let together: Vec<u64> = parts.iter().flat_map(|(micros, _)| micros.clone()).collect();
        same(&left, &summary(&together, parts.iter().map(|(_, infinite)| infinite).sum()));
    }

    #[test]
    fn a_written_histogram_reads_back_and_still_merges(
        micros in prop::collection::vec(1_u64..100_000_000, 1..100),
    ) {
        let written = summary(&micros, 2);
        let text = written.encode_v2_base64().expect("values");
        let mut read = Summary::from_v2_base64(Unit::Seconds, &text, 2).expect("a histogram");
        prop_assert_eq!(read.n(), written.n());
        for q in [0.0, 0.5, 0.9, 1.0] {
            let (was, is) = (written.quantile(q), read.quantile(q));
            match (was.finite(), is.finite()) {
                (Some(was), Some(is)) => prop_assert!((was - is).abs() <= DIGIT * was + HALF_STEP),
                (was, is) => prop_assert_eq!(was, is),
            }
        }
        read.merge(&summary(&[3_000_000_000], 0));
        prop_assert_eq!(read.n(), written.n() + 1);
        let most = read.finite_quantile(1.0).expect("a value");
        prop_assert!((most / 3000.0 - 1.0).abs() < DIGIT);
    }
}
