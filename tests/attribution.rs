//! Each event gets the stamp of the read that completed it.
//!
//! This rests on how hyper hands over a body: one frame at a time, reading on only after it was
//! taken (`docs/dependencies.md`, "hyper beside reqwest"). A new minor version of hyper must pass
//! here before it is let in.

#![expect(clippy::expect_used, reason = "helpers of a test")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use tokenbeat::{
    client::{Limits, Text, keep_stamping_on},
    clock::Stamp,
    config::{self, Connection},
    load::{Link, Order, run},
    measure::Measurement,
    timeline::{Exchange, Outcome, Recorder, StampSource, Timeline},
    workload::RequestPlan,
};

const EVENTS: usize = 40;
const GAP: Duration = Duration::from_millis(15);

/// A server that sends one event a write and tells when it began each write. Some events are cut
/// in two, so that two reads carry one event.
fn server() -> (SocketAddr, mpsc::Receiver<Vec<Stamp>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback");
    let address = listener.local_addr().expect("bound");
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("accepted");
        socket.set_nodelay(true).expect("no delay");
        let mut request = [0; 8192];
        let read = socket.read(&mut request).expect("a request");
        assert!(read > 0);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        socket.write_all(head.as_bytes()).expect("written");
        let mut sent = Vec::new();
        for number in 0..EVENTS {
            thread::sleep(GAP);
            let event =
                format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"w{number}\"}}}}]}}\n\n");
            let (first, rest) = event.split_at(if number % 3 == 0 { 20 } else { 0 });
            for piece in [first, rest].into_iter().filter(|piece| !piece.is_empty()) {
                if piece.len() < event.len() {
                    thread::sleep(GAP);
                }
                let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
                let now = Stamp::now();
                socket.write_all(chunk.as_bytes()).expect("written");
                if piece == rest {
                    sent.push(now);
                }
            }
        }
        socket.write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n").expect("written");
        tell.send(sent).expect("the test waits");
    });
    (address, told)
}

async fn exchange(address: SocketAddr) -> Exchange {
    let text = format!("targets: [{{name: t, url: 'http://{address}', models: [m]}}]\n");
    let config = config::load_str("a.yml", &text).expect("a configuration");
    let link = Link::new(Arc::clone(&config.targets[0])).expect("a link");
    let plan = RequestPlan::completion("hello", 64);
    let limits = Limits {
        connect: Duration::from_secs(10),
        first_token: Duration::from_secs(60),
        total: Duration::from_secs(60),
        idle: Duration::from_secs(20),
        response_bytes: 1 << 20,
    };
    let (close, closed) = tokio::sync::oneshot::channel();
    let recorder = Recorder::open(Timeline::new(Stamp::now(), 64), move |exchange| {
        assert!(close.send(exchange).is_ok(), "the test waits");
    });
    let order = Order {
        link: &link,
        model: "m",
        probe: "p",
        trace: None,
        plan: &plan,
        connection: Connection::Fresh,
        limits,
        text: Text::Dropped,
    };
    run(order, recorder).await;
    closed.await.expect("closed once")
}

/// The stamp of event n lies between the send of event n and that of event n + 1, whatever our
/// own runtime was busy with in between.
#[tokio::test]
async fn an_event_has_the_stamp_of_its_own_read() {
    keep_stamping_on();
    let (address, sends) = server();
    // A neighbour that holds the only worker for most of a gap, again and again.
    let neighbour = async {
        loop {
            thread::sleep(GAP / 3);
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::select! {
        ended = exchange(address) => ended,
        () = neighbour => unreachable!("it has no end"),
    };
    assert_eq!((ended.outcome, ended.timeline.tokens.len()), (Outcome::Ok, EVENTS));
    let sent =
        tokio::task::spawn_blocking(move || sends.recv()).await.expect("joined").expect("told");
    if ended.timeline.source != Some(StampSource::Kernel) {
        return;
    }
    let tokens = &ended.timeline.tokens;
    let mut alone = 0;
    for number in 0..EVENTS {
        // Events of one read share the latest stamp: an upper bound, and marked as such.
        let shared = tokens.iter().filter(|token| token.read == tokens[number].read).count() > 1;
        if shared {
            continue;
        }
        alone += 1;
        assert!(tokens[number].at >= sent[number], "event {number} came before it was sent");
        if let Some(next) = sent.get(number + 1) {
            assert!(tokens[number].at < *next, "event {number} has the stamp of a later one");
        }
    }
    assert!(alone > 0, "every event shared its read with another");
}

/// What lay in the socket when the client came to read, in writes of their own, and whether the
/// first token's stamp is exact all the same. The head was read before.
const WAITING: [(&[&str], bool); 5] = [
    (&[TOKEN], true),
    (&[": ping\n\n", TOKEN], true),
    (&[TOKEN, ": ping\n\n"], false),
    (&[TOKEN, "data: [DONE]\n\n"], false),
    (&[TOKEN, ""], false),
];

const TOKEN: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"w\"},\"finish_reason\":\"stop\"}]}\n\n";

/// A server that writes `pieces` while its client cannot read, an empty one being the last chunk,
/// and the end once it can again.
fn server_to_a_late_reader(
    pieces: &'static [&'static str],
) -> (SocketAddr, mpsc::Receiver<()>, mpsc::SyncSender<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback");
    let address = listener.local_addr().expect("bound");
    // A rendezvous each: the client's thread is known to wait before a piece is written.
    let (tell, told) = mpsc::sync_channel(0);
    let (late, is_late) = mpsc::sync_channel(0);
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("accepted");
        socket.set_nodelay(true).expect("no delay");
        assert!(socket.read(&mut [0; 8192]).expect("a request") > 0);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        socket.write_all(head.as_bytes()).expect("written");
        thread::sleep(GAP * 4);
        is_late.recv().expect("the client waits");
        for piece in pieces {
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            socket.write_all(chunk.as_bytes()).expect("written");
            thread::sleep(GAP);
        }
        tell.send(()).expect("the client waits");
        thread::sleep(GAP * 4);
        // The client may be gone: what is complete needs no end.
        drop(socket.write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"));
    });
    (address, told, late)
}

/// The kernel stamps what waits together with the arrival of its latest byte. A late reader may
/// call the first token's stamp exact only if that byte was the token's own.
#[tokio::test]
async fn a_stamp_is_exact_only_if_nothing_came_behind_the_token() {
    keep_stamping_on();
    for (pieces, exact) in WAITING {
        let (address, told, late) = server_to_a_late_reader(pieces);
        let neighbour = async {
            // Long enough for the head to be read; then nothing is, until all is written.
            while late.try_send(()).is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            told.recv().expect("the server writes");
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            ended = exchange(address) => ended,
            () = neighbour => unreachable!("it has no end"),
        };
        assert_eq!(ended.outcome, Outcome::Ok, "{pieces:?}: {:?}", ended.detail);
        if ended.timeline.source != Some(StampSource::Kernel) {
            return;
        }
        let waited = ended.timeline.tokens[0].read_delay;
        let late = Measurement::of(&ended).lateness.first_token;
        assert!(waited > Some(Duration::ZERO), "the token waited");
        assert_eq!(late, if exact { Some(Duration::ZERO) } else { waited }, "{pieces:?}");
    }
}
