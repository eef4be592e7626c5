//! The words in which a dashboard is written down. No Grafana in here but the names of its units.

use super::{board::Board, need::Need};

/// A dashboard.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// Which one.
    pub board: Board,
    /// The question that it answers.
    pub description: &'static str,
    /// How far back it looks when it is opened, as Grafana writes it: `6h`.
    pub range: &'static str,
    /// What can be chosen at its top, the data source aside, which every one has.
    pub variables: Vec<Variable>,
    /// What is marked on its time axes.
    pub annotations: Vec<Annotation>,
    /// Its panels, from the answer down to the causes.
    pub rows: Vec<Row>,
}

/// Panels beside each other.
#[derive(Clone, Debug)]
pub struct Row {
    /// What they say together.
    pub title: &'static str,
    /// Height in Grafana's units of 30 pixels.
    pub height: u32,
    /// From left to right; the width is shared out evenly.
    pub panels: Vec<Panel>,
}

/// One picture or number.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows.
    pub title: &'static str,
    /// How to read it.
    pub description: &'static str,
    /// In what its values count.
    pub unit: Unit,
    /// How they are drawn.
    pub kind: Kind,
    /// What is asked.
    pub queries: Vec<Query>,
    /// From which value on which colour; drawn as lines where there are axes.
    pub steps: &'static [Step],
    /// What values are called, where they stand for states.
    pub states: &'static [State],
    /// The dashboard that a click on a series opens, for its target and model.
    pub drill: Option<Board>,
    /// Without what it stays empty; absent if every installation fills it.
    pub needs: Option<Need>,
    /// Whether the traces behind its values are drawn beside them.
    pub exemplars: Exemplars,
}

/// Whether the traces behind values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exemplars {
    /// They are not asked for.
    Hidden,
    /// As points, each with the id of its trace.
    Shown,
}

/// How a panel draws its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lines over time.
    Lines,
    /// Areas over time, one on top of the other: parts of a whole.
    Stack,
    /// One number a series.
    Stat,
    /// One bar a series.
    BarGauge,
    /// Counts by time and size, of a histogram.
    Heatmap,
    /// One line a label set, one column a query.
    Table,
    /// One band of states a series.
    StateTimeline,
    /// The second query's values over the first's, one point a label set, one colour a run.
    XyChart,
}

/// One query of a panel.
#[derive(Clone, Debug)]
pub struct Query {
    /// PromQL with Grafana's variables.
    pub expr: String,
    /// What its series are called; in a table the heading of the column.
    pub legend: &'static str,
    /// What it is among the others.
    pub role: Role,
    /// In what it counts, if not as the panel does.
    pub unit: Option<Unit>,
    /// The colours of its column in a table.
    pub steps: &'static [Step],
    /// The states of its column in a table.
    pub states: &'static [State],
}

/// What a query is among the others of its panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What the panel is about.
    Value,
    /// A limit that the daemon exports, drawn as a dashed line.
    Limit,
    /// The same at another time, drawn faintly.
    Before,
}

/// In what values count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// A share, 1 is all.
    Ratio,
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Tokens a second.
    TokensPerSecond,
    /// Requests a second.
    RequestsPerSecond,
    /// Multiples.
    Factor,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Watts.
    Watts,
    /// Joules.
    Joules,
    /// Degrees Celsius.
    Celsius,
    /// Hertz.
    Hertz,
    /// US dollars.
    Dollars,
}

/// A colour that means something: green is well, red is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Well.
    Green,
    /// To be looked at.
    Yellow,
    /// Not well.
    Red,
    /// No judgement.
    Blue,
    /// Nothing is known.
    Grey,
}

/// From `from` on values have this colour; without it from the lowest on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Where it begins.
    pub from: Option<f64>,
    /// The colour.
    pub colour: Colour,
}

/// What a value is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The value, as Grafana writes it.
    pub value: &'static str,
    /// Its name.
    pub text: &'static str,
    /// Its colour.
    pub colour: Colour,
}

