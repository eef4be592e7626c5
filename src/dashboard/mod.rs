//! The Grafana dashboards: one typed description, rendered to JSON.
