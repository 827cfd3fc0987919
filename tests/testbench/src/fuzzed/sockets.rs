//! Streams in each access mode, datagrams, servers, and the user's own commands between them.

use core::fmt::Debug;
use core::future::Future;
use core::time::Duration;

use atat::asynch::AtatClient;
use atat::{AtatCmd, AtatResp, InternalError};
use embassy_futures::select::{Either, select};
use embassy_time::Instant;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{ConnectedUdp, TcpConnect, UdpStack, UnconnectedUdp};
use quectel_nal::at::AccessMode;
use quectel_nal::{Error, Stack};
use virtual_modem::{InProcess, ModemHandle};

use super::choices::Choices;
use crate::{
    PEER, Work, adversarial, arrives, echo_network, excerpt, local_port, noise, peer, run_tasks,
    sleep,
};

/// Nothing takes longer, whatever the module does.
const LONGEST: Duration = Duration::from_secs(7200);

/// The output of `work`, unless it takes longer than `time`.
async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    match select(work, sleep(time)).await {
        Either::First(output) => Some(output),
        Either::Second(()) => None,
    }
}

/// Runs one user as a task of its own.
fn run(
    choices: &Choices<'_>,
    mode: AccessMode,
    network: &InProcess,
    user: impl AsyncFnOnce(Stack<'_>, &Choices<'_>),
) {
    let bench = choices.bench().mode(mode);
    let faults = choices.faults(mode != AccessMode::Buffer);
    bench.run(network, async |stack, modem: ModemHandle| {
        while stack.wait_link_up().await.is_err() {}
        for fault in &faults {
            modem.inject(fault.clone());
        }
        let start = Instant::now();
        let task: Work<'_> = Box::pin(async {
            let ended = within(LONGEST, user(stack, choices)).await;
            assert!(
                ended.is_some(),
                "no end with {faults:?}\n{}",
                excerpt(&modem)
            );
        });
        run_tasks(vec![task]).await;
        assert!(start.elapsed().as_secs() <= LONGEST.as_secs());
    });
}

/// Reads once, perhaps without patience. False if the stream has failed.
async fn read_some<E: Debug>(
    reader: &mut impl Read<Error = E>,
    choices: &Choices<'_>,
    sent: &[u8],
    seen: &mut usize,
) -> bool {
    let mut buffer = [0; 512];
    let room = 1 + choices.below(buffer.len());
    let patience = choices.millis(5000);
    match within(patience, reader.read(&mut buffer[..room])).await {
        Some(Ok(count)) => {
            assert!(count > 0, "an end of stream that the peer did not send");
            let rest = &sent[*seen..];
            assert!(rest.starts_with(&buffer[..count]), "wrong bytes at {seen}");
            *seen += count;
            true
        }
        Some(Err(_)) => false,
        None => true,
    }
}

/// A connection to a peer that sends everything back.
async fn echoed(stack: Stack<'_>, choices: &Choices<'_>) {
    let bytes = match choices.below(2) {
        0 => noise(1, 4000),
        _ => adversarial(4000),
    };
    let Ok(mut connection) = TcpConnect::connect(&stack, peer(7)).await else {
        return;
    };
    let (mut written, mut seen) = (0, 0);
    let mut is_good = true;
    while is_good && !choices.is_empty() {
        is_good = match choices.below(8) {
            0..=2 => {
                let end = bytes.len().min(written + 1 + choices.below(700));
                let write = connection.write(&bytes[written..end]);
                match within(choices.millis(2000), write).await {
                    Some(Ok(count)) => {
                        written += count;
                        true
                    }
                    Some(Err(_)) => false,
                    None => true,
                }
            }
            3..=5 => read_some(&mut connection, choices, &bytes, &mut seen).await,
            6 => {
                let flushed = within(choices.millis(9000), connection.flush()).await;
                !matches!(flushed, Some(Err(_)))
            }
            _ => {
                sleep(choices.millis(3000)).await;
                true
            }
        };
        assert!(seen <= written, "bytes that were not written");
    }
    // The rest comes back, or the connection fails.
    if is_good {
        let rest = &bytes[seen..written];
        if let Ok(count) = arrives(&mut connection, rest, &mut [0; 700]).await {
            assert_eq!(
                count,
                rest.len(),
                "an end of stream that the peer did not send"
            );
        }
    }
    let _ = connection.close().await;
}

/// A stream in buffer access mode.
pub fn streams(input: &[u8]) {
    run(
        &Choices::new(input),
        AccessMode::Buffer,
        &echo_network(),
        echoed,
    );
}

/// A stream in direct push mode.
pub fn push(input: &[u8]) {
    run(
        &Choices::new(input),
        AccessMode::DirectPush,
        &echo_network(),
        echoed,
    );
}

/// A stream in transparent access mode.
pub fn transparent(input: &[u8]) {
    run(
        &Choices::new(input),
        AccessMode::Transparent,
        &echo_network(),
        echoed,
    );
}

