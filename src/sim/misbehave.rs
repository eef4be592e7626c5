//! How faults look on the wire.
//!
//! Owns bytes and silences, each within a bound of time and size. Must not know when or why a
//! fault was chosen.

use std::io;
use std::time::Duration;

use super::engine::Slot;
use super::fault::{Headless, Hollow, Strike};
use super::metrics::Finish;
use super::shape::After;
use super::stream::{Events, Kind};
use super::wire::Wire;
use crate::clock::Stamp;

/// No fault lasts longer.
pub(super) const LONGEST_FAULT: Duration = Duration::from_secs(60);
/// No fault sends more.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// A head of this size is beyond every client's limit.
const HUGE_HEAD: usize = 4 * 1024 * 1024;
const PING_EVERY: Duration = Duration::from_millis(100);

/// Answers with something that is not a whole head.
pub(super) async fn headless(wire: &mut Wire, fault: Headless) -> io::Result<After> {
    match fault {
        Headless::Close => {}
        Headless::Reset => return Ok(After::Reset),
        Headless::CutHead => {
            wire.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/ev").await?;
        }
        Headless::NotHttp => {
            wire.send(b"SSH-2.0-OpenSSH_9.9\r\nno web server here\r\n").await?;
        }
        Headless::HugeHead => {
            wire.send(b"HTTP/1.1 200 OK\r\n").await?;
            let line = format!("x-filler: {}\r\n", "f".repeat(1_000));
            repeat(wire, line.as_bytes(), HUGE_HEAD).await?;
            wire.send(b"\r\n").await?;
        }
        Headless::Silence => silence(wire).await?,
    }
    Ok(After::Close)
}

/// After a good stream head: no token, or no end.
pub(super) async fn hollow(
    wire: &mut Wire,
    events: &mut Events,
    fault: Hollow,
) -> io::Result<After> {
    match fault {
        Hollow::Silence => silence(wire).await?,
        Hollow::Pings => pings(wire, events).await?,
        Hollow::Endless => {
            while events.bytes().len() < 64 * 1024 {
                events.token(Kind::Text, " again", None, None);
            }
            repeat(wire, events.bytes(), MOST_BYTES).await?;
        }
        Hollow::HugeEvent => {
            wire.send(b"6\r\ndata: \r\n").await?;
            let filler = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
            repeat(wire, filler.as_bytes(), MOST_BYTES).await?;
        }
        Hollow::NoEvent => {
            events.end_body();
            wire.send(events.bytes()).await?;
            return Ok(After::Keep);
        }
        Hollow::NoToken => {
            events.end("stop", None);
            events.done();
            events.end_body();
            wire.send(events.bytes()).await?;
            return Ok(After::Keep);
        }
    }
    Ok(After::Close)
}

/// Ends a stream before its time.
pub(super) async fn strike(
    wire: &mut Wire,
    events: &mut Events,
    strike: Strike,
    slot: Slot,
) -> io::Result<After> {
    let line = match strike {
        Strike::BrokenJson => r#"data: {"id":"broken","choices":[{"index":0,"delta":{"cont"#,
        Strike::HtmlEvent => "data: <html><body>502 Bad Gateway</body></html>",
        Strike::ErrorObject => {
            r#"data: {"error":{"message":"simulated engine error","type":"InternalServerError","param":null,"code":500}}"#
        }
        Strike::ErrorString => r#"data: {"error":"simulated engine error"}"#,
        Strike::Silence => {
            silence(wire).await?;
            return Ok(After::Close);
        }
        Strike::Pings => {
            pings(wire, events).await?;
            return Ok(After::Close);
        }
        Strike::Close => return Ok(After::Close),
        Strike::Reset => return Ok(After::Reset),
        Strike::CleanEnd => {
            drop(slot);
            events.end_body();
            wire.send(events.bytes()).await?;
            return Ok(After::Keep);
        }
        Strike::MidChunk => {
            wire.send(b"ff\r\ndata: {\"id\":\"cut").await?;
            return Ok(After::Close);
        }
    };
    slot.finish(Finish::Error);
    events.line(line);
    events.done();
    events.end_body();
    wire.send(events.bytes()).await?;
    Ok(After::Keep)
}

async fn silence(wire: &mut Wire) -> io::Result<()> {
    wire.pause(Stamp::now().after(LONGEST_FAULT)).await
}

/// Comments, which are no events.
async fn pings(wire: &mut Wire, events: &mut Events) -> io::Result<()> {
    let start = Stamp::now();
    let mut due = start;
    while due.since(start) < LONGEST_FAULT {
        events.clear();
        events.line(": ping");
        wire.send(events.bytes()).await?;
        due = due.after(PING_EVERY);
        wire.pause(due).await?;
    }
    Ok(())
}

/// Sends `bytes` over and over, up to `most` bytes or the longest time.
async fn repeat(wire: &mut Wire, bytes: &[u8], most: usize) -> io::Result<()> {
    let start = Stamp::now();
    let mut sent = 0;
    while sent + bytes.len() <= most && Stamp::now().since(start) < LONGEST_FAULT {
        wire.send(bytes).await?;
        sent += bytes.len();
        tokio::task::coop::consume_budget().await;
    }
    Ok(())
}
