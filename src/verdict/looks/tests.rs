use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::*;
use crate::verdict::Misses;

fn looks(objective: f64, cap: u64) -> Looks {
    Looks::over(&[objective], cap)
}

/// Looks at misses that are single ones.
fn look(looks: &mut Looks, n: u64, misses: u64) -> Option<State> {
    looks.look(&[Clustered::apart(n, misses)])
}

#[test]
fn looks_are_settled_beforehand() {
    let at = |objective, cap| looks(objective, cap).at;
    assert_eq!(at(0.95, 500), [90, 135, 203, 304, 456, 500]);
    assert_eq!(at(0.90, 44), [44]);
    assert_eq!(at(0.99, 100), [100]);
    assert_eq!(at(1.0, 100), [100]);
}

#[test]
fn looks_that_are_left_out_leave_the_others_more_risk() {
    let all = looks(0.95, 500);
    let late = all.clone().not_before(200);
    assert_eq!((late.at.as_slice(), late.next_at()), (&[203, 304, 456, 500][..], Some(203)));
    assert!((late.risk() - 0.0025).abs() < 1e-12 && all.risk() < late.risk());
    assert_eq!(all.not_before(9_999).at, [500]);
}

#[test]
fn a_look_is_taken_once_and_only_when_it_is_due() {
    let mut looks = looks(0.95, 2_000);
    assert_eq!((look(&mut looks, 89, 0), looks.next_at()), (None, Some(90)));
    // A pass takes six times the 90 of one look.
    assert_eq!(look(&mut looks, 90, 0), Some(State::NotEnoughData));
    assert_eq!((look(&mut looks, 90, 0), looks.next_at()), (None, Some(135)));
    // Looks that were passed over are over.
    let missing = Some(State::NotEnoughData);
    assert_eq!((look(&mut looks, 500, 25), looks.next_at()), (missing, Some(684)));
    assert_eq!((look(&mut looks, 684, 4), looks.next_at()), (Some(State::Pass), None));
    assert_eq!((look(&mut looks, 1_026, 900), looks.state()), (None, State::Pass));
}

#[test]
fn the_cap_is_the_last_look() {
    let mut looks = looks(0.95, 100);
    assert_eq!(look(&mut looks, 90, 4), Some(State::NotEnoughData));
    assert_eq!(look(&mut looks, 100, 5), Some(State::NotEnoughData));
    assert_eq!((looks.next_at(), looks.state()), (None, State::NotEnoughData));
}

#[test]
fn each_lane_is_looked_at_alone_and_stays_passed() {
    let mut looks = Looks::over(&[0.90, 0.95], 10_000);
    let seen = |n, one, other| [Clustered::apart(n, one), Clustered::apart(n, other)];
    assert_eq!(looks.look(&seen(1_540, 80, 70)), Some(State::NotEnoughData));
    // The first has passed; what it does now is no longer asked.
    assert_eq!(looks.look(&seen(3_000, 590, 90)), Some(State::Pass));
    assert_eq!(looks.last(&seen(3_000, 590, 90)), State::Fail, "but it is at the very end");
    let mut looks = Looks::over(&[0.90, 0.95], 10_000);
    assert_eq!(looks.look(&seen(1_540, 0, 130)), Some(State::Fail));
}

/// How misses follow one another.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// Each by itself.
    Alone,
    /// Always so many in a row.
    Runs(u64),
    /// A Markov chain of two states, in which misses come in runs of this mean length.
    Chain(f64),
}

/// An endless sequence of exchanges.
struct Sequence {
    course: Course,
    /// The share of misses in the long run.
    share: f64,
    down: bool,
    left: u64,
}

impl Sequence {
    /// A sequence that has been going on for a while.
    fn new<R: Rng>(course: Course, share: f64, rng: &mut R) -> Self {
        let mut sequence = Self { course, share, down: rng.random_bool(1.0 - share), left: 0 };
        (0..200).for_each(|_| {
            sequence.missed(rng);
        });
        sequence
    }

