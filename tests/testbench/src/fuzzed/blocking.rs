//! The blocking face.

use core::time::Duration;

use embassy_futures::select::{Either, select};
use embedded_nal::{TcpClientStack, nb};

use super::choices::Choices;
use crate::polled::{linger, patiently};
use crate::{adversarial, echo_network, noise, peer, sleep};

/// A stream to a peer that sends everything back, with plain calls.
pub fn blocking(input: &[u8]) {
    let choices = &Choices::new(input);
    let bench = choices.bench();
    let faults = choices.faults(false);
    bench.run_blocking(&echo_network(), async |stack, modem, _| {
        while patiently(|| stack.link_up()).await.is_err() {}
        for fault in &faults {
            modem.inject(fault.clone());
        }
        let bytes = match choices.below(2) {
            0 => noise(1, 4000),
            _ => adversarial(4000),
        };
        let session = async {
            let mut tcp = stack.tcp();
            let Ok(mut socket) = tcp.socket() else {
                return;
            };
            let connected = patiently(|| tcp.connect(&mut socket, peer(7))).await;
            let (mut written, mut seen) = (0, 0);
            let mut buffer = [0; 700];
            let mut is_good = connected.is_ok();
            while is_good && (seen < written || !choices.is_empty()) {
                let result = match choices.below(4) {
                    // When the input is used up, the rest comes back.
                    0 | 1 if !choices.is_empty() => {
                        let end = bytes.len().min(written + choices.below(700));
                        let sent = tcp.send(&mut socket, &bytes[written..end]);
                        sent.map(|count| written += count)
                    }
                    _ => tcp.receive(&mut socket, &mut buffer).map(|count| {
                        let rest = &bytes[seen..written];
                        assert!(rest.starts_with(&buffer[..count]), "wrong bytes at {seen}");
                        seen += count;
                    }),
                };
                is_good = matches!(result, Ok(()) | Err(nb::Error::WouldBlock));
                linger(stack, Duration::from_millis(20 + choices.below(200) as u64)).await;
            }
            let _ = tcp.close(socket);
        };
        let limit = sleep(Duration::from_secs(7200));
        let ended = matches!(select(session, limit).await, Either::First(()));
        assert!(ended, "no end with {faults:?}");
    });
}
