//! Real sockets in real time, and the binary behind a TCP port.

mod common;

use common::Host;
use futures_lite::future;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use virtual_modem::{Line, Loopback, Settings, VirtualModem, serial, time};

/// A server that sends one connection's bytes back.
fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..count]).unwrap();
        }
    });
    address
}

fn in_real_time<F: Future<Output = ()>>(network: Loopback, script: impl FnOnce(Host) -> F) {
    let modem = VirtualModem::new(Settings::new(), network);
    let handle = modem.handle();
    let (rx, tx, end) = serial::pair(Line::default());
    let host = Host {
        rx,
        tx,
        modem: handle,
    };
    time::block_on(future::or(script(host), async { modem.run(end).await }));
}

#[test]
fn a_routed_name_over_tcp() {
    let network = Loopback::new().route("www.example.com", 80, echo_server());
    in_real_time(network, |mut host| async move {
        host.brings_up().await;
        let address =
            "\r\nOK\r\n\r\n+QIURC: \"dnsgip\",0,1,300\r\n\r\n+QIURC: \"dnsgip\",\"198.18.0.1\"\r\n";
        host.asks("AT+QIDNSGIP=1,\"www.example.com\"", address)
            .await;
        host.asks(
            "AT+QIOPEN=1,0,\"TCP\",\"198.18.0.1\",80,0,0",
            "\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n",
        )
        .await;
        host.asks("AT+QISEND=0,5", "\r\n> ").await;
        host.types("hello").await;
        host.expects("\r\nSEND OK\r\n\r\n+QIURC: \"recv\",0\r\n")
            .await;
        host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 5\r\nhello\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QICLOSE=0", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn no_way_out() {
    in_real_time(Loopback::new(), |mut host| async move {
        host.brings_up().await;
        host.asks(
            "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.1\",80,0,0",
            "\r\nOK\r\n\r\n+QIOPEN: 0,566\r\n",
        )
        .await;
        host.asks(
            "AT+QIOPEN=1,0,\"TCP\",\"www.example.com\",80,0,0",
            "\r\nOK\r\n\r\n+QIOPEN: 0,565\r\n",
        )
        .await;
    });
}

#[test]
fn udp_and_an_incoming_connection() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let network = Loopback::new().route("192.0.2.9", 7, peer.local_addr().unwrap());
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    in_real_time(network, |mut host| async move {
        host.brings_up().await;
        host.asks(
            "AT+QIOPEN=1,0,\"UDP\",\"192.0.2.9\",7,0,0",
            "\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n",
        )
        .await;
        host.asks("AT+QISEND=0,4", "\r\n> ").await;
        host.types("ping").await;
        host.expects("\r\nSEND OK\r\n").await;
        let mut buffer = [0; 16];
        let (count, from) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"ping");
        peer.send_to(b"pong", from).unwrap();
        host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
        host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 4\r\npong\r\n\r\nOK\r\n")
            .await;

        let listen = format!("AT+QIOPEN=1,1,\"TCP LISTENER\",\"127.0.0.1\",0,{free},0");
        host.asks(&listen, "\r\nOK\r\n\r\n+QIOPEN: 1,0\r\n").await;
        let mut client = TcpStream::connect(("127.0.0.1", free)).unwrap();
        let port = client.local_addr().unwrap().port();
        host.expects(format!(
            "\r\n+QIURC: \"incoming\",11,1,\"127.0.0.1\",{port}\r\n"
        ))
        .await;
        client.write_all(b"hi").unwrap();
        host.expects("\r\n+QIURC: \"recv\",11\r\n").await;
        host.asks("AT+QIRD=11,1500", "\r\n+QIRD: 2\r\nhi\r\n\r\nOK\r\n")
            .await;
        drop(client);
        host.expects("\r\n+QIURC: \"closed\",11\r\n").await;
        host.made_no_fault();
    });
}

fn talk(port: &mut (impl Read + Write), command: &str, answer: &str) {
    port.write_all(command.as_bytes()).unwrap();
    let mut have = vec![0; answer.len()];
    port.read_exact(&mut have).unwrap();
    assert_eq!(String::from_utf8_lossy(&have), answer);
}

