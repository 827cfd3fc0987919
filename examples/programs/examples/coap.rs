//! A CoAP client over UDP, with coap-lite for the messages.
//!
//! ```text
//! cargo run --example coap
//! cargo run --example coap -- --modem /dev/ttyUSB2 --apn internet coap://coap.example.com/path
//! ```

use std::net::{SocketAddr, UdpSocket};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use coap_lite::{CoapRequest, MessageClass, MessageType, Packet, RequestType, ResponseType};
use embassy_time::{Duration, with_timeout};
use embedded_nal_async::{AddrType, ConnectedUdp, Dns, UdpStack};
use programs::{Line, ModemOptions};
use quectel_nal::{Stack, UdpSocket as ModemSocket};
use virtual_modem::Loopback;

/// Fetches a CoAP resource with a confirmable GET.
#[derive(Parser)]
#[command(name = "coap")]
struct Arguments {
    /// URL of the resource [default: a server in this program, through the virtual modem]
    url: Option<String>,

    #[command(flatten)]
    modem: ModemOptions,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut network = Loopback::new();
    let url = match arguments.url {
        Some(url) => url,
        None => {
            ensure!(arguments.modem.is_virtual(), "give a URL");
            network = network.route("demo.test", 5683, serve()?);
            "coap://demo.test/temperature".into()
        }
    };
    let url = parse(&url)?;
    let line = Line::default();
    let outcome = arguments.modem.run(&line, network, async |stack| {
        programs::link_up(stack).await?;
        get(stack, &url).await
    });
    eprintln!("{line}");
    outcome
}

/// Host, port and path.
fn parse(url: &str) -> Result<(String, u16, String)> {
    let rest = url.strip_prefix("coap://").context("not a coap:// URL")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.rsplit_once(':') {
        Some(_) => programs::host_and_port(authority)?,
        None => (authority.into(), 5683),
    };
    ensure!(!host.is_empty(), "the host is missing");
    Ok((host, port, path.into()))
}

async fn get(stack: Stack<'_>, (host, port, path): &(String, u16, String)) -> Result<()> {
    let looking_up = stack.get_host_by_name(host, AddrType::Either);
    let address = programs::waiting("the name lookup", looking_up)
        .await
        .with_context(|| format!("cannot look up {host}"))?;
    let remote = SocketAddr::new(address, *port);
    let (_, mut socket) = stack.connect_from("0.0.0.0:0".parse()?, remote).await?;

    let mut request: CoapRequest<()> = CoapRequest::new();
    request.set_method(RequestType::Get);
    request.set_path(path);
    request.message.header.set_type(MessageType::Confirmable);
    request.message.header.message_id = 1;
    request.message.set_token(vec![1]);
    let answer = confirmable(&mut socket, &request.message).await?;
    socket.close().await?;

    match answer.header.code {
        MessageClass::Response(ResponseType::Content) => {
            println!("{}", String::from_utf8_lossy(&answer.payload));
            Ok(())
        }
        code => bail!("the server answers {code}"),
    }
}

/// Sends a message until it is answered, with growing pauses (RFC 7252, section 4.2).
async fn confirmable(socket: &mut ModemSocket<'_>, request: &Packet) -> Result<Packet> {
    let bytes = request.to_bytes().map_err(anyhow::Error::msg)?;
    for attempt in 0..5 {
        socket.send(&bytes).await?;
        let patience = Duration::from_millis(2500 << attempt);
        let answer = with_timeout(patience, async {
            let mut buffer = [0; 1500];
            loop {
                let length = socket.receive_into(&mut buffer).await?;
                match Packet::from_bytes(&buffer[..length.min(buffer.len())]) {
                    Ok(answer) if answer.get_token() == request.get_token() => break Ok(answer),
                    // A message of another exchange, or an empty acknowledgement: the response follows separately.
                    _ => {}
                }
            }
        });
        if let Ok(answer) = answer.await {
            return answer;
        }
        eprintln!("no answer, attempt {}", attempt + 1);
    }
    bail!("the server does not answer")
}

/// A server in this program.
fn serve() -> Result<SocketAddr> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    let address = socket.local_addr()?;
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            let Ok(packet) = Packet::from_bytes(&buffer[..length]) else {
                continue;
            };
            let request = CoapRequest::from_packet(packet, peer);
            let path = request.get_path();
            let Some(mut response) = request.response else {
                continue;
            };
            match path.as_str() {
                "temperature" => response.message.payload = b"21.5".to_vec(),
                _ => response.set_status(ResponseType::NotFound),
            }
            if let Ok(bytes) = response.message.to_bytes() {
                let _ = socket.send_to(&bytes, peer);
            }
        }
    });
    Ok(address)
}
