//! The digester, whatever the bytes and however they are cut into pieces.

use core::task::Poll;
use std::vec;
use std::vec::Vec;

use super::{Digester, Event};
use crate::at::AccessMode;
use crate::engine::rig::{PEER, Rig};
use crate::engine::{Action, Job, Key, PayloadEcho, Phase, Request};
use crate::error::Error;
use crate::runner::receive::Receiver;
use crate::testing::{Random, feed, seeded};
use crate::util::time::NEVER;

mod pushed;

const BUFFER: usize = 256;

/// An event of the digester, with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Prompt,
    FinalResult,
    ForeignLine(Vec<u8>),
}

/// A digester with a buffer of the usual size.
struct Bench {
    rig: Rig<'static>,
    digester: Digester,
    buffer: Vec<u8>,
    events: Vec<Seen>,
    /// How many steps the digester has made.
    calls: usize,
}

impl Bench {
    fn new() -> Self {
        Self::on(Rig::up::<2, 2048, 2048>())
    }

    fn on(rig: Rig<'static>) -> Self {
        Self {
            digester: Digester::new(BUFFER),
            rig,
            buffer: Vec::new(),
            events: Vec::new(),
            calls: 0,
        }
    }

    fn digest(&mut self) -> usize {
        self.calls += 1;
        let (event, count) = (self.rig).engine(|engine| self.digester.step(engine, &self.buffer));
        assert!(count <= self.buffer.len());
        match event {
            Event::None => {}
            Event::Prompt => self.events.push(Seen::Prompt),
            Event::FinalResult => self.events.push(Seen::FinalResult),
            Event::ForeignLine => {
                let line = self.buffer[..count].trim_ascii();
                self.events.push(Seen::ForeignLine(line.to_vec()));
            }
        }
        self.buffer.drain(..count);
        count
    }

    /// One piece, no longer than what the buffer has room for.
    fn piece(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
        assert!(self.buffer.len() <= BUFFER);
        while !self.buffer.is_empty() && self.digest() > 0 {}
        assert!(self.buffer.len() < BUFFER, "the buffer stays full");
    }

    fn pieces(&mut self, mut bytes: &[u8], mut length: impl FnMut() -> usize) {
        while !bytes.is_empty() {
            let room = BUFFER - self.buffer.len();
            let (piece, rest) = bytes.split_at(length().clamp(1, room).min(bytes.len()));
            self.piece(piece);
            bytes = rest;
        }
    }

    fn take(&mut self) -> Vec<Seen> {
        core::mem::take(&mut self.events)
    }

    #[track_caller]
    fn expect(&mut self, bytes: &[u8], events: &[Seen]) {
        self.pieces(bytes, || BUFFER);
        assert_eq!(self.take(), events);
    }

    /// A socket that the module pushes to.
    fn pushing(&mut self, request: Request<'_>) -> Key {
        let mode = AccessMode::DirectPush;
        let claimed = self.rig.engine(|engine| engine.poll_claim(&request, mode));
        let Poll::Ready(Ok(key)) = claimed else {
            panic!("no slot: {claimed:?}");
        };
        self.rig.run(Job::Open(key), &["OK"]);
        let line = std::format!("+QIOPEN: {},0", self.rig.id(key));
        self.rig.on_line(&line);
        key
    }

