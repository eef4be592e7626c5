//! The Grafana dashboards: one typed description, rendered to JSON.
//!
//! Owns what a panel asks and says, and how all of them look. `boards` has one file a dashboard,
//! `model` and `need` the words that they are written in, `promql` the queries that read histograms
//! of either form, `render` Grafana's classic JSON. Knows neither files nor Grafana: what is printed
//! here is written by `tokenbeat dashboards`.

mod board;
mod boards;
mod configmap;
mod model;
mod need;
mod promql;
mod render;

pub use board::{Board, UnknownBoard};
pub use configmap::configmap;
pub use model::{
    Annotation, Colour, Dashboard, Exemplars, Kind, Panel, Query, Role, Row, State, Step, Unit,
    Variable,
};
pub use need::Need;
pub use render::json;
