//! Charts as inline SVG.
//!
//! Owns axes, lines and bars. Colours and fonts come from the page's style sheet by class, so a
//! chart is right in light and dark, and needs neither a script nor an inline style.

use std::fmt::Write as _;

use super::number::grouped;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;
/// So many ticks at most on an axis of numbers, zero left out.
const TICKS: f64 = 6.0;
/// Width of a letter of a legend, on the generous side.
const LETTER: f64 = 7.0;

/// A chart.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// What it shows, also for those who cannot see it.
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: String,
    pub(super) form: Form,
    pub(super) series: Vec<Series>,
}

/// How the values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Points joined by lines, in their order.
    Line,
    /// A bar each; for an axis of names and one series.
    Bar,
}

/// The horizontal axis.
#[derive(Clone, Debug)]
pub(super) enum Axis {
    /// Numbers, with their title.
    Numbers(String),
    /// One place a name, with their title.
    Names(String, Vec<String>),
}

/// Values that belong together.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<Point>,
}

/// One value.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// A number, or the index of a name.
    pub(super) x: f64,
    /// Absent: infinite, drawn at the upper edge.
    pub(super) y: Option<f64>,
    /// What it is, shown where one points at it.
    pub(super) note: String,
    /// What stands beside it, of a line.
    pub(super) tag: Option<String>,
}

impl Chart {
    /// The chart as an `svg` element; empty without a value.
    pub(super) fn draw(&self) -> String {
        if self.series.iter().all(|series| series.points.is_empty()) {
            return String::new();
        }
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(&self.title)
        );
        let ys = Ticks::over(self.values(|point| point.y));
        self.draw_y(&mut svg, &ys);
        self.draw_x(&mut svg);
        for (number, series) in self.series.iter().enumerate() {
            match self.form {
                Form::Line => self.draw_line(&mut svg, number, series, &ys),
                Form::Bar => self.draw_bars(&mut svg, series, &ys),
            }
        }
        self.draw_legend(&mut svg);
        svg.push_str("</svg>");
        svg
    }

    fn values<'a>(
        &'a self,
        value: impl Fn(&Point) -> Option<f64> + 'a,
    ) -> impl Iterator<Item = f64> + 'a {
        self.series.iter().flat_map(|series| &series.points).filter_map(value)
    }

    /// Where a value of the horizontal axis lies.
    fn across(&self, x: f64) -> f64 {
        let room = WIDTH - LEFT - RIGHT;
        match &self.x {
            Axis::Names(_, names) => LEFT + room * (x + 0.5) / names.len().max(1) as f64,
            Axis::Numbers(_) => LEFT + room * x / Ticks::over(self.values(|it| Some(it.x))).most,
        }
    }

    fn draw_y(&self, svg: &mut String, ticks: &Ticks) {
        for tick in ticks.iter() {
            let y = ticks.up(tick);
            let _ = write!(
                svg,
                "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                grouped(tick, ticks.decimals)
            );
        }
        let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        let _ = write!(
            svg,
            "<text class=\"axis\" transform=\"translate(13 {middle:.1}) rotate(-90)\">{}</text>",
            escape(&self.y)
        );
    }

    fn draw_x(&self, svg: &mut String) {
        let mut tick = |x: f64, text: &str| {
            let y = HEIGHT - BOTTOM + 17.0;
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
                escape(text)
            );
        };
        let title = match &self.x {
            Axis::Names(title, names) => {
                for (at, name) in names.iter().enumerate() {
                    tick(self.across(at as f64), name);
                }
                title
            }
            Axis::Numbers(title) => {
                let ticks = Ticks::over(self.values(|point| Some(point.x)));
                for value in ticks.iter() {
                    tick(self.across(value), &grouped(value, ticks.decimals));
                }
                title
            }
        };
        let (x, y) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8.0);
        let _ =
            write!(svg, "<text class=\"axis\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(title));
    }

    fn draw_line(&self, svg: &mut String, number: usize, series: &Series, ys: &Ticks) {
        let class = class(number);
        // An infinite value breaks the line: there is no way there.
        for part in series.points.split(|point| point.y.is_none()) {
            let places = part
                .iter()
                .filter_map(|point| Some((self.across(point.x), ys.up(point.y?))))
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect::<Vec<_>>();
            if places.len() > 1 {
                let _ =
                    write!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", places.join(" "));
            }
        }
        for point in &series.points {
            let x = self.across(point.x);
            let note = escape(&point.note);
            if let (Some(y), Some(tag)) = (point.y, &point.tag) {
                let _ = write!(
                    svg,
                    "<text class=\"tag\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    x + 8.0,
                    ys.up(y) + 14.0,
                    escape(tag)
                );
            }
            let _ = match point.y {
                Some(y) => write!(
                    svg,
                    "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"3.5\"><title>{note}</title></circle>",
                    ys.up(y)
                ),
                None => write!(
                    svg,
                    "<text class=\"infinite {class}\" x=\"{:.1}\" y=\"{:.1}\">∞<title>{note}</title></text>",
                    x + 14.0 * (number as f64 - (self.series.len() - 1) as f64 / 2.0),
                    TOP + 2.0
                ),
            };
        }
    }

    fn draw_bars(&self, svg: &mut String, series: &Series, ys: &Ticks) {
        let places = match &self.x {
            Axis::Names(_, names) => names.len().max(1),
            Axis::Numbers(_) => series.points.len().max(1),
        };
        let wide = ((WIDTH - LEFT - RIGHT) / places as f64 * 0.6).min(48.0);
        for point in &series.points {
            let (x, y) = (self.across(point.x) - wide / 2.0, ys.up(point.y.unwrap_or(ys.most)));
            let _ = write!(
                svg,
                "<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{:.1}\" rx=\"2\">\
                 <title>{}</title></rect>",
                HEIGHT - BOTTOM - y,
                escape(&point.note)
            );
        }
    }

    /// The names of the series; of one alone the title says enough.
    fn draw_legend(&self, svg: &mut String) {
        if self.series.len() < 2 {
            return;
        }
        let mut x = LEFT;
        for (number, series) in self.series.iter().enumerate() {
            let class = class(number);
            let _ = write!(
                svg,
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"12\" r=\"4\"/>\
                 <text class=\"legend\" x=\"{:.1}\" y=\"16\">{}</text>",
                x + 4.0,
                x + 13.0,
                escape(&series.name)
            );
            x += 34.0 + LETTER * series.name.chars().count() as f64;
        }
    }
}