/// What can be chosen at the top of a dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// Values of a label, several or all of them.
    Label {
        /// The label, which gives the variable its name.
        label: &'static str,
        /// The series that have it, with a selector that may name variables before it.
        series: &'static str,
        /// The regular expression that stands for all of them.
        all: &'static str,
    },
    /// One of a few words; the first is the default.
    Choice {
        /// Its name.
        name: &'static str,
        /// What it is called at the top.
        label: &'static str,
        /// The words.
        options: &'static [&'static str],
    },
}

/// Events on the time axes.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// What they are.
    pub name: &'static str,
    /// The query; the values are the instants of the events, in seconds since the Unix epoch.
    pub expr: String,
    /// The text of one, with labels.
    pub title: &'static str,
    /// Its colour.
    pub colour: Colour,
}

impl Row {
    /// Says without what its panels stay empty, but for those that have said so themselves.
    #[must_use]
    pub(super) fn needs(mut self, need: Need) -> Self {
        for panel in &mut self.panels {
            panel.needs.get_or_insert(need);
        }
        self
    }
}

impl Panel {
    /// A panel without a query.
    pub(super) const fn new(
        title: &'static str,
        kind: Kind,
        unit: Unit,
        description: &'static str,
    ) -> Self {
        Self {
            title,
            description,
            unit,
            kind,
            queries: Vec::new(),
            steps: &[],
            states: &[],
            drill: None,
            needs: None,
            exemplars: Exemplars::Hidden,
        }
    }

    /// Says without what it stays empty.
    #[must_use]
    pub(super) const fn needs(mut self, need: Need) -> Self {
        self.needs = Some(need);
        self
    }

    /// Draws the traces behind the values.
    #[must_use]
    pub(super) const fn traced(mut self) -> Self {
        self.exemplars = Exemplars::Shown;
        self
    }

    /// Asks for what the panel is about.
    #[must_use]
    pub(super) fn ask(self, legend: &'static str, expr: impl Into<String>) -> Self {
        self.query(Role::Value, legend, expr.into())
    }

    /// Draws a limit that the daemon exports.
    #[must_use]
    pub(super) fn limit(self, legend: &'static str, expr: impl Into<String>) -> Self {
        self.query(Role::Limit, legend, expr.into())
    }

    /// Draws the same at another time.
    #[must_use]
    pub(super) fn before(self, legend: &'static str, expr: impl Into<String>) -> Self {
        self.query(Role::Before, legend, expr.into())
    }

    /// Adds a column, of a unit of its own.
    #[must_use]
    pub(super) fn column(
        mut self,
        heading: &'static str,
        unit: Unit,
        expr: impl Into<String>,
    ) -> Self {
        self = self.query(Role::Value, heading, expr.into());
        if let Some(query) = self.queries.last_mut() {
            query.unit = Some(unit);
        }
        self
    }

    /// Colours the column that was added last.
    #[must_use]
    pub(super) fn coloured(mut self, steps: &'static [Step]) -> Self {
        if let Some(query) = self.queries.last_mut() {
            query.steps = steps;
        }
        self
    }

    /// Names the states of the column that was added last.
    #[must_use]
    pub(super) fn named(mut self, states: &'static [State]) -> Self {
        if let Some(query) = self.queries.last_mut() {
            query.states = states;
        }
        self
    }

    /// Colours values from these on.
    #[must_use]
    pub(super) const fn steps(mut self, steps: &'static [Step]) -> Self {
        self.steps = steps;
        self
    }

    /// Names values.
    #[must_use]
    pub(super) const fn states(mut self, states: &'static [State]) -> Self {
        self.states = states;
        self
    }

    /// Leads a click on a series to this dashboard.
    #[must_use]
    pub(super) const fn drill(mut self, board: Board) -> Self {
        self.drill = Some(board);
        self
    }

    fn query(mut self, role: Role, legend: &'static str, expr: String) -> Self {
        self.queries.push(Query { expr, legend, role, unit: None, steps: &[], states: &[] });
        self
    }
}