#[test]
fn the_binary_listens() {
    let program = env!("CARGO_BIN_EXE_virtual-modem");
    let mut child = Command::new(program)
        .args([
            "--tcp",
            "127.0.0.1:0",
            "--dns",
            "name=192.0.2.1",
            "--fault",
            "cme-errors",
            "--quiet",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("ready ").unwrap().to_string();
    for echo in ["ATE0\r", ""] {
        let mut port = TcpStream::connect(&address).unwrap();
        talk(&mut port, "ATE0\r", &format!("{echo}\r\nOK\r\n"));
        talk(&mut port, "AT+QIACT=1\r", "\r\n+CME ERROR: 573\r\n");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn the_binary_makes_a_terminal() {
    let program = env!("CARGO_BIN_EXE_virtual-modem");
    let link = std::env::temp_dir().join(format!("virtual-modem-{}", std::process::id()));
    let mut child = Command::new(program)
        .arg("--pty")
        .arg(&link)
        .args(["--quiet", "--baud", "115200"])
        .spawn()
        .unwrap();
    for _ in 0..1000 {
        if link.exists() {
            break;
        }
        thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut port = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&link)
        .unwrap();
    talk(&mut port, "AT\r", "AT\r\r\nOK\r\n");
    talk(&mut port, "ATE0\r", "ATE0\r\r\nOK\r\n");
    talk(&mut port, "AT+CSQ\r", "\r\n+CSQ: 25,99\r\n\r\nOK\r\n");
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(&link).unwrap();
}

#[test]
fn a_client_from_a_port_that_is_asked_for() {
    let (port, from) = {
        let one = TcpListener::bind("127.0.0.1:0").unwrap();
        let two = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        (port(&one), port(&two))
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    in_real_time(Loopback::new(), |mut host| async move {
        host.brings_up().await;
        let open = format!("AT+QIOPEN=1,0,\"TCP\",\"127.0.0.1\",{port},{from},0");
        host.asks(&open, "\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n").await;
        let (mut peer, address) = listener.accept().unwrap();
        assert_eq!(address.port(), from);
        let row = format!("\r\n+QISTATE: 0,\"TCP\",\"127.0.0.1\",{port},{from},2,1,0,0,\"uart1\"");
        host.asks("AT+QISTATE=1,0", &format!("{row}\r\n\r\nOK\r\n"))
            .await;
        host.asks("AT+QISEND=0,5", "\r\n> ").await;
        host.types("hello").await;
        host.expects("\r\nSEND OK\r\n").await;
        peer.read_exact(&mut [0; 5]).unwrap();
        host.asks("AT+QISEND=0,0", "\r\n+QISEND: 5,5,0\r\n\r\nOK\r\n")
            .await;
        // The same port again.
        let open = open.replace("=1,0", "=1,1");
        host.asks(&open, "\r\nOK\r\n\r\n+QIOPEN: 1,556\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn a_peer_that_does_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    in_real_time(Loopback::new(), |mut host| async move {
        host.brings_up().await;
        let open = format!("AT+QIOPEN=1,0,\"TCP\",\"127.0.0.1\",{port},0,0");
        host.asks(&open, "\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n").await;
        let _peer = listener.accept().unwrap();
        let mut fails = false;
        for _ in 0..20_000 {
            host.asks("AT+QISEND=0,1460", "\r\n> ").await;
            host.types([0; 1460]).await;
            let mut result = [0; 11];
            embedded_io_async::Read::read_exact(&mut host.rx, &mut result)
                .await
                .unwrap();
            if &result != b"\r\nSEND OK\r\n" {
                assert_eq!(&result, b"\r\nSEND FAIL"); // CR LF follows
                fails = true;
                break;
            }
        }
        assert!(fails, "the send buffer never got full");
        host.expects("\r\n").await;
        let sent = host.modem.state(0).unwrap().sent;
        host.types("AT+QISEND=0,0\r").await;
        let counters = host.hears(std::time::Duration::from_millis(50)).await;
        let counters: Vec<u64> = counters
            .split_once(": ")
            .and_then(|(_, rest)| rest.split_once('\r'))
            .map(|(row, _)| row.split(',').map(|n| n.parse().unwrap()).collect())
            .unwrap();
        assert_eq!(counters[0], sent);
        assert_eq!(counters[0], counters[1] + counters[2]);
        assert!(counters[2] > 0);
        host.made_no_fault();
    });
}

#[test]
fn a_large_datagram() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    in_real_time(Loopback::new(), |mut host| async move {
        host.brings_up().await;
        let open = format!("AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,{port},0");
        host.asks(&open, "\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n").await;
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.send_to(&[b'x'; 4000], ("127.0.0.1", port)).unwrap();
        host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
        host.asks("AT+QIRD=0,0", "\r\n+QIRD: 4000,0,4000\r\n\r\nOK\r\n")
            .await;
    });
}
