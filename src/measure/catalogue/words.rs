//! The words in which a row of the catalogue speaks: kinds, boundaries, units, chapters.

/// What kind of instrument a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever rises, but for a restart.
    Counter,
    /// The value of the moment.
    Gauge,
    /// Observations by size; exposed classic and native.
    Histogram(Buckets),
}

impl Kind {
    /// The type as Prometheus names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// Which classic boundaries a histogram has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buckets {
    /// Latencies of a whole answer, or up to its first token.
    Answer,
    /// Latencies between tokens.
    Token,
    /// Parts of an exchange.
    Phase,
    /// Our own lateness.
    Lateness,
}

impl Buckets {
    /// The upper boundaries, in seconds, without `+Inf`.
    pub const fn bounds(self) -> &'static [f64] {
        match self {
            Self::Answer => &[
                0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.45, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.5,
                6.0, 10.0, 20.0, 40.0, 80.0,
            ],
            Self::Token => &[
                0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.08,
                0.1, 0.15, 0.175, 0.2, 0.3, 0.5, 1.0, 2.5,
            ],
            Self::Phase => &[0.0005, 0.002, 0.01, 0.05, 0.2, 1.0, 5.0, 20.0],
            Self::Lateness => &[
                0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
            ],
        }
    }
}

/// What a metric counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds, or seconds since the Unix epoch for a `_timestamp_seconds`.
    Seconds,
    /// Bytes.
    Bytes,
    /// A share between 0 and 1.
    Ratio,
    /// Joules.
    Joules,
    /// Watts.
    Watts,
    /// Hertz.
    Hertz,
    /// Degrees Celsius.
    Celsius,
    /// Things counted, or no unit at all.
    None,
}

impl Unit {
    /// The unit as it ends a name; empty if there is none.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
            Self::Joules => "joules",
            Self::Watts => "watts",
            Self::Hertz => "hertz",
            Self::Celsius => "celsius",
            Self::None => "",
        }
    }
}

/// What a metric is about: the chapters of `docs/metrics.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Probes: a target's answers to our beats.
    Probe,
    /// The same beats held against SLOs.
    Slo,
    /// Sweeps: what runs of load found.
    Sweep,
    /// Telemetry: what engines and GPUs tell of themselves.
    Telemetry,
    /// The daemon itself.
    Daemon,
    /// The process, under the names that every exporter uses.
    Process,
}

impl Family {
    /// Every family, in the order of the page.
    pub const ALL: [Self; 6] =
        [Self::Probe, Self::Slo, Self::Sweep, Self::Telemetry, Self::Daemon, Self::Process];

    /// The label value in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Slo => "slo",
            Self::Sweep => "sweep",
            Self::Telemetry => "telemetry",
            Self::Daemon => "daemon",
            Self::Process => "process",
        }
    }

    /// The heading of its chapter.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Probe => "Probes",
            Self::Slo => "SLOs",
            Self::Sweep => "Sweeps",
            Self::Telemetry => "Telemetry",
            Self::Daemon => "The daemon itself",
            Self::Process => "The process",
        }
    }
}
