//! A scrape target with values of a test's own: of what no machine of the tests has, or nothing
//! exposes yet.

use std::time::Duration;

use tokenbeat::{
    clock::Stamp,
    sinks::prometheus::{Coding, Exposition, Format},
};

use crate::loopback::Server;

/// Serves `text` as an exposition until it is dropped. A value that ends in `/s` is what its series
/// rises by each second.
pub fn serve(text: &'static str) -> Server {
    let start = Stamp::now();
    Server::start(move |_| {
        let body = exposition(text, Stamp::now().since(start)).into_bytes();
        let content_type = "text/plain; version=0.0.4".into();
        Ok(Exposition { format: Format::Text, content_type, coding: Coding::Identity, body })
    })
}

/// The exposition as it is after so long. All that rises is of one instant.
fn exposition(text: &str, after: Duration) -> String {
    let mut exposition = String::new();
    for line in text.lines() {
        match line.strip_suffix("/s").and_then(|line| line.rsplit_once(' ')) {
            Some((series, slope)) => {
                let slope: f64 = slope.parse().expect("a number");
                exposition.push_str(&format!("{series} {}\n", slope * after.as_secs_f64()));
            }
            None => exposition.push_str(&format!("{line}\n")),
        }
    }
    exposition
}