    /// All of these bytes, in pieces, as the runner does it: while a full ring holds up the line nothing more is read.
    /// `user` is called again and again, and has to make room when it is told that the line is held up.
    fn stream(
        &mut self,
        mut bytes: &[u8],
        mut length: impl FnMut() -> usize,
        mut user: impl FnMut(&mut Rig<'static>, bool),
    ) {
        while !bytes.is_empty() || !self.buffer.is_empty() {
            let room = BUFFER - self.buffer.len();
            let (piece, rest) = bytes.split_at(length().min(room).min(bytes.len()));
            self.buffer.extend(piece);
            bytes = rest;
            let before = self.buffer.len();
            while !self.buffer.is_empty() && !self.is_stalled() && self.digest() > 0 {}
            let stuck = piece.is_empty() && self.buffer.len() == before && !self.is_stalled();
            assert!(!stuck, "{:?} stays", self.buffer);
            let stalled = self.is_stalled();
            user(&mut self.rig, stalled);
            assert!(!stalled || !self.is_stalled(), "nobody made room");
        }
    }

    fn is_stalled(&self) -> bool {
        self.rig.engine(|engine| engine.push.is_stalled())
    }

    /// A connection with a read in flight.
    fn reading(&mut self) -> Key {
        let key = self.rig.open();
        self.rig.on_line("+QIURC: \"recv\",0");
        self.rig.expect(self.rig.read_job(key));
        key
    }

    /// A connection with a send in flight.
    fn sending(&mut self, bytes: &[u8]) -> Key {
        let key = self.rig.open();
        self.send(key, bytes);
        key
    }

    fn send(&mut self, key: Key, bytes: &[u8]) {
        assert_eq!(self.rig.write(key, bytes), Poll::Ready(Ok(bytes.len())));
        let length = bytes.len() as u16;
        self.rig.expect(Job::Send { key, length });
    }

    /// Goes on with a module in good health that has returned `total` bytes. Returns how the connection fails, if it does.
    fn ends(&mut self, key: Key, total: u32, got: &mut Vec<u8>) -> Option<Error> {
        for _ in 0..20 {
            match self.rig.read(key) {
                Poll::Ready(Err(error)) => return Some(error),
                Poll::Ready(Ok(bytes)) => got.extend(bytes),
                Poll::Pending => {}
            }
            match self.rig.next() {
                Action::Run(job @ Job::CountReceived(_)) => {
                    self.rig.begin(job);
                    let line = std::format!("+QIRD: {total},{total},0");
                    self.rig.answer(&[&line, "OK"]);
                }
                Action::Run(job @ Job::Read { .. }) => {
                    self.rig.begin(job);
                    self.rig.answer(&["+QIRD: 0", "OK"]);
                }
                Action::Wait(until) if until == NEVER => return None,
                Action::Run(Job::Status(_)) => return None,
                _ => self.rig.step_up(),
            }
        }
        None
    }

    fn echo(&self, echo: PayloadEcho) {
        self.rig.set_payload_echo(echo);
    }

    fn known_echo(&self) -> PayloadEcho {
        self.rig.payload_echo()
    }
}

/// How the bytes are cut.
fn fail_all(seed: u64) -> impl FnMut() -> usize {
    let mut random = Random::new(seed);
    let most = [1, 2, 3, 7, 64, 256][random.below(6)];
    move || 1 + random.below(most)
}

/// Payload that looks like everything else.
fn payload(random: &mut Random, most: usize) -> Vec<u8> {
    const BAIT: [&[u8]; 14] = [
        b"\r\nOK\r\n",
        b"\r\nERROR\r\n",
        b"\r\nSEND OK\r\n",
        b"\r\nSEND FAIL\r\n",
        b"\r\n+QIURC: \"closed\",0\r\n",
        b"\r\n+QIURC: \"recv\",0\r\n",
        b"\r\n+QIRD: 5\r\n",
        b"\r\nRDY\r\n",
        b"\r\n> ",
        b"> ",
        b"+++",
        b"\r",
        b"\n",
        b"AT+QISEND=0,5\r",
    ];
    let mut bytes = vec![];
    match random.below(4) {
        0 => bytes.extend(random.bytes(most)),
        1 => bytes.extend(0..=255),
        _ => {
            for _ in 0..random.below(12) {
                bytes.extend(*random.pick(&BAIT));
                bytes.extend(random.bytes(4));
            }
        }
    }
    bytes.truncate(most);
    bytes
}

/// Lines that come unasked, and whether they are for the user's own type.
const LINES: [(&[u8], bool); 7] = [
    (b"+QIURC: \"recv\",1", false),
    (b"+QIURC: \"closed\",9", false),
    (b"+QIOPEN: 7,566", false),
    (b"+QIURC: \"dnsgip\",0,1,300", false),
    (b"+QGPS: \"firmware\",0,0", true),
    (b"+CTZV: 1", true),
    (b"hello > world", true),
];
/// Those among them that look as if they came from a module. Another one, while the module pushes, is taken for data whose
/// header was lost.
const PLAUSIBLE: &[(&[u8], bool)] = LINES.split_at(6).0;

/// Some of these lines, and the events that they make.
fn unasked(
    lines: &[(&[u8], bool)],
    random: &mut Random,
    bytes: &mut Vec<u8>,
    events: &mut Vec<Seen>,
) {
    unasked_behind(&BEHIND_PAYLOAD, lines, random, bytes, events);
}

/// Some of these lines, each with one of these line ends before it.
fn unasked_behind(
    line_ends: &[&[u8]],
    lines: &[(&[u8], bool)],
    random: &mut Random,
    bytes: &mut Vec<u8>,
    events: &mut Vec<Seen>,
) {
    for _ in 0..random.below(3) {
        let (line, foreign) = *random.pick(lines);
        bytes.extend(*random.pick(line_ends));
        bytes.extend(line);
        bytes.extend(*random.pick(&LINE_ENDS));
        if foreign {
            events.push(Seen::ForeignLine(line.to_vec()));
        }
    }
}

const LINE_ENDS: [&[u8]; 6] = [
    b"\r\n",
    b"\r\n",
    b"\r\r\n",
    b"\n",
    b"\r\n\r\n",
    b"\r\n\r\n\r\n",
];

/// What may stand after payload, and so before a line.
const BEHIND_PAYLOAD: [&[u8]; 3] = [b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n"];

/// The answer to a read: its bytes, its events, and the payload in it.
fn read_answer(random: &mut Random) -> (Vec<u8>, Vec<Seen>, Vec<u8>) {
    let (mut bytes, mut events) = (vec![], vec![]);
    if random.below(3) == 0 {
        bytes.extend(b"AT+QIRD=0,1500\r");
    }
    unasked(&LINES, random, &mut bytes, &mut events);
    let payload = payload(random, 1500);
    bytes.extend(*random.pick(&[&b"\r\n"[..], b"", b"\r\r\n"]));
    bytes.extend(std::format!("+QIRD: {}", payload.len()).bytes());
    // The line end of a header has one line feed: after it is payload.
    bytes.extend(*random.pick(&[&b"\r\n"[..], b"\n", b"\r\r\n"]));
    bytes.extend(&payload);
    bytes.extend(*random.pick(&BEHIND_PAYLOAD));
    unasked(&LINES, random, &mut bytes, &mut events);
    bytes.extend(b"\r\nOK");
    events.push(Seen::FinalResult);
    bytes.extend(*random.pick(&LINE_ENDS));
    unasked(&LINES, random, &mut bytes, &mut events);
    (bytes, events, payload)
}

#[test]
fn any_payload_arrives_however_it_is_cut() {
    for seed in 0..3000 {
        seeded(seed, |seed| {
            let mut bench = Bench::new();
            let key = bench.reading();
            let (bytes, events, payload) = read_answer(&mut Random::new(seed));
            bench.pieces(&bytes, fail_all(seed));
            assert_eq!(bench.take(), events);
            match bench.rig.read(key) {
                Poll::Ready(Ok(read)) => assert_eq!(read, payload),
                other => assert!(payload.is_empty(), "{other:?}"),
            }
            assert_eq!(
                bench
                    .rig
                    .engine(|engine| engine.counters.dropped_bytes.get()),
                0
            );
            assert_eq!(
                bench
                    .rig
                    .engine(|engine| engine.counters.late_results.get()),
                0
            );
        });
    }
}

#[test]
fn any_payload_arrives_through_the_receiver() {
    for seed in 0..1000 {
        seeded(seed, |seed| {
            let mut rig = Rig::up::<1, 2048, 64>();
            let key = rig.open();
            rig.on_line("+QIURC: \"recv\",0");
            rig.expect(rig.read_job(key));
            let mut buffer = [0; BUFFER];
            let mut receiver = Receiver::new(rig.shared, &mut buffer[..]);
            let (bytes, _, payload) = read_answer(&mut Random::new(seed));
            let mut length = fail_all(seed);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(length().min(rest.len()));
                rig.at_its_time(|| feed(&mut receiver, piece));
                rest = behind;
            }
            assert!(rig.is_answered(), "no final result");
            match rig.read(key) {
                Poll::Ready(Ok(read)) => assert_eq!(read, payload),
                other => assert!(payload.is_empty(), "{other:?}"),
            }
        });
    }
}

#[test]
fn any_send_is_understood_however_it_is_cut() {
    for seed in 0..3000 {
        seeded(seed, |seed| {
            let mut random = Random::new(seed);
            let mut fail_all = fail_all(seed);
            let mut bench = Bench::new();
            let echo = *random.pick(&[PayloadEcho::Off, PayloadEcho::On]);
            bench.echo(echo);
            let mut written = payload(&mut random, 1460);
            written.push(b'.');
            written.truncate(1460);
            let prompt = *random.pick(&[&b"> "[..], b">", b">\r\n", b"> \r\n"]);
            if echo == PayloadEcho::On && prompt.ends_with(b"\n") {
                // The line end of such a prompt cannot be told from one that is repeated.
                written[0] = b'.';
            }
            let key = bench.sending(&written);

            let (mut bytes, mut events) = (vec![], vec![]);
            if echo == PayloadEcho::On && random.below(2) == 0 {
                bytes.extend(b"AT+QISEND=0,1460\r");
            }
            unasked(&LINES, &mut random, &mut bytes, &mut events);
            bytes.extend(b"\r\n");
            bytes.extend(prompt);
            events.push(Seen::Prompt);
            bench.pieces(&bytes, &mut fail_all);
            assert_eq!(bench.take(), events);
            assert!(bench.rig.engine(|engine| engine.wants_payload()));

            let (mut bytes, mut events) = (vec![], vec![]);
            if echo == PayloadEcho::On {
                bytes.extend(&written);
            }
            unasked(&LINES, &mut random, &mut bytes, &mut events);
            bytes.extend(*random.pick(&[&b"\r\nSEND OK\r\n"[..], b"\r\nOK\r\n\r\nSEND OK\r\n"]));
            events.push(Seen::FinalResult);
            unasked(&LINES, &mut random, &mut bytes, &mut events);
            bench.pieces(&bytes, &mut fail_all);
            assert_eq!(bench.take(), events);
            assert_eq!(bench.rig.flush(key), Poll::Ready(Ok(())));
        });
    }
}

#[test]
fn echo_is_found_out_with_the_first_payload() {
    let prompts = [&b"\r\n> "[..], b"\r\n>", b"\r\n>\r\n", b">"];
    for byte in 0..=255 {
        for prompt in prompts {
            for (echoes, result) in [(true, PayloadEcho::On), (false, PayloadEcho::Off)] {
                for chunk in [1, BUFFER] {
                    let mut bench = Bench::new();
                    bench.echo(PayloadEcho::Unknown);
                    let key = bench.sending(&[byte]);
                    bench.pieces(prompt, || chunk);
                    assert_eq!(bench.take(), [Seen::Prompt]);
                    if echoes {
                        bench.pieces(&[byte], || chunk);
                    }
                    bench.pieces(b"\r\nSEND OK\r\n", || chunk);
                    assert_eq!(bench.take(), [Seen::FinalResult], "{byte:#x}");
                    assert_eq!(bench.rig.flush(key), Poll::Ready(Ok(())));
                    let known = bench.known_echo();
                    if matches!(byte, b'\r' | b'\n' | b' ') {
                        assert_eq!(known, PayloadEcho::Unknown, "{byte:#x} tells nothing");
                    } else {
                        assert_eq!(known, result, "{byte:#x} {prompt:?}");
                    }
                }
            }
        }
    }
}

/// Payload that begins as a result does is not taken for its echo, nor the other way round.
#[test]
fn payload_that_begins_as_a_line_of_the_module() {
    let texts = [
        "S",
        "SUBSCRIBE",
        "SEND",
        "SEND OK, then",
        "E",
        "+",
        "O",
        "OPTIONS * HTTP/1.1",
    ];
    for text in texts {
        for echoes in [true, false] {
            for chunk in [1, 3, BUFFER] {
                let mut bench = Bench::new();
                bench.echo(PayloadEcho::Unknown);
                let key = bench.sending(text.as_bytes());
                bench.expect(b"\r\n> ", &[Seen::Prompt]);
                if echoes {
                    bench.pieces(text.as_bytes(), || chunk);
                }
                bench.pieces(b"\r\n+CTZV: 1\r\n\r\nSEND OK\r\n", || chunk);
                let line = Seen::ForeignLine(b"+CTZV: 1".to_vec());
                assert_eq!(bench.take(), [line, Seen::FinalResult], "{text}");
                assert_eq!(bench.rig.flush(key), Poll::Ready(Ok(())));
                let known = if echoes {
                    PayloadEcho::On
                } else {
                    PayloadEcho::Off
                };
                assert_eq!(bench.known_echo(), known, "{text}");
            }
        }
    }
}

/// Payload that is a line of the module, as far as can be seen, is tried with one byte.
#[test]
fn payload_that_is_a_line_of_the_module() {
    for text in [
        "OK\r\n",
        "SEND OK",
        "ERROR\r\nmore",
        "+QIURC: \"closed\",0\r\n",
        "+",
    ] {
        let mut bench = Bench::new();
        bench.echo(PayloadEcho::Unknown);
        let key = bench.rig.open();
        assert_eq!(
            bench.rig.write(key, text.as_bytes()),
            Poll::Ready(Ok(text.len()))
        );
        bench.rig.expect(Job::Send { key, length: 1 });
        bench.expect(b"\r\n>\r\n", &[Seen::Prompt]);
        bench.expect(&text.as_bytes()[..1], &[]);
        bench.expect(b"\r\nSEND OK\r\n", &[Seen::FinalResult]);
        assert_eq!(bench.known_echo(), PayloadEcho::On, "{text}");
    }
}

#[test]
fn lines_between_prompt_and_echo_tell_nothing_about_it() {
    let mut bench = Bench::new();
    bench.echo(PayloadEcho::Unknown);
    bench.sending(b"x");
    bench.expect(b"\r\n> ", &[Seen::Prompt]);
    bench.expect(
        b"\r\n+QIURC: \"recv\",1\r\nx\r\nSEND OK\r\n",
        &[Seen::FinalResult],
    );
    assert_eq!(bench.known_echo(), PayloadEcho::On);
}

#[test]
fn command_echo_makes_payload_echo_unknown() {
    let mut bench = Bench::new();
    bench.echo(PayloadEcho::Off);
    let key = bench.sending(b"x");
    bench.expect(b"AT+QISEND=0,1\r\r\n> ", &[Seen::Prompt]);
    assert_eq!(bench.known_echo(), PayloadEcho::Unknown);
    bench.expect(b"x\r\nSEND OK\r\n", &[Seen::FinalResult]);
    assert_eq!(bench.known_echo(), PayloadEcho::On);
    bench.send(key, b"\r\nOK\r\n> ");
    bench.expect(b"AT+QISEND=0,8\r\r\n> ", &[Seen::Prompt]);
    bench.expect(b"\r\nOK\r\n> \r\nSEND OK\r\n", &[Seen::FinalResult]);
}

#[test]
fn error_in_place_of_a_prompt() {
    for line in [&b"\r\nERROR\r\n"[..], b"\r\n+CME ERROR: 3\r\n"] {
        let mut bench = Bench::new();
        bench.sending(b"x");
        bench.expect(line, &[Seen::FinalResult]);
        // Too late.
        bench.expect(b"\r\n> \r\n", &[Seen::ForeignLine(b">".to_vec())]);
    }
}

#[test]
fn error_directly_behind_the_prompt() {
    let mut bench = Bench::new();
    bench.echo(PayloadEcho::Off);
    let key = bench.sending(b"x");
    bench.expect(
        b"\r\n> \r\n+CME ERROR: 3\r\n\r\nERROR\r\n",
        &[Seen::Prompt, Seen::FinalResult],
    );
    assert!(bench.rig.is_answered());
    let mut piece = [0];
    bench.rig.engine(|engine| {
        assert!(!engine.begin_payload());
        assert!(!engine.payload_piece(key, 0, &mut piece));
        assert_eq!(engine.counters.late_results.get(), 1);
    });
}

#[test]
fn prompt_is_one_at_the_start_of_a_line_only() {
    let mut bench = Bench::new();
    bench.sending(b"x");
    bench.expect(b"a > b\r\n", &[Seen::ForeignLine(b"a > b".to_vec())]);
    bench.expect(b"+QIURC: \"recv\",1\r\n> ", &[Seen::Prompt]);
}

#[test]
fn prompt_without_a_send_is_no_prompt() {
    let mut bench = Bench::new();
    bench.expect(b"\r\n> \r\n", &[Seen::ForeignLine(b">".to_vec())]);
    bench.reading();
    bench.expect(b"\r\n> \r\n", &[Seen::ForeignLine(b">".to_vec())]);
}

#[test]
fn payload_is_never_looked_at() {
    let mut bench = Bench::new();
    let key = bench.reading();
    let text = b"\r\n+QIURC: \"closed\",0\r\n\r\nOK\r\n> +++\r\nRDY\r\n";
    bench.expect(b"\r\n+QIRD: 40\r\n", &[]);
    bench.expect(text, &[]);
    bench.expect(b"\r\n\r\nOK\r\n", &[Seen::FinalResult]);
    assert_eq!(bench.rig.read(key), Poll::Ready(Ok(text.to_vec())));
    assert_eq!(bench.rig.write(key, b"x"), Poll::Ready(Ok(1)));
}

#[test]
fn payload_of_a_read_is_the_readers_when_the_answer_is_complete() {
    let mut bench = Bench::new();
    let key = bench.reading();
    bench.expect(b"+QIRD: 6\r\nabc", &[]);
    assert_eq!(bench.rig.read(key), Poll::Pending);
    bench.expect(b"def\r\n", &[]);
    assert_eq!(bench.rig.read(key), Poll::Pending);
    bench.expect(b"OK\r\n", &[Seen::FinalResult]);
    assert_eq!(bench.rig.read(key), Poll::Ready(Ok(b"abcdef".to_vec())));
}

#[test]
fn header_without_a_line_feed() {
    let mut bench = Bench::new();
    let key = bench.reading();
    bench.expect(b"+QIRD: 3\rabc\r\nOK\r\n", &[Seen::FinalResult]);
    assert_eq!(bench.rig.read(key), Poll::Ready(Ok(b"abc".to_vec())));
}

#[test]
fn late_payload_is_taken_unseen() {
    let mut bench = Bench::new();
    let key = bench.reading();
    bench.rig.silence();
    bench.expect(
        b"+QIRD: 8\r\n\r\nRDY\r\n\r\n+CTZV: 1\r\n",
        &[Seen::ForeignLine(b"+CTZV: 1".to_vec())],
    );
    assert_eq!(bench.rig.received(key), 8);
    assert_eq!(
        bench.rig.engine(|engine| engine.counters.link_losses.get()),
        0
    );
}

/// However much of a read has come when it is given up, the next answer is understood; only a header that lost its line
/// end takes that of the next line for it, and with it that line.
#[test]
fn silence_in_the_middle_of_a_read() {
    let answer = b"\r\n+QIRD: 100\r\n0123456789\r";
    for end in 0..=answer.len() {
        for chunk in [1, BUFFER] {
            let mut bench = Bench::new();
            bench.reading();
            bench.pieces(&answer[..end], || chunk);
            bench.rig.silence();
            bench.rig.expect(Job::Attention);
            bench.pieces(b"\r\nOK\r\n", || chunk);
            let header_only = answer[..end].ends_with(b"0") || answer[..end].ends_with(b"1");
            if end < 14 && header_only {
                bench.take();
                bench.rig.silence();
                bench.rig.begin(Job::Attention);
                bench.pieces(b"\r\nOK\r\n", || chunk);
            }
            // What had come of a line may be one.
            let last = bench.take().pop();
            assert_eq!(last, Some(Seen::FinalResult), "after {end} bytes");
        }
    }
}

#[test]
fn rest_of_a_line_that_was_given_up_is_passed_over() {
    let mut bench = Bench::new();
    bench.reading();
    bench.expect(b"\r\n+QIRD: 100\r\n01234", &[]);
    bench.rig.silence();
    bench.rig.expect(Job::Attention);
    bench.expect(b"56789 OK\r\nOK\r\n", &[Seen::FinalResult]);
    let skipped = bench
        .rig
        .engine(|engine| engine.counters.skipped_bytes.get());
    assert_eq!(skipped, 8);
}

#[test]
fn overlong_lines_are_passed_over() {
    for length in [254, 255, 256, 257, 511, 512, 513, 5000] {
        for chunk in [1, 100, BUFFER] {
            let mut bench = Bench::new();
            bench.pieces(&vec![b'x'; length], || chunk);
            bench.pieces(b"\r\n+CTZV: 1\r\n", || chunk);
            let events = bench.take();
            let line = Seen::ForeignLine(b"+CTZV: 1".to_vec());
            assert_eq!(events.last(), Some(&line), "{length} in pieces of {chunk}");
            let kept = length < BUFFER;
            assert_eq!(events.len(), 1 + usize::from(kept));
            let skipped = bench
                .rig
                .engine(|engine| engine.counters.skipped_bytes.get());
            assert_eq!(skipped as usize, if kept { 0 } else { length });
        }
    }
}

#[test]
fn line_after_garbage_is_understood() {
    for seed in 0..3000 {
        seeded(seed, |seed| {
            let mut random = Random::new(seed);
            let mut garbage = random.bytes(600);
            // A header would be no garbage.
            garbage.retain(|&byte| byte != b':');
            let mut bench = Bench::new();
            let key = bench.rig.claim();
            bench.rig.expect(Job::Open(key));
            bench.pieces(&garbage, fail_all(seed));
            bench.pieces(b"\r\nOK\r\n", fail_all(seed));
            assert_eq!(bench.take().pop(), Some(Seen::FinalResult));
        });
    }
}

#[test]
fn every_byte_value_between_two_lines() {
    for byte in 0..=255 {
        let mut bench = Bench::new();
        let key = bench.rig.claim();
        bench.rig.expect(Job::Open(key));
        bench.pieces(&[b'\r', b'\n', byte, b'\r', b'\n'], || 1);
        bench.take();
        bench.expect(b"\r\nOK\r\n", &[Seen::FinalResult]);
    }
}

#[test]
fn late_results_are_no_events() {
    let mut bench = Bench::new();
    bench.expect(b"\r\nOK\r\n\r\nERROR\r\n\r\nSEND OK\r\n", &[]);
    assert_eq!(
        bench
            .rig
            .engine(|engine| engine.counters.late_results.get()),
        3
    );
}

#[test]
fn nothing_in_nothing_out() {
    let mut bench = Bench::new();
    let step = (bench.rig).engine(|engine| bench.digester.step(engine, b""));
    assert_eq!(step, (Event::None, 0));
}

/// The sequence of results for some bytes, with a runner that goes on after each.
fn results(bytes: &[u8], length: impl FnMut() -> usize) -> (Vec<Seen>, std::string::String) {
    let mut bench = Bench::new();
    let key = bench.reading();
    let _ = bench.rig.write(key, b"payload > OK");
    let mut events = vec![];
    let mut length = length;
    let mut rest = bytes;
    while !rest.is_empty() {
        let room = BUFFER - bench.buffer.len();
        let (piece, behind) = rest.split_at(length().clamp(1, room).min(rest.len()));
        rest = behind;
        bench.buffer.extend(piece);
        while !bench.buffer.is_empty() {
            let count = bench.digest();
            let new = bench.take();
            if new.contains(&Seen::FinalResult) {
                if let Action::Run(job) = bench.rig.next() {
                    bench.rig.begin(job);
                }
            }
            events.extend(new);
            if count == 0 {
                break;
            }
        }
        assert!(bench.buffer.len() < BUFFER);
    }
    let read = bench.rig.read(key);
    let statistics = bench.rig.engine(|engine| engine.counters.statistics());
    (events, std::format!("{read:?} {statistics:?}"))
}

#[test]
fn results_do_not_depend_on_how_the_bytes_are_cut() {
    for seed in 0..3000 {
        seeded(seed, |seed| {
            let mut random = Random::new(seed);
            let mut bytes = vec![];
            for _ in 0..random.below(6) {
                match random.below(5) {
                    0 => bytes.extend(random.bytes(40)),
                    1 => bytes.extend(payload(&mut random, 300)),
                    2 => bytes.extend(b"\r\n> \r\nSEND OK\r\n"),
                    _ => bytes.extend(read_answer(&mut random).0),
                }
            }
            let whole = results(&bytes, || BUFFER);
            assert_eq!(results(&bytes, || 1), whole);
            assert_eq!(results(&bytes, fail_all(seed)), whole);
        });
    }
}

#[test]
fn cost_is_linear() {
    let mut bytes = vec![];
    for _ in 0..100 {
        bytes.extend(b"\r\n+QGPS: \"a line of some length, as they come\",0,0\r\n");
    }
    bytes.extend(vec![b'x'; 10_000]);
    bytes.extend(b"\r\n+QIRD: 1500\r\n");
    bytes.extend(vec![b'\r'; 1500]);
    bytes.extend(vec![b'\n'; 10_000]);
    for chunk in [1, 2, 16, 255, 256] {
        let mut bench = Bench::new();
        bench.reading();
        bench.pieces(&bytes, || chunk);
        // At most two looks for each piece and each line.
        let most = 2 * (bytes.len().div_ceil(chunk) + 250);
        assert!(
            bench.calls <= most,
            "{} calls, {chunk} bytes each",
            bench.calls
        );
    }
}

/// What stands after payload shows whether all of it has come: one line end or two, and the final result code.
#[test]
fn payload_without_its_line_end_is_not_believed() {
    for (behind, is_believed) in [
        (&b"\r\nOK\r\n"[..], true),
        (b"\r\n\r\nOK\r\n", true),
        (b"\nOK\r\n", false),
        (b"\n\r\nOK\r\n", false),
        (b"x\r\nOK\r\n", false),
        (b"OK\r\n", false),
    ] {
        let mut bench = Bench::new();
        let key = bench.reading();
        bench.pieces(b"\r\n+QIRD: 4\r\nabcd", || BUFFER);
        bench.pieces(behind, || BUFFER);
        bench.rig.finish();
        let expected = match is_believed {
            true => Ok(b"abcd".to_vec()),
            false => Err(Error::DataLost),
        };
        assert_eq!(bench.rig.read(key), Poll::Ready(expected), "{behind:?}");
    }
}

/// The answer to a read, as modules send it.
fn plain_answer(payload: &[u8], is_double: bool) -> Vec<u8> {
    let mut bytes = std::format!("\r\n+QIRD: {}\r\n", payload.len()).into_bytes();
    bytes.extend(payload);
    bytes.extend(if is_double {
        &b"\r\n\r\nOK\r\n"[..]
    } else {
        b"\r\nOK\r\n"
    });
    bytes
}

/// One read. Returns what the user has by then.
fn one_read(
    bench: &mut Bench,
    key: Key,
    bytes: &[u8],
    chunk: usize,
) -> Poll<Result<Vec<u8>, Error>> {
    bench.rig.on_line("+QIURC: \"recv\",0");
    bench.rig.expect(bench.rig.read_job(key));
    bench.pieces(bytes, || chunk);
    // With a final result code or without.
    bench.rig.finish();
    bench.take();
    bench.rig.read(key)
}

/// Wherever 1 to 8 bytes of an answer are lost: the user gets the payload, or no byte that was not sent, and an error in the end.
#[test]
fn bytes_that_are_lost_in_an_answer_are_an_error() {
    for payload in [
        &b"a line of text with nothing in it"[..],
        b"line\r\nline\r\n",
        b"\r\n\r\nOK\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n0123456789",
        b"x",
    ] {
        for is_double in [true, false] {
            let whole = plain_answer(payload, is_double);
            for count in 1..=8 {
                for at in 0..whole.len() - count {
                    for chunk in [1, BUFFER] {
                        let mut bench = Bench::new();
                        let key = bench.rig.open();
                        // What the module does otherwise is known.
                        for _ in 0..2 {
                            let first =
                                one_read(&mut bench, key, &plain_answer(b"ab", is_double), chunk);
                            assert_eq!(first, Poll::Ready(Ok(b"ab".to_vec())));
                        }
                        let mut bytes = whole.clone();
                        bytes.drain(at..at + count);
                        let read = one_read(&mut bench, key, &bytes, chunk);
                        let shown = std::string::String::from_utf8_lossy(&bytes).into_owned();
                        let mut got = vec![];
                        if let Poll::Ready(Ok(bytes)) = &read {
                            got.extend(bytes);
                        }
                        // Where it is not certain the module's count shows it.
                        let total = (4 + payload.len()) as u32;
                        let ended = bench.ends(key, total, &mut got);
                        assert!(payload.starts_with(&got), "{shown:?}: {read:?}");
                        let is_whole = got == payload && ended.is_none();
                        assert!(is_whole || ended == Some(Error::DataLost), "{shown:?}");
                    }
                }
            }
        }
    }
}

// ---- headers and notices (quirk 70) --------------------------------------------------------------------------------

/// A connection whose access mode is being changed, and the line end of the OK.
fn switching(from: AccessMode, to: AccessMode) -> (Bench, Key) {
    let mut bench = Bench::new();
    bench.echo(PayloadEcho::Off);
    let key = match from {
        AccessMode::Buffer => bench.rig.open(),
        _ => bench.pushing(Request::connect(PEER).unwrap()),
    };
    bench
        .rig
        .engine(|engine| engine.want_mode(key, to).unwrap());
    bench.rig.expect(Job::Switch { key, mode: to });
    (bench, key)
}

/// What the user has read when nothing comes any more, from a module that has `held` in its buffer.
fn read_all(bench: &mut Bench, key: Key, mut held: &[u8]) -> Result<Vec<u8>, Error> {
    let mut got = vec![];
    for _ in 0..20 {
        match bench.rig.read(key) {
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Ready(Ok(bytes)) => got.extend(bytes),
            Poll::Pending => {}
        }
        match bench.rig.next() {
            Action::Run(job @ Job::CountReceived(_)) => {
                bench.rig.begin(job);
                bench.pieces(b"\r\n+QIRD: 0,0,0\r\n\r\nOK\r\n", || BUFFER);
                bench.rig.finish();
            }
            Action::Run(job @ Job::Read { .. }) => {
                bench.rig.begin(job);
                let answer = match held {
                    b"" => b"\r\n+QIRD: 0\r\n\r\nOK\r\n".to_vec(),
                    _ => {
                        let mut answer = std::format!("\r\n+QIRD: {}\r\n", held.len()).into_bytes();
                        answer.extend(held);
                        answer.extend(b"\r\n\r\nOK\r\n");
                        answer
                    }
                };
                held = b"";
                bench.pieces(&answer, || BUFFER);
                bench.rig.finish();
            }
            Action::Wait(until) if until < NEVER => bench.rig.wait(until),
            _ => break,
        }
    }
    Ok(got)
}

/// The notice was held back while the module changed the mode; it comes after the OK, and then the data is pushed, or is not.
#[test]
fn notice_behind_a_change_of_the_mode_is_no_header() {
    let notice = "\r\n+QIURC: \"recv\",0,27\r\n";
    let data = b"0123456789\r\nOK\r\n0123456789x";
    for chunk in [1, 7, BUFFER] {
        for is_pushed in [true, false] {
            let (mut bench, key) = switching(AccessMode::Buffer, AccessMode::DirectPush);
            let mut bytes = b"\r\nOK\r\n".to_vec();
            bytes.extend(notice.bytes());
            if is_pushed {
                bytes.extend(notice.bytes());
                bytes.extend(data);
                bytes.extend(b"\r\n");
            }
            bench.pieces(&bytes, || chunk);
            bench.rig.finish();
            let held = if is_pushed { &b""[..] } else { data };
            assert_eq!(
                read_all(&mut bench, key, held),
                Ok(data.to_vec()),
                "{chunk} {is_pushed}"
            );
        }
    }
}

/// The first push after the change is one, whatever is in it.
#[test]
fn header_behind_a_change_of_the_mode_is_one() {
    for data in [
        &b"0123456789"[..],
        b"\r\n",
        b"\r\n+",
        b"\r",
        b"\r\n\r\n",
        b"+QIURC",
        b">",
    ] {
        for chunk in [1, BUFFER] {
            for (from, to) in [
                (AccessMode::Buffer, AccessMode::DirectPush),
                (AccessMode::DirectPush, AccessMode::Buffer),
            ] {
                let (mut bench, key) = switching(from, to);
                let mut bytes = b"\r\nOK\r\n".to_vec();
                bytes.extend(std::format!("\r\n+QIURC: \"recv\",0,{}\r\n", data.len()).bytes());
                bytes.extend(data);
                bytes.extend(b"\r\n");
                bench.pieces(&bytes, || chunk);
                bench.rig.finish();
                let read = read_all(&mut bench, key, b"");
                assert_eq!(read, Ok(data.to_vec()), "{chunk} {from:?} {data:?}");
            }
        }
    }
}

/// The module was without power and the runner was not: what was known of a connectID is not true any more.
#[test]
fn access_mode_of_a_connection_is_forgotten_with_it() {
    let mut bench = Bench::new();
    bench.pushing(Request::connect(PEER).unwrap());
    bench.rig.engine(|engine| engine.stop(false));
    bench.rig.active = false;
    bench.rig.start();
    bench.rig.bring_up();
    bench.rig.restart_circle();
    let key = bench.rig.open();
    assert_eq!(bench.rig.id(key), 0);
    bench.pieces(b"\r\n+QIURC: \"recv\",0,30\r\n", || BUFFER);
    bench.rig.expect(bench.rig.read_job(key));
    bench.pieces(b"\r\n+QIRD: 4\r\ntest\r\n\r\nOK\r\n", || BUFFER);
    assert_eq!(bench.rig.read(key), Poll::Ready(Ok(b"test".to_vec())));
}

/// An earlier program has left a socket open whose peer sends what looks like lines of the module.
#[test]
fn pushes_to_a_socket_that_was_left_open_do_not_keep_the_link_down() {
    let mut bench = Bench::on(Rig::new::<2, 2048, 64>(crate::config::Config::new(
        "internet",
    )));
    bench.rig.start();
    let mut closed = false;
    for _ in 0..100 {
        for text in [
            "RDY\r\n",
            "\r\n+QIRD: 1500\r\n",
            "+QIURC: \"closed\",0\r\nOK\r\nERROR",
        ] {
            let frame = std::format!("\r\n+QIURC: \"recv\",5,{}\r\nx{text}\r\n", text.len() + 1);
            bench.pieces(frame.as_bytes(), || 7);
        }
        bench.pieces(b"\r\n+QIRD: 1500\r\n", || BUFFER);
        match bench.rig.next() {
            Action::Run(job) => {
                bench.rig.begin(job);
                closed |= matches!(job, Job::CloseOrphan(id) if id.get() == 5);
                let lines = bench.rig.reply(job);
                bench.rig.answer(lines);
            }
            Action::Wait(until) if until < NEVER => bench.rig.wait(until),
            _ => {}
        }
        if closed && bench.rig.engine(|engine| engine.link_state()) == crate::engine::LinkState::Up
        {
            return;
        }
    }
    panic!("the link is not up");
}

/// Quirk 125.
#[test]
fn text_of_a_message_ends_with_a_blank_line() {
    for length in [1, 3, BUFFER] {
        let mut bench = Bench::new();
        let key = bench.rig.open();
        bench.pieces(b"\r\n+CMT: \"+49\"\r\nhello\r\nRDY\nRDY\r\n", || length);
        assert_eq!(bench.take().len(), 4);
        // One line is too long for the buffer.
        bench.pieces(b"\r\n+CMT: \"+49\"\r\n", || length);
        bench.pieces(&[b'x'; 400], || length);
        bench.pieces(b"\r\nRDY\r\n", || length);
        assert_eq!(bench.rig.phase(key), Phase::Open);
        // An empty one.
        bench.pieces(b"\r\n+CMT: \"+49\"\r\n\r\n\r\nRDY\r\n", || length);
        assert_ne!(bench.rig.phase(key), Phase::Open);
    }
}
