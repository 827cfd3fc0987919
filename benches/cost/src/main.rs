//! Moves payload through the library, and nothing else: a program for an instruction counter.
//!
//! `measure.py` runs it twice with different amounts of payload. The difference is what the payload cost; whatever is
//! done once, such as bringing the link up, cancels out.

mod module;
mod platform;
mod stock;

use std::env;
use std::pin::pin;

use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use module::{Module, Rx, Shape, Tx};
use quectel_nal::at::AccessMode;
use quectel_nal::{Config, Resources, Stack, TcpConnection};

/// The buffer between UART and digester: the usual one, and one that a large chunk fits into.
const LINE: usize = 256;
const LARGE_LINE: usize = 1536;
/// Both rings of the socket.
const RING: usize = 2048;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [what, content, chunk, line, frame, frames, pace] = &arguments[..] else {
        eprintln!(
            "cost buffer|push|send|stock random|text|breaks CHUNK small|large FRAME FRAMES each|all"
        );
        std::process::exit(2);
    };
    let shape = Shape {
        content: module::content(content),
        chunk: chunk.parse().expect("a chunk size"),
        frame: frame.parse().expect("a frame size"),
        paced: pace == "each",
    };
    let frames: usize = frames.parse().expect("a number of frames");
    let length = frames * shape.frame;
    match &what[..] {
        "stock" => stock::digest(&shape, length),
        _ if line == "large" => {
            platform::block_on(pin!(transfer::<LARGE_LINE>(what, shape, length)))
        }
        _ => platform::block_on(pin!(transfer::<LINE>(what, shape, length))),
    }
}

async fn transfer<const LINE: usize>(what: &str, shape: Shape, length: usize) {
    let chunk = shape.chunk;
    let module = Module::new(shape, length);
    let (rx, tx) = (Rx(module.clone()), Tx(module.clone()));
    let mut resources = Box::new(Resources::<1, RING, RING, LINE>::with_line_buffer());
    let (stack, mut runner) = quectel_nal::new(&mut resources, Config::new("internet"));
    let user = async {
        stack.wait_link_up().await.expect("a link");
        match what {
            "buffer" => receive(connect(stack).await, length).await,
            "push" => {
                receive(
                    connect(stack.with_access_mode(AccessMode::DirectPush)).await,
                    length,
                )
                .await
            }
            _ => send(connect(stack).await, length, chunk).await,
        }
    };
    match select(runner.run(rx, tx), user).await {
        Either::First(error) => panic!("{error}"),
        Either::Second(()) => {}
    }
}

async fn connect(stack: Stack<'_>) -> TcpConnection<'_> {
    let peer = "198.51.100.7:7".parse().expect("an address");
    stack.connect(peer).await.expect("a connection")
}

async fn receive(mut connection: TcpConnection<'_>, length: usize) {
    let mut buffer = [0; RING];
    let mut seen = 0;
    while seen < length {
        seen += connection.read(&mut buffer).await.expect("payload");
    }
}

/// `chunk` is what the user writes at a time.
async fn send(mut connection: TcpConnection<'_>, length: usize, chunk: usize) {
    let buffer = vec![b'x'; chunk];
    let mut left = length;
    while left > 0 {
        let part = left.min(buffer.len());
        connection.write_all(&buffer[..part]).await.expect("room");
        left -= part;
    }
    connection.flush().await.expect("SEND OK");
}
