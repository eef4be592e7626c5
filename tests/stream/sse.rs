//! The framing, held against a plain reading of the whole stream, line by line.

use std::ops::ControlFlow;

use proptest::prelude::*;
use tokenbeat::sse::{Decoder, Event, TooLarge};

const MAX: usize = 1 << 16;

/// Name and data of an event.
type Owned = (Option<Vec<u8>>, Vec<u8>);

fn owned(event: Event<'_>) -> Owned {
    (event.name.map(<[u8]>::to_vec), event.data.to_vec())
}

/// The events of a stream that comes in `pieces`, then of its end, and whether one was too large.
fn decode<'b>(max: usize, pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<Owned>, bool) {
    let (mut decoder, mut events) = (Decoder::new(max), Vec::new());
    for piece in pieces {
        let flow = decoder.push::<()>(piece, |event| {
            events.push(owned(event));
            ControlFlow::Continue(())
        });
        match flow {
            Ok(flow) => assert_eq!(flow, ControlFlow::Continue(())),
            Err(error) => {
                assert_eq!(error, TooLarge { max_event_bytes: max });
                return (events, true);
            }
        }
    }
    let flow = decoder.finish::<()>(|event| {
        events.push(owned(event));
        ControlFlow::Continue(())
    });
    assert_eq!(flow, ControlFlow::Continue(()));
    (events, false)
}

/// The same by the letter of the standard, except that the end of the stream ends an event.
fn plainly(stream: &str) -> Vec<Owned> {
    let stream = stream.strip_prefix('\u{FEFF}').unwrap_or(stream);
    let text = stream.replace("\r\n", "\n").replace('\r', "\n") + "\n\n";
    let (mut events, mut name, mut data) = (Vec::new(), String::new(), None::<String>);
    for line in text.split('\n') {
        if line.is_empty() {
            if let Some(data) = data.take() {
                let name = (!name.is_empty()).then(|| name.clone().into_bytes());
                events.push((name, data.into_bytes()));
            }
            name.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (field, &mut data) {
            ("event", _) => value.clone_into(&mut name),
            ("data", None) => data = Some(value.to_owned()),
            ("data", Some(data)) => *data = format!("{data}\n{value}"),
            _ => {}
        }
    }
    events
}

fn event(data: &str) -> Owned {
    (None, data.as_bytes().to_vec())
}

#[test]
fn every_form_of_an_event_is_read_as_the_standard_has_it() {
    let named = |name: &str, data: &str| (Some(name.as_bytes().to_vec()), data.as_bytes().to_vec());
    let table: &[(&str, &[Owned])] = &[
        ("", &[]),
        ("\n\n\n", &[]),
        ("data: a\n\n", &[event("a")]),
        ("data:a\n\n", &[event("a")]),
        ("data:  a \n\n", &[event(" a ")]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", &[event("a"), event("b")]),
        ("data: a\r\rdata: b\r\r", &[event("a"), event("b")]),
        ("data: a\n\r\ndata: b\r\n\n", &[event("a"), event("b")]),
        ("data: a\ndata: b\ndata\n\n", &[event("a\nb\n")]),
        ("data\n\n", &[event("")]),
        ("data:\n\n", &[event("")]),
        ("\u{FEFF}data: a\n\n", &[event("a")]),
        ("\u{FEFF}\u{FEFF}data: a\n\n", &[]),
        ("data: a\n\n\u{FEFF}data: b\n\n", &[event("a")]),
        (": ping\n\n:\n\ndata: a\n: data: b\n\n", &[event("a")]),
        ("event: error\ndata: a\n\ndata: b\n\n", &[named("error", "a"), event("b")]),
        ("event: x\n\ndata: a\n\n", &[event("a")]),
        ("event: x\nevent\ndata: a\n\n", &[event("a")]),
        ("id: 1\nretry: 5\nfoo: bar\ndata: a\n\n", &[event("a")]),
        ("DATA: a\n\n data: b\n\ndata : c\n\n", &[]),
        ("data: a:b\n\n", &[event("a:b")]),
        ("data: a\0b\n\n", &[event("a\0b")]),
        ("data: [DONE]\n", &[event("[DONE]")]),
        ("data: [DONE]", &[event("[DONE]")]),
        ("data: [DONE]\r", &[event("[DONE]")]),
    ];
    for (stream, events) in table {
        let whole = decode(MAX, std::iter::once(stream.as_bytes()));
        assert_eq!(whole, (events.to_vec(), false), "{stream:?} at once");
        let bytes = decode(MAX, stream.as_bytes().chunks(1));
        assert_eq!(bytes, (events.to_vec(), false), "{stream:?} byte by byte");
        assert_eq!(plainly(stream), *events, "{stream:?} in the reference");
    }
}

#[test]
fn the_callback_can_stop() {
    let mut seen = 0;
    let flow = Decoder::new(MAX).push(b"data: a\n\ndata: b\n\n", |_| {
        seen += 1;
        ControlFlow::Break("enough")
    });
    assert_eq!((flow, seen), (Ok(ControlFlow::Break("enough")), 1));
}

#[test]
fn the_cap_is_exact_and_spares_comments() {
    let table = [
        ("data: 12\n\n", false),
        ("data: 123\n\n", true),
        ("data: 123", true),
        ("data:1\nid\n\n", false),
        ("data:1\nid:\n\n", true),
        ("id: 1234\nid: 5678\nretry: 9\n\n", false),
        ("event:12\ndata\n\n", true),
        ("data: 12\n\ndata: 34\n\n", false),
        (": a comment without end is no event\ndata: 12\n\n", false),
        ("\u{FEFF}data: 12\r\n\r\n", false),
    ];
    for (stream, too_large) in table {
        assert_eq!(decode(8, std::iter::once(stream.as_bytes())).1, too_large, "{stream:?}");
        assert_eq!(decode(8, stream.as_bytes().chunks(1)).1, too_large, "{stream:?} in bytes");
    }
}

/// Streams made of what matters to the framing.
fn streams() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "data", "data:", "data: ", "event:", "event: e", "id: 1", "retry", ":", " ", "x", "{é}",
        "\n", "\n", "\n\n", "\r", "\r\n", "\r\n\r\n", "\u{FEFF}",
    ]);
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

/// `stream` in pieces that end at `cuts`.
fn cut<'s>(stream: &'s str, cuts: &[prop::sample::Index]) -> Vec<&'s [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    at.windows(2).map(|ends| &stream.as_bytes()[ends[0]..ends[1]]).collect()
}

proptest! {
    #[test]
    fn any_pieces_read_like_the_reference(
        stream in streams(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let events = decode(MAX, cut(&stream, &cuts).into_iter());
        prop_assert_eq!(events, (plainly(&stream), false));
    }

    #[test]
    fn the_cap_does_not_depend_on_the_pieces(
        stream in streams(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        max in 0_usize..40,
    ) {
        let whole = decode(max, std::iter::once(stream.as_bytes()));
        prop_assert_eq!(decode(max, cut(&stream, &cuts).into_iter()), whole);
    }
}
