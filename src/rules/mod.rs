//! Prometheus rules and alerts: those that fit every configuration, and those generated from one.
