//! The application decides whether there is a link, without async.

use core::time::Duration;

use embedded_nal::{TcpClientStack, nb};
use quectel_nal::{Error, LinkError, LinkMode, LinkState};
use testbench::polled::{linger, patiently};
use testbench::{assert_no_violation, excerpt, peer};

use super::{bench, connect, network, send_all};

const TURNED_OFF: Error = Error::Link(LinkError::TurnedOff);

#[test]
fn down_and_up_again() {
    bench().run_blocking(&network(), async |stack, modem, _| {
        patiently(|| stack.link_up()).await.unwrap();
        assert_eq!(stack.link_mode(), Ok(LinkMode::Up));
        let mut changes = stack.handle().link_changes();
        let mut socket = connect(stack, 7).await.unwrap();
        send_all(stack, &mut socket, b"echo").await.unwrap();
        linger(stack, Duration::from_secs(1)).await;
        stack.set_link(LinkMode::Down);
        assert_eq!(stack.link_mode(), Err(nb::Error::WouldBlock));
        assert_eq!(stack.link_up(), Err(nb::Error::Other(LinkError::TurnedOff)));
        let mode = patiently(|| stack.link_mode()).await;
        assert_eq!(mode, Ok(LinkMode::Down), "{}", excerpt(&modem));
        assert_eq!(stack.link_state(), LinkState::TurnedOff(LinkMode::Down));
        assert_eq!(
            changes.try_next(),
            Some(LinkState::TurnedOff(LinkMode::Down))
        );
        assert!(modem.sockets().is_empty() && modem.link_state().2.is_empty());
        // What came before can be read, and nothing can be begun.
        let mut buffer = [0; 8];
        let mut tcp = stack.tcp();
        assert_eq!(tcp.receive(&mut socket, &mut buffer), Ok(4));
        let refused = tcp.receive(&mut socket, &mut buffer);
        assert_eq!(refused, Err(nb::Error::Other(TURNED_OFF)));
        tcp.close(socket).unwrap();
        let mut socket = tcp.socket().unwrap();
        let refused = tcp.connect(&mut socket, peer(7));
        assert_eq!(refused, Err(nb::Error::Other(TURNED_OFF)));
        tcp.close(socket).unwrap();

        stack.set_link(LinkMode::Up);
        let mode = patiently(|| stack.link_mode()).await;
        assert_eq!(mode, Ok(LinkMode::Up));
        let socket = connect(stack, 7).await.unwrap();
        stack.tcp().close(socket).unwrap();
        linger(stack, Duration::from_secs(2)).await;
        assert_no_violation(&modem);
    });
}

#[test]
fn off() {
    bench().run_blocking(&network(), async |stack, modem, _| {
        patiently(|| stack.link_up()).await.unwrap();
        stack.set_link(LinkMode::Off);
        let mode = patiently(|| stack.link_mode()).await;
        assert_eq!(mode, Ok(LinkMode::Off));
        assert_eq!(modem.link_state().0, "off");
        let before = modem.counters().bytes_to_module;
        linger(stack, Duration::from_secs(60)).await;
        assert_eq!(modem.counters().bytes_to_module, before);
        assert_no_violation(&modem);
    });
}

#[test]
fn everything_else_through_the_handle() {
    bench().run_blocking(&network(), async |stack, _, _| {
        patiently(|| stack.link_up()).await.unwrap();
        let since = stack.handle().link_since();
        linger(stack, Duration::from_secs(5)).await;
        assert_eq!(stack.handle().link_since(), since);
        stack.set_link(LinkMode::Minimum);
        linger(stack, Duration::from_secs(5)).await;
        assert!(stack.handle().link_since() > since);
        let handle = stack.handle();
        let limit = embassy_time::Duration::from_secs(1);
        let mode = stack.wait_for(handle.wait_link_mode(), limit);
        assert_eq!(mode, Ok(Ok(LinkMode::Minimum)));
    });
}
