//! One attempt of an exchange: from a plan to an answer.

pub mod answer;
