//! The flows of the note's chapter 3, byte by byte.

mod common;

use common::dialogue;
use embedded_io_async::{Read, Write};
use std::time::Duration;
use virtual_modem::{InProcess, Settings};

const SERVER: &str = "220.180.239.212";

/// A server that says "test1" at once and keeps the connection.
fn greeting() -> InProcess {
    let network = InProcess::new();
    network.latency(Duration::from_millis(50));
    network.tcp(SERVER, 8009, |mut peer| async move {
        peer.write_all(b"test1").await.unwrap();
        let _ = peer.read_to_end().await;
    });
    network
}

fn listening() -> InProcess {
    let network = InProcess::new();
    network.tcp(SERVER, 8009, |mut peer| async move {
        let _ = peer.read_to_end().await;
    });
    network
}

#[test]
fn configure_activate_deactivate() {
    dialogue(Settings::new(), InProcess::new(), |mut host| async move {
        host.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
        host.asks(
            "AT+QICSGP=1",
            "\r\n+QICSGP: 1,\"\",\"\",\"\",0\r\n\r\nOK\r\n",
        )
        .await;
        host.asks("AT+QICSGP=1,1,\"UNINET\",\"\",1", "\r\nOK\r\n")
            .await;
        host.asks(
            "AT+QICSGP=1",
            "\r\n+QICSGP: 1,\"UNINET\",\"\",\"\",1\r\n\r\nOK\r\n",
        )
        .await;
        host.asks("AT+QIACT?", "\r\nOK\r\n").await;
        host.asks("AT+QIACT=1", "\r\nOK\r\n").await;
        host.asks("AT+QIACT?", "\r\n+QIACT: 1,1,1,\"10.0.0.2\"\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QIACT=1", "\r\nERROR\r\n").await;
        host.asks(
            "AT+QIGETERROR",
            "\r\n+QIGETERROR: 572, operation not allowed\r\n\r\nOK\r\n",
        )
        .await;
        host.asks("AT+QIDEACT=1", "\r\nOK\r\n").await;
        host.asks("AT+QIACT?", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn client_in_buffer_mode() {
    dialogue(Settings::new(), greeting(), |mut host| async move {
        host.connects(SERVER, 8009, 0).await;
        host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
        let row = "\r\n+QISTATE: 0,\"TCP\",\"220.180.239.212\",8009,50001,2,1,0,0,\"uart1\"\r\n\r\nOK\r\n";
        host.asks("AT+QISTATE=1,0", row).await;
        host.asks("AT+QISEND=0", "\r\n> ").await;
        host.types("test1\x1a").await;
        host.expects("\r\nSEND OK\r\n").await;
        host.asks("AT+QISEND=0,4", "\r\n> ").await;
        host.types("test").await;
        host.expects("\r\nSEND OK\r\n").await;
        host.asks("AT+QISEND=0,0", "\r\n+QISEND: 9,0,9\r\n\r\nOK\r\n")
            .await;
        virtual_modem::time::sleep(Duration::from_millis(100)).await;
        host.asks("AT+QISEND=0,0", "\r\n+QISEND: 9,9,0\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QISENDEX=0,\"3132333435\"", "\r\nSEND OK\r\n")
            .await;
        virtual_modem::time::sleep(Duration::from_millis(100)).await;
        host.asks("AT+QISEND=0,0", "\r\n+QISEND: 14,14,0\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 5\r\ntest1\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 0\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QIRD=0,0", "\r\n+QIRD: 5,5,0\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QICLOSE=0", "\r\nOK\r\n").await;
        host.asks("AT+QISTATE=1,0", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn notices_are_told_once_per_filling() {
    let network = InProcess::new();
    network.tcp(SERVER, 8009, |mut peer| async move {
        for part in [b"one".as_slice(), b"two", b"three"] {
            peer.write_all(part).await.unwrap();
            virtual_modem::time::sleep(Duration::from_secs(1)).await;
        }
        let _ = peer.read_to_end().await;
    });
    dialogue(Settings::new(), network, |mut host| async move {
        host.connects(SERVER, 8009, 0).await;
        host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
        host.hears_nothing_for(Duration::from_millis(1500)).await;
        host.asks("AT+QIRD=0,4", "\r\n+QIRD: 4\r\nonet\r\n\r\nOK\r\n")
            .await;
        host.hears_nothing_for(Duration::from_secs(1)).await;
        host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 7\r\nwothree\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QICFG=\"recvind\",1", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn client_in_transparent_mode() {
    let network = InProcess::new();
    network.tcp_echo(SERVER, 8009);
    dialogue(Settings::new(), network, |mut host| async move {
        host.connects(SERVER, 8009, 2).await;
        host.types("Test 1").await;
        host.expects("Test 1").await;
        host.types("a+++b").await;
        host.expects("a+++b").await;
        virtual_modem::time::sleep(Duration::from_millis(1100)).await;
        host.types("+++").await;
        host.hears_nothing_for(Duration::from_millis(999)).await;
        host.expects("\r\nOK\r\n").await;
        host.asks("AT+QISTATE=1,0", "\r\n+QISTATE: 0,\"TCP\",\"220.180.239.212\",8009,50001,2,1,0,0,\"uart1\"\r\n\r\nOK\r\n").await;
        host.asks("ATO", "\r\nCONNECT\r\n").await;
        host.types("again").await;
        host.expects("again").await;
        virtual_modem::time::sleep(Duration::from_millis(1100)).await;
        host.types("+++").await;
        host.expects("\r\nOK\r\n").await;
        host.asks("AT+QISWTMD=0,2", "\r\nCONNECT\r\n").await;
        virtual_modem::time::sleep(Duration::from_millis(1100)).await;
        host.types("+++").await;
        host.expects("\r\nOK\r\n").await;
        host.asks("AT+QICLOSE=0", "\r\nOK\r\n").await;
        host.asks("ATO", "\r\nNO CARRIER\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn transparent_mode_ends_with_no_carrier() {
    let network = InProcess::new();
    network.tcp(SERVER, 8009, |mut peer| async move {
        peer.write_all(b"bye").await.unwrap();
    });
    dialogue(Settings::new(), network, |mut host| async move {
        host.connects(SERVER, 8009, 2).await;
        host.expects("bye\r\nNO CARRIER\r\n").await;
        host.asks("AT+QICLOSE=0", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn data_terminal_ready_leaves_transparent_mode() {
    dialogue(Settings::new(), listening(), |mut host| async move {
        host.asks("AT&D1", "AT&D1\r\r\nOK\r\n").await;
        host.connects(SERVER, 8009, 2).await;
        host.tx.set_data_terminal_ready(false);
        host.expects("\r\nOK\r\n").await;
    });
}

#[test]
fn client_in_direct_push_mode() {
    let network = InProcess::new();
    network.tcp(SERVER, 8009, |mut peer| async move {
        let mut first = [0; 5];
        peer.read_exact(&mut first).await.unwrap();
        peer.write_all(b"test").await.unwrap();
    });
    dialogue(Settings::new(), network, |mut host| async move {
        host.connects(SERVER, 8009, 1).await;
        host.asks("AT+QISEND=0,5", "\r\n> ").await;
        host.types("test2").await;
        host.expects(
            "\r\nSEND OK\r\n\r\n+QIURC: \"recv\",0,4\r\ntest\r\n\r\n+QIURC: \"closed\",0\r\n",
        )
        .await;
        host.asks("AT+QICLOSE=0", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn server_in_buffer_mode() {
    let network = InProcess::new();
    let outside = network.clone();
    dialogue(Settings::new(), network, |mut host| async move {
        host.brings_up().await;
        host.asks(
            "AT+QIOPEN=1,1,\"TCP LISTENER\",\"127.0.0.1\",0,2020,0",
            "\r\nOK\r\n\r\n+QIOPEN: 1,0\r\n",
        )
        .await;
        let row =
            "\r\n+QISTATE: 1,\"TCP LISTENER\",\"10.0.0.2\",0,2020,3,1,1,0,\"uart1\"\r\n\r\nOK\r\n";
        host.asks("AT+QISTATE=0,1", row).await;
        let mut peer = outside.connect("172.31.242.222", 2020).await.unwrap();
        host.expects("\r\n+QIURC: \"incoming\",11,1,\"172.31.242.222\",40000\r\n")
            .await;
        peer.write_all(b"test").await.unwrap();
        host.expects("\r\n+QIURC: \"recv\",11\r\n").await;
        host.asks("AT+QIRD=11,1500", "\r\n+QIRD: 4\r\ntest\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QIRD=11,1500", "\r\n+QIRD: 0\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QIRD=11,0", "\r\n+QIRD: 4,4,0\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QISEND=11,2", "\r\n> ").await;
        host.types("ok").await;
        host.expects("\r\nSEND OK\r\n").await;
        let mut answer = [0; 2];
        peer.read_exact(&mut answer).await.unwrap();
        drop(peer);
        host.expects("\r\n+QIURC: \"closed\",11\r\n").await;
        host.asks("AT+QICLOSE=11", "\r\nOK\r\n").await;
        host.asks("AT+QICLOSE=1", "\r\nOK\r\n").await;
        assert!(outside.listening().is_empty());
        host.made_no_fault();
    });
}

#[test]
fn eleven_incoming_connections_are_the_most() {
    let network = InProcess::new();
    let outside = network.clone();
    dialogue(Settings::new(), network, |mut host| async move {
        host.brings_up().await;
        host.types("AT+QIOPEN=1,5,\"TCP LISTENER\",\"127.0.0.1\",0,2020,0\r")
            .await;
        host.expects("\r\nOK\r\n\r\n+QIOPEN: 5,0\r\n").await;
        let mut peers = Vec::new();
        for (count, id) in [11, 10, 9, 8, 7, 6, 4, 3, 2, 1, 0].into_iter().enumerate() {
            peers.push(outside.connect("172.31.242.222", 2020).await.unwrap());
            host.expects(format!(
                "\r\n+QIURC: \"incoming\",{id},5,\"172.31.242.222\",{}\r\n",
                40_000 + count
            ))
            .await;
        }
        let mut refused = outside.connect("172.31.242.222", 2020).await.unwrap();
        host.expects("\r\n+QIURC: \"incoming full\"\r\n").await;
        assert!(refused.read(&mut [0; 8]).await.is_err());
    });
}

#[test]
fn udp_service() {
    let network = InProcess::new();
    let mut first = network.udp_socket("10.7.89.10", 6969);
    let mut second = network.udp_socket("10.7.76.34", 7687);
    dialogue(Settings::new(), network, |mut host| async move {
        host.brings_up().await;
        host.asks(
            "AT+QIOPEN=1,2,\"UDP SERVICE\",\"127.0.0.1\",0,3030,0",
            "\r\nOK\r\n\r\n+QIOPEN: 2,0\r\n",
        )
        .await;
        let row =
            "\r\n+QISTATE: 2,\"UDP SERVICE\",\"10.0.0.2\",0,3030,2,1,2,0,\"uart1\"\r\n\r\nOK\r\n";
        host.asks("AT+QISTATE=0,1", row).await;
        host.asks("AT+QISEND=2,10,\"10.7.89.10\",6969", "\r\n> ")
            .await;
        host.types("1234567890").await;
        host.expects("\r\nSEND OK\r\n").await;
        let (datagram, from) = first.receive().await;
        assert_eq!(
            (datagram.as_slice(), from.port()),
            (b"1234567890".as_slice(), 3030)
        );
        second.send_to_port(b"AAAA", 3030);
        host.expects("\r\n+QIURC: \"recv\",2\r\n").await;
        second.send_to_port(b"", 3030);
        host.asks(
            "AT+QIRD=2",
            "\r\n+QIRD: 4,\"10.7.76.34\",7687\r\nAAAA\r\n\r\nOK\r\n",
        )
        .await;
        host.asks(
            "AT+QIRD=2",
            "\r\n+QIRD: 0,\"10.7.76.34\",7687\r\n\r\nOK\r\n",
        )
        .await;
        host.asks("AT+QIRD=2", "\r\n+QIRD: 0\r\n\r\nOK\r\n").await;
        host.asks("AT+QICLOSE=2", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn udp_client_reads_one_datagram_at_a_time() {
    let network = InProcess::new();
    network.udp_echo("195.34.89.241", 7);
    dialogue(Settings::new(), network, |mut host| async move {
        host.brings_up().await;
        host.asks(
            "AT+QIOPEN=1,0,\"UDP\",\"195.34.89.241\",7,0,0",
            "\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n",
        )
        .await;
        host.asks("AT+QISEND=0,3", "\r\n> ").await;
        host.types("one").await;
        host.expects("\r\nSEND OK\r\n\r\n+QIURC: \"recv\",0\r\n")
            .await;
        host.asks("AT+QISEND=0,3", "\r\n> ").await;
        host.types("two").await;
        host.expects("\r\nSEND OK\r\n").await;
        host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 3\r\none\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 3\r\ntwo\r\n\r\nOK\r\n")
            .await;
        host.made_no_fault();
    });
}

#[test]
fn ping() {
    let network = InProcess::new();
    network
        .latency(Duration::from_millis(96))
        .tcp_echo("61.135.169.125", 80);
    let settings = Settings::new().dns("www.baidu.com", &["61.135.169.125"]);
    dialogue(settings, network, |mut host| async move {
        host.brings_up().await;
        host.asks("AT+QPING=1,\"www.baidu.com\"", "\r\nOK\r\n")
            .await;
        for _ in 0..4 {
            host.expects("\r\n+QPING: 0,\"61.135.169.125\",32,192,255\r\n")
                .await;
        }
        host.expects("\r\n+QPING: 0,4,4,0,192,192,192\r\n").await;
        host.asks("AT+QPING=1,\"nowhere\"", "\r\nOK\r\n\r\n+QPING: 565\r\n")
            .await;
        host.made_no_fault();
    });
}

#[test]
fn local_time() {
    let settings =
        Settings::new().ntp((Duration::from_secs(2), Ok("2019/07/21,06:10:59+00".into())));
    dialogue(settings, InProcess::new(), |mut host| async move {
        host.brings_up().await;
        host.asks("AT+QNTP=1,\"202.112.10.36\",123", "\r\nOK\r\n")
            .await;
        host.asks("AT+QNTP?", "\r\n+QNTP: \"202.112.10.36\",123\r\n\r\nOK\r\n")
            .await;
        host.expects("\r\n+QNTP: 0,\"2019/07/21,06:10:59+00\"\r\n")
            .await;
        host.asks(
            "AT+CCLK?",
            "\r\n+CCLK: \"19/07/21,06:10:59+00\"\r\n\r\nOK\r\n",
        )
        .await;
        host.made_no_fault();
    });
}

#[test]
fn last_error() {
    dialogue(Settings::new(), InProcess::new(), |mut host| async move {
        host.brings_up().await;
        host.asks(
            "AT+QIOPEN=1,\"TCP\",\"220.180.239.212\",8009,0,1",
            "\r\nERROR\r\n",
        )
        .await;
        host.asks(
            "AT+QIGETERROR",
            "\r\n+QIGETERROR: 552, invalid parameters\r\n\r\nOK\r\n",
        )
        .await;
        assert_eq!(host.modem.violations().len(), 1);
    });
}

#[test]
fn names() {
    let settings = Settings::new().dns("www.example.com", &["192.0.2.1", "2001:db8::1"]);
    dialogue(settings, InProcess::new(), |mut host| async move {
        host.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
        host.asks("AT+QIDNSGIP=1,\"www.example.com\"", "\r\nERROR\r\n")
            .await;
        host.asks(
            "AT+QIGETERROR",
            "\r\n+QIGETERROR: 561, open pdp context failed\r\n\r\nOK\r\n",
        )
        .await;
        host.asks("AT+QICSGP=1,1,\"internet\",\"\",\"\",0", "\r\nOK\r\n")
            .await;
        host.asks("AT+QIACT=1", "\r\nOK\r\n").await;
        let answer = "\r\nOK\r\n\r\n+QIURC: \"dnsgip\",0,2,300\r\n\
                      \r\n+QIURC: \"dnsgip\",\"192.0.2.1\"\r\n\r\n+QIURC: \"dnsgip\",\"2001:db8::1\"\r\n";
        host.asks("AT+QIDNSGIP=1,\"WWW.example.com\"", answer).await;
        host.asks(
            "AT+QIDNSGIP=1,\"nowhere\"",
            "\r\nOK\r\n\r\n+QIURC: \"dnsgip\",565,0,0\r\n",
        )
        .await;
        host.asks("AT+QIDNSCFG=1,\"9.9.9.9\"", "\r\nOK\r\n").await;
        host.asks(
            "AT+QIDNSCFG=1",
            "\r\n+QIDNSCFG: 1,\"9.9.9.9\",\"\"\r\n\r\nOK\r\n",
        )
        .await;
        host.made_no_fault();
    });
}
