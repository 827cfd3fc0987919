//! Every fault of the virtual modem, and every other reading of the note: the right bytes or the right error, within the
//! time that the note gives, and a stack that works afterwards.

mod errors;
mod fuzzed;
mod mixtures;
mod random;
mod readings;
mod survived;

use core::time::Duration;
use embassy_futures::join::{join, join3};
use embassy_time::Instant;
use embedded_io_async::{Read, ReadExactError, Write};
use embedded_nal_async::{AddrType, Dns};
use quectel_nal::{Error, Stack};
use testbench::{
    Bench, PEER, adversarial, assert_no_violation, echo_network, excerpt, noise, peer, read_to_end,
    serve,
};
use virtual_modem::{Chop, Fault, InProcess, ModemHandle};

const SECOND: Duration = Duration::from_secs(1);

/// An echo on port 7, and on port 80 a server that sends 20,000 bytes and closes.
fn network() -> InProcess {
    let network = echo_network();
    serve(&network, 80, noise(80, 20_000));
    network.refuse(PEER, 1, 566);
    network.hang(PEER, 2);
    network
}

async fn echo(stack: &Stack<'_>, bytes: &[u8]) -> Result<(), Error> {
    let mut connection = stack.connect(peer(7)).await?;
    let (mut reader, mut writer) = connection.split();
    let send = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    let receive = async {
        let mut back = vec![0; bytes.len()];
        reader.read_exact(&mut back).await.map(|()| back)
    };
    let (sent, back) = join(send, receive).await;
    sent?;
    let back = match back {
        Err(ReadExactError::Other(error)) => return Err(error),
        back => back.expect("the echo ends early"),
    };
    assert!(back == bytes, "the echo differs");
    connection.close().await
}

async fn download(stack: &Stack<'_>) -> Result<(), Error> {
    let mut connection = stack.connect(peer(80)).await?;
    let all = read_to_end(&mut connection).await?;
    assert!(all == noise(80, 20_000), "got {} other bytes", all.len());
    Ok(())
}

/// Uploads, downloads and lookups at once, all with the right bytes.
async fn everything_works(stack: &Stack<'_>, modem: &ModemHandle) {
    let payload = adversarial(8000);
    let (echoed, downloaded, found) = join3(
        echo(stack, &payload),
        download(stack),
        stack.get_host_by_name("name.example", AddrType::IPv4),
    )
    .await;
    assert_eq!(echoed, Ok(()), "{}", excerpt(modem));
    assert_eq!(downloaded, Ok(()), "{}", excerpt(modem));
    assert_eq!(
        found,
        Ok("192.0.2.9".parse().unwrap()),
        "{}",
        excerpt(modem)
    );
}

fn bench() -> Bench {
    Bench::new().settings(|settings| settings.dns("name.example", &["192.0.2.9"]))
}

/// With this fault all bytes are right, within `limit`, and the module has nothing to complain about.
fn survives(limit: Duration, faults: &[Fault]) {
    for chop in [Chop::Whole, Chop::Bytes(1)] {
        bench().chop(chop).run(&network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            for fault in faults {
                modem.inject(fault.clone());
            }
            let start = Instant::now();
            everything_works(&stack, &modem).await;
            let took = start.elapsed();
            assert!(took.as_millis() <= limit.as_millis() as u64, "took {took}");
            modem.clear_faults();
            everything_works(&stack, &modem).await;
            assert_no_violation(&modem);
        });
    }
}
