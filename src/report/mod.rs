//! A run's record for people and programs: table, JSON, CSV, Markdown, HTML.
//!
//! Owns how a record looks. Pure: from a record to text.