    fn missed<R: Rng>(&mut self, rng: &mut R) -> bool {
        let length = match self.course {
            Course::Alone => return rng.random_bool(self.share),
            Course::Runs(length) => length as f64,
            Course::Chain(length) => length,
        };
        if self.left == 0 {
            self.down = !self.down;
            let mean = if self.down { length } else { length * (1.0 - self.share) / self.share };
            self.left = match (self.course, self.down) {
                (Course::Runs(length), true) => length,
                _ => 1 + ((-rng.random::<f64>()).ln_1p() / (-mean.recip()).ln_1p()) as u64,
            };
        }
        self.left -= 1;
        self.down
    }
}

/// What becomes of many steps of up to `cap` exchanges.
#[derive(Clone, Copy, Debug, Default)]
struct Certified {
    passes: f64,
    fails: f64,
    /// Exchanges until it is decided, or the cap is reached, in the mean.
    exchanges: f64,
}

fn certified(course: Course, objective: f64, share: f64, cap: u64, steps: u32) -> Certified {
    let mut rng = Pcg64::seed_from_u64(7);
    let mut sums = Certified::default();
    for _ in 0..steps {
        let (mut looks, mut misses) = (looks(objective, cap), Misses::default());
        let mut sequence = Sequence::new(course, share, &mut rng);
        let mut n = 0;
        while let Some(at) = looks.next_at() {
            (n..at).for_each(|_| misses.push(sequence.missed(&mut rng)));
            n = at;
            looks.look(&[misses.clustered()]);
        }
        match looks.state() {
            State::Pass => sums.passes += 1.0,
            State::Fail => sums.fails += 1.0,
            State::NotEnoughData => {}
        }
        sums.exchanges += n as f64;
    }
    let mean = |sum| sum / f64::from(steps);
    Certified {
        passes: mean(sums.passes),
        fails: mean(sums.fails),
        exchanges: mean(sums.exchanges),
    }
}

const COURSES: [Course; 7] = [
    Course::Alone,
    Course::Runs(2),
    Course::Runs(3),
    Course::Runs(5),
    Course::Chain(2.0),
    Course::Chain(3.0),
    Course::Chain(5.0),
];

/// At the very objective, no more than 1 % of `steps` are certified to either side. The margin is
/// three standard errors of a share of 1 %.
fn hardly_any_is_certified_falsely(cases: &[(f64, u64)], steps: u32) {
    let most = 0.01 + 3.0 * (0.01 * 0.99 / f64::from(steps)).sqrt();
    for (objective, cap) in cases {
        for course in COURSES {
            let found = certified(course, *objective, 1.0 - objective, *cap, steps);
            let case = format!("{objective}, {cap} exchanges, {course:?}: {found:?}");
            assert!(found.passes <= most && found.fails <= most, "{case}");
        }
    }
}

#[test]
fn at_the_objective_one_in_a_hundred_is_certified_falsely_at_most() {
    hardly_any_is_certified_falsely(&[(0.90, 600), (0.95, 1_100)], 2_000);
}

/// What the figures in the documents come from: `cargo test --release looks -- --ignored`.
#[test]
#[ignore = "takes minutes without optimisation"]
fn at_the_objective_one_in_a_hundred_is_certified_falsely_at_most_of_long_steps() {
    let cases = [(0.90, 12_000), (0.95, 2_000), (0.95, 12_000), (0.99, 5_000), (0.99, 20_000)];
    hardly_any_is_certified_falsely(&cases, 10_000);
}

#[test]
fn away_from_the_objective_nearly_all_are_certified_soon() {
    for (course, share, passes, exchanges) in [
        (Course::Alone, 0.005, true, 1_000.0),
        (Course::Alone, 0.02, true, 1_700.0),
        (Course::Chain(3.0), 0.01, true, 3_000.0),
        (Course::Alone, 0.09, false, 900.0),
        (Course::Alone, 0.2, false, 200.0),
        (Course::Chain(3.0), 0.2, false, 900.0),
    ] {
        let found = certified(course, 0.95, share, 6_000, 200);
        let right = if passes { found.passes } else { found.fails };
        assert!(right >= 0.98 && found.exchanges <= exchanges, "{course:?} {share}: {found:?}");
    }
}