/// Datagrams to peers that send them back, on a connected socket or on one with many peers.
pub fn datagrams(input: &[u8]) {
    let network = echo_network();
    for port in [9, 10] {
        network.udp_echo(PEER, port);
    }
    let choices = &Choices::new(input);
    let mode = [AccessMode::Buffer, AccessMode::DirectPush][choices.below(2)];
    run(choices, mode, &network, async |stack, choices| {
        let mut sent: Vec<Vec<u8>> = Vec::new();
        let mut buffer = [0; 1500];
        if choices.below(2) == 0 {
            let Ok((_, mut socket)) = UdpStack::connect(&stack, peer(9)).await else {
                return;
            };
            while !choices.is_empty() {
                if choices.below(2) == 0 {
                    sent.push(noise(sent.len() as u64, 8 + choices.below(900)));
                    let _ = within(LONGEST, socket.send(&sent[sent.len() - 1])).await;
                }
                let receive = socket.receive_into(&mut buffer);
                if let Some(Ok(length)) = within(choices.millis(4000), receive).await {
                    assert_sent(&sent, &buffer[..length]);
                }
            }
        } else {
            let Ok(mut socket) = stack.bind_multiple(local_port(4000)).await else {
                return;
            };
            while !choices.is_empty() {
                let to = peer(9 + choices.below(2) as u16);
                if choices.below(2) == 0 {
                    sent.push(noise(sent.len() as u64, 8 + choices.below(900)));
                    let send = socket.send(local_port(4000), to, &sent[sent.len() - 1]);
                    let _ = within(LONGEST, send).await;
                }
                let receive = socket.receive_into(&mut buffer);
                if let Some(Ok((length, _, from))) = within(choices.millis(4000), receive).await {
                    assert_sent(&sent, &buffer[..length]);
                    assert!([peer(9), peer(10)].contains(&from));
                }
            }
        }
    });
}

fn assert_sent(sent: &[Vec<u8>], received: &[u8]) {
    assert!(
        sent.iter().any(|datagram| datagram == received),
        "a datagram that nobody sent"
    );
}

/// A server, and clients that send and close.
pub fn listeners(input: &[u8]) {
    const SAID: usize = 600;
    let network = echo_network();
    let choices = &Choices::new(input);
    run(
        choices,
        AccessMode::Buffer,
        &network,
        async |stack, choices| {
            let Ok(listener) = stack.listen(6000).await else {
                return;
            };
            let mut clients = 0;
            while !choices.is_empty() {
                match choices.below(4) {
                    0 => {
                        let client = network.clone();
                        let bytes = noise(clients, SAID);
                        clients += 1;
                        network.spawn(async move {
                            if let Some(mut stream) = client.connect(PEER, 6000).await {
                                let _ = stream.write_all(&bytes).await;
                                stream.close();
                                let _ = stream.read_to_end().await;
                            }
                        });
                    }
                    1 => sleep(choices.millis(5000)).await,
                    _ => {
                        let accepted = within(choices.millis(5000), listener.accept()).await;
                        if let Some(Ok((connection, _))) = accepted {
                            let patience = choices.millis(20_000);
                            let _ = within(patience, said(connection, clients, SAID)).await;
                        }
                    }
                }
            }
            let _ = listener.close().await;
        },
    );
}

/// What one of the clients said, all of it, or an error.
async fn said(mut stream: impl Read<Error = Error>, clients: u64, length: usize) {
    let mut all = Vec::new();
    let mut buffer = [0; 200];
    loop {
        let is_whole = all.len() == length;
        match stream.read(&mut buffer).await {
            Ok(0) => {
                assert!(is_whole, "the end came early, after {} bytes", all.len());
                return;
            }
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(_) => return,
        }
        let mut clients = (0..clients).map(|client| noise(client, length));
        assert!(clients.any(|bytes| bytes.starts_with(&all)), "wrong bytes");
    }
}

/// A command whose answer is the serial number of the module.
struct SerialNumber;

struct Answer(Vec<u8>);

impl AtatResp for Answer {}

impl AtatCmd for SerialNumber {
    type Response = Answer;
    const MAX_TIMEOUT_MS: u32 = 5000;

    fn write(&self, buffer: &mut [u8]) -> usize {
        let text = b"AT+CGSN\r";
        buffer[..text.len()].copy_from_slice(text);
        text.len()
    }

    fn parse(&self, answer: Result<&[u8], InternalError>) -> Result<Answer, atat::Error> {
        Ok(Answer(answer?.to_vec()))
    }
}

/// Commands of the user beside a stream.
pub fn commands(input: &[u8]) {
    let choices = &Choices::new(input);
    run(
        choices,
        AccessMode::Buffer,
        &echo_network(),
        async |stack, choices| {
            let ask = async {
                while !choices.is_empty() {
                    let answer = within(choices.millis(8000), stack.at().send(&SerialNumber)).await;
                    if let Some(Ok(Answer(text))) = answer {
                        let text = String::from_utf8_lossy(&text);
                        // Another line is one that the module sends whenever it wants.
                        let is_number =
                            |line: &&str| line.bytes().all(|byte| byte.is_ascii_digit());
                        let number = text.lines().find(is_number);
                        assert_eq!(number.map(str::len), Some(15), "{text}");
                    }
                    sleep(choices.millis(500)).await;
                }
            };
            run_tasks(vec![
                Box::pin(echoed(stack, choices)) as Work<'_>,
                Box::pin(ask),
            ])
            .await;
        },
    );
}