/// The ticks of an axis that begins at 0.
struct Ticks {
    most: f64,
    step: f64,
    decimals: usize,
}

impl Ticks {
    /// Ticks at 1, 2 or 5 times a power of ten, that reach over all values.
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let most = if most > 0.0 { most } else { 1.0 };
        let power = 10_f64.powf(most.log10().floor() - 1.0);
        let steps = [1.0, 2.0, 5.0, 10.0, 20.0].map(|factor| factor * power);
        let step = steps.into_iter().find(|step| most / step <= TICKS).unwrap_or(50.0 * power);
        let decimals = if step < 1.0 { (-step.log10()).ceil() as usize } else { 0 };
        Self { most: (most / step).ceil() * step, step, decimals }
    }

    fn iter(&self) -> impl Iterator<Item = f64> {
        let number = (self.most / self.step).round() as u32;
        (0..=number).map(|at| f64::from(at) * self.step)
    }

    /// Where a value of the vertical axis lies.
    fn up(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value / self.most)
    }
}

/// The class of a series: there are so many colours.
fn class(number: usize) -> String {
    format!("s{}", number % 5)
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            _ => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(ys: &[Option<f64>]) -> Chart {
        let names = (0..ys.len()).map(|at| format!("<{at}>")).collect();
        let point = |(at, y): (usize, &Option<f64>)| Point {
            x: at as f64,
            y: *y,
            note: "\"".into(),
            tag: Some("5".into()),
        };
        Chart {
            title: "a & b".to_owned(),
            x: Axis::Names("load".to_owned(), names),
            y: "s".to_owned(),
            form: Form::Line,
            series: vec![Series {
                name: "p99".to_owned(),
                points: ys.iter().enumerate().map(point).collect(),
            }],
        }
    }

    #[test]
    fn ticks_are_round_and_reach_over_the_values() {
        for (most, top, step) in
            [(0.0, 1.0, 0.2), (0.37, 0.4, 0.1), (5.0, 5.0, 1.0), (1007.9, 1200.0, 200.0)]
        {
            let ticks = Ticks::over([most].into_iter());
            assert!((ticks.most - top).abs() < 1e-9, "{most}: {}", ticks.most);
            assert!((ticks.step - step).abs() < 1e-9, "{most}: {}", ticks.step);
        }
    }

    #[test]
    fn an_infinite_value_stands_at_the_edge_and_breaks_the_line() {
        let svg = chart(&[Some(1.0), Some(2.0), None, Some(3.0)]).draw();
        assert_eq!(svg.matches("<polyline").count(), 1, "{svg}");
        assert_eq!(svg.matches('∞').count(), 1, "{svg}");
        assert_eq!(svg.matches("<circle").count(), 3, "{svg}");
        assert_eq!(svg.matches(">5</text>").count(), 3, "{svg}");
    }

    #[test]
    fn texts_are_escaped() {
        let svg = chart(&[Some(1.0)]).draw();
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;0&gt;") && svg.contains("&quot;"));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(chart(&[]).draw(), "");
    }
}
