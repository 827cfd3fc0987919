//! Listeners, byte for byte.
//!
//! The flows are those of section 3.5 of the note, with its figures; the stack chooses the connectIDs.

use core::time::Duration;
use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use embedded_nal_async::ConnectedUdp;
use quectel_nal::{ConnectId, Error, SocketPhase};
use testbench::{address, config, dialogue, sleep};

/// Section 3.5.
#[test]
fn tcp_server_in_buffer_access_mode() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = module.open("AT+QIOPEN=1,0,\"TCP LISTENER\",\"127.0.0.1\",0,2020,0");
        let (listener, ()) = join(stack.listen(2020), open).await;
        let listener = listener.unwrap();
        assert_eq!(listener.state(), Some(SocketPhase::Open));
        assert_eq!(listener.connect_id(), ConnectId::new(0));
        assert_eq!(listener.local_addr(), Some(address("10.7.157.1:2020")));

        let come = async {
            sleep(Duration::from_secs(60)).await;
            module
                .line("+QIURC: \"incoming\",11,0,\"172.31.242.222\",54091")
                .await;
        };
        let (accepted, ()) = join(listener.accept(), come).await;
        let (mut connection, peer) = accepted.unwrap();
        assert_eq!(peer, address("172.31.242.222:54091"));
        assert_eq!(connection.remote_addr(), Some(peer));
        assert_eq!(connection.local_addr(), listener.local_addr());
        assert_eq!(connection.connect_id(), ConnectId::new(11));

        let receive = async {
            module.line("+QIURC: \"recv\",11").await;
            module.return_payload("AT+QIRD=11,1500", "test").await;
            module.return_nothing("AT+QIRD=11,1500").await;
        };
        let mut buffer = [0; 16];
        let (count, ()) = join(connection.read(&mut buffer), receive).await;
        assert_eq!(&buffer[..count.unwrap()], b"test");

        connection.write_all(b"hello").await.unwrap();
        let send = module.accept_payload("AT+QISEND=11,5", b"hello");
        let (flushed, ()) = join(connection.flush(), send).await;
        assert_eq!(flushed, Ok(()));

        let close = module.exchange("AT+QICLOSE=11", "OK");
        let (closed, ()) = join(connection.close(), close).await;
        assert_eq!(closed, Ok(()));
        let close = module.exchange("AT+QICLOSE=0", "OK");
        let (closed, ()) = join(listener.close(), close).await;
        assert_eq!(closed, Ok(()));
        module.expect_silence(Duration::from_secs(60)).await;
    });
}

/// Section 3.5.2 with what can go wrong: no slot, no room in the module, a listener that is gone.
#[test]
fn connections_that_cannot_be_served() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = module.open("AT+QIOPEN=1,0,\"TCP LISTENER\",\"127.0.0.1\",0,2020,0");
        let (listener, ()) = join(stack.listen(2020), open).await;
        let listener = listener.unwrap();
        module
            .line("+QIURC: \"incoming\",11,0,\"172.31.242.222\",54091")
            .await;
        module
            .line("+QIURC: \"incoming\",10,0,\"172.31.242.222\",54092")
            .await;
        module.exchange("AT+QICLOSE=10,0", "OK").await;
        module.line("+QIURC: \"incoming full\"").await;
        // Nobody's listener.
        module
            .line("+QIURC: \"incoming\",9,5,\"172.31.242.222\",54093")
            .await;
        module.exchange("AT+QICLOSE=9,0", "OK").await;
        assert_eq!(stack.statistics().refused_connections, 3);
        drop(listener);
        module.exchange("AT+QICLOSE=11", "OK").await;
        module.exchange("AT+QICLOSE=0", "OK").await;
        assert_eq!(stack.statistics().refused_connections, 4);
        module.expect_silence(Duration::from_secs(60)).await;
    });
}

/// Section 2.1.4: only some modules have it.
#[test]
fn udp_listener() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = async {
            module
                .exchange(
                    "AT+QIOPEN=1,0,\"UDP LISTENER\",\"127.0.0.1\",0,2020,0",
                    "ERROR",
                )
                .await;
            module.give_reason("560, operation not supported").await;
            module.exchange("AT+QICLOSE=0", "OK").await;
        };
        let (listener, ()) = join(stack.listen_udp(2020), open).await;
        let error = listener.unwrap_err();
        assert!(matches!(error, Error::Module(_)), "{error}");

        let open = async {
            module
                .open("AT+QIOPEN=1,0,\"UDP LISTENER\",\"127.0.0.1\",0,2020,0")
                .await;
            module
                .line("+QIURC: \"incoming\",11,0,\"172.31.242.222\",54091")
                .await;
            module.line("+QIURC: \"recv\",11").await;
            module.return_payload("AT+QIRD=11,1500", "test").await;
        };
        let listen = async {
            let listener = stack.listen_udp(2020).await.unwrap();
            let (mut socket, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, address("172.31.242.222:54091"));
            let mut buffer = [0; 16];
            let count = socket.receive_into(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], b"test");
            assert_eq!(listener.state(), Some(SocketPhase::Open));
            assert_eq!(listener.connect_id(), ConnectId::new(0));
            assert_eq!(listener.local_addr(), Some(address("10.7.157.1:2020")));
            assert_eq!(socket.local_addr(), listener.local_addr());
            assert_eq!(socket.remote_addr(), Some(peer));
            (listener, socket)
        };
        let ((listener, mut socket), ()) = join(listen, open).await;
        // The datagram is taken: there is room for the next.
        module.return_nothing("AT+QIRD=11,1500").await;
        socket.send(b"answer").await.unwrap();
        module.accept_payload("AT+QISEND=11,6", b"answer").await;
        drop((listener, socket));
    });
}
