//! Dialogues from text: what a host types, and the bytes that it must get. Virtual time: a session takes none.
//!
//! A line of a session begins with one of these, and a blank; `\r`, `\n`, `\\` and `\x41` stand for bytes.
//!
//! | | |
//! |---|---|
//! | `#` | a comment |
//! | `model NAME` | the module is of this family |
//! | `reading NAME`, `fault NAME=…` | before the first `>`: from the start; later: from then on |
//! | `set NAME VALUE` | a setting: `latency MS`, `boot MS`, `cold`, `echo on`, `sim …`, `registration STATE MS`, `apn NAME`, `activation MS`, `connect MS`, `send-buffer BYTES`, `guard MS`, `rate BAUD`, `port NAME`, `urc-port NAME`, `ids N`, `read-limit BYTES`, `send-limit BYTES`, `boot-lines A\|B`, `seed N`, `rtt MS`, `dns NAME=A,B`, `address CONTEXT A,B`, `ntp-server NAME`, `message FROM TEXT` |
//! | `tcp A:P echo`, `says TEXT`, `says-and-closes TEXT`, `sends BYTES`, `silent`, `refuse CODE`, `hang` | a peer; `sends` is so many `x` |
//! | `udp A:P echo` | a peer |
//! | `connect A:P PORT echo`, `says TEXT`, `says-and-closes TEXT`, `silent` | later: a peer connects to a listener on that port |
//! | `datagram A:P PORT TEXT` | later: a peer sends a datagram to that port |
//! | `> LINE`, `>> BYTES` | the host types a line and CR, or bytes |
//! | `< LINE` | the module sends CR LF, the line, CR LF |
//! | `<+ LINE` | a further line of the same response: the line, CR LF |
//! | `<< BYTES` | the module sends these bytes |
//! | `~ MS` | nothing comes for so long |
//! | `! JSON` | a request of [`control`] |
//! | `violations N` | the host has made so many violations; 0 at the end if nothing is said |

use crate::network::{InProcess, PeerStream};
use crate::serial::{self, HostRx, HostTx, Line};
use crate::{Fault, ModemHandle, Settings, VirtualModem, control, time};
use core::time::Duration;
use embedded_io_async::{Read, Write};
use futures_lite::future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The module has so long for what it must send.
const PATIENCE: Duration = Duration::from_secs(200);

/// Runs a session. An error tells the line where it failed.
pub fn run(text: &str) -> Result<(), String> {
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_end()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let begins = |(_, line): &(usize, &str)| line.starts_with(['>', '<', '~', '!']);
    let start = lines.iter().position(begins).unwrap_or(lines.len());
    let (head, script) = lines.split_at(start);
    let network = InProcess::new();
    let mut settings = Settings::new().echo(false);
    let mut faults = Vec::new();
    for (number, line) in head {
        let set = prepare(line, settings, &network, &mut faults);
        settings = set.map_err(|error| format!("line {number}: {error}"))?;
    }
    let modem = VirtualModem::new(settings, network.clone());
    let handle = modem.handle();
    for fault in faults {
        handle.inject(fault);
    }
    let (rx, tx, end) = serial::pair(Line::default());
    let mut host = Host {
        rx,
        tx,
        network,
        modem: handle.clone(),
        excused: 0,
    };
    let play = async {
        for (number, line) in script {
            let played = host.play(line).await;
            played.map_err(|error| format!("line {number}: {line}\n  {error}"))?;
        }
        host.end()
    };
    // A deadlock of virtual time panics.
    let run = AssertUnwindSafe(|| {
        time::run_virtual(future::or(play, async {
            modem.run(end).await;
            Err("the module ended".into())
        }))
    });
    catch_unwind(run).unwrap_or_else(|_| Err("the session hangs".into()))
}

/// What the bytes of a text are.
fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (kind, behind) = rest.split_first().ok_or("a \\ ends the line")?;
        rest = behind;
        bytes.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b'\\' => b'\\',
            b'x' => {
                let digits = rest.get(..2).and_then(|two| core::str::from_utf8(two).ok());
                let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
                rest = rest.get(2..).unwrap_or_default();
                byte.ok_or("two digits must follow \\x")?
            }
            other => return Err(format!("\\{} means nothing", char::from(*other))),
        });
    }
    Ok(bytes)
}

fn millis(text: &str) -> Result<Duration, String> {
    let number = text.parse().map(Duration::from_millis);
    number.map_err(|_| format!("not a number of milliseconds: {text}"))
}

fn prepare(
    line: &str,
    settings: Settings,
    network: &InProcess,
    faults: &mut Vec<Fault>,
) -> Result<Settings, String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    Ok(match word {
        "model" => settings.model(rest.parse()?),
        "reading" => {
            let mut settings = settings;
            settings.readings.flip(rest)?;
            settings
        }
        "fault" => {
            faults.push(rest.parse()?);
            settings
        }
        "set" => {
            let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
            if name == "rtt" {
                network.latency(millis(value)? / 2);
                return Ok(settings);
            }
            settings.set_by_name(name, value)?
        }
        "tcp" | "udp" => {
            peer(network, word, rest)?;
            settings
        }
        _ => return Err(format!("{word} means nothing")),
    })
}

fn peer(network: &InProcess, kind: &str, rest: &str) -> Result<(), String> {
    let (address, does) = rest.split_once(' ').ok_or("what does the peer do?")?;
    let address = socket_address(address)?;
    let (ip, port) = (address.ip(), address.port());
    let (what, argument) = does.split_once(' ').unwrap_or((does, ""));
    match (kind, what) {
        ("tcp", "echo") => drop(network.tcp(ip, port, echo)),
        ("udp", "echo") => drop(network.udp_echo(ip, port)),
        ("tcp", "silent" | "says" | "says-and-closes") => {
            let greeting = unescape(argument)?;
            let closes = what == "says-and-closes";
            network.tcp(ip, port, move |peer| greet(peer, greeting.clone(), closes));
        }
        ("tcp", "sends") => {
            let bytes: usize = argument.parse().map_err(|_| "how many bytes?")?;
            network.tcp(ip, port, move |peer| greet(peer, vec![b'x'; bytes], false));
        }
        ("tcp", "refuse") => {
            let code = argument.parse().map_err(|_| "no code")?;
            network.refuse(ip, port, code);
        }
        ("tcp", "hang") => drop(network.hang(ip, port)),
        _ => return Err(format!("no {kind} peer does {what}")),
    }
    Ok(())
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse();
    address.map_err(|_| format!("no address and port: {text}"))
}

/// Where a peer is, the module's port, and what follows.
fn from_and_port(text: &str) -> Result<(SocketAddr, u16, &str), String> {
    let mut words = text.splitn(3, ' ');
    let from = socket_address(words.next().unwrap_or_default())?;
    let port = words.next().and_then(|port| port.parse().ok());
    let port = port.ok_or("no port of the module")?;
    Ok((from, port, words.next().unwrap_or_default()))
}

/// A peer that speaks first, and then listens, unless it closes.
async fn greet(mut peer: PeerStream, greeting: Vec<u8>, closes: bool) {
    let _ = peer.write_all(&greeting).await;
    if !closes {
        let _ = peer.read_to_end().await;
    }
}

/// A peer that sends back whatever it gets.
async fn echo(mut peer: PeerStream) {
    let mut buffer = [0; 2048];
    while let Ok(count @ 1..) = peer.read(&mut buffer).await {
        if peer.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}

struct Host {
    rx: HostRx,
    tx: HostTx,
    network: InProcess,
    modem: ModemHandle,
    /// Violations that the session knows of.
    excused: usize,
}

impl Host {
    async fn play(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            ">" => {
                self.types(&[&unescape(rest)?, b"\r".as_slice()].concat())
                    .await
            }
            ">>" => self.types(&unescape(rest)?).await,
            "<" => {
                let line = unescape(rest)?;
                self.expects(&[b"\r\n", line.as_slice(), b"\r\n"].concat())
                    .await
            }
            "<+" => {
                let line = unescape(rest)?;
                self.expects(&[line.as_slice(), b"\r\n"].concat()).await
            }
            "<<" => self.expects(&unescape(rest)?).await,
            "~" => self.hears_nothing(millis(rest)?).await,
            "!" => {
                let answer = control::execute(&self.modem, rest);
                match answer["error"].as_str() {
                    Some(error) => Err(error.into()),
                    None => Ok(()),
                }
            }
            "fault" => {
                self.modem.inject(rest.parse()?);
                Ok(())
            }
            "reading" => {
                self.modem.inject(format!("reading={rest}").parse()?);
                Ok(())
            }
            "connect" => self.connect(rest),
            "datagram" => self.datagram(rest),
            "violations" => {
                self.excused = rest.parse().map_err(|_| "not a number")?;
                self.end()
            }
            _ => Err(format!("{word} means nothing here")),
        }
    }

    /// A peer connects to a listener of the module.
    fn connect(&self, rest: &str) -> Result<(), String> {
        let (from, port, does) = from_and_port(rest)?;
        let peer = self.network.connect_from(from, port);
        let peer = peer.ok_or_else(|| format!("nobody listens on port {port}"))?;
        let (what, argument) = does.split_once(' ').unwrap_or((does, ""));
        match what {
            "echo" => self.network.spawn(echo(peer)),
            "silent" | "says" | "says-and-closes" => {
                let greeting = unescape(argument)?;
                self.network
                    .spawn(greet(peer, greeting, what == "says-and-closes"));
            }
            _ => return Err(format!("no peer that connects does {what}")),
        }
        Ok(())
    }

    /// A peer sends one datagram.
    fn datagram(&self, rest: &str) -> Result<(), String> {
        let (from, port, text) = from_and_port(rest)?;
        let mut peer = self.network.udp_socket(from.ip(), from.port());
        peer.send_to_port(&unescape(text)?, port);
        Ok(())
    }

    async fn types(&mut self, bytes: &[u8]) -> Result<(), String> {
        let typed = self.tx.write_all(bytes).await;
        typed.map_err(|error| error.to_string())
    }

    async fn expects(&mut self, wanted: &[u8]) -> Result<(), String> {
        let mut have = Vec::new();
        while have.len() < wanted.len() {
            let mut buffer = vec![0; wanted.len() - have.len()];
            let read = async { self.rx.read(&mut buffer).await.unwrap_or(0) };
            let late = async {
                time::sleep(PATIENCE).await;
                0
            };
            let count = future::or(read, late).await;
            have.extend_from_slice(&buffer[..count]);
            if count == 0 || !wanted.starts_with(&have) {
                let (wanted, have) = (wanted.escape_ascii(), have.escape_ascii());
                return Err(format!("wanted {wanted}\n  got    {have}"));
            }
        }
        Ok(())
    }

    async fn hears_nothing(&mut self, time: Duration) -> Result<(), String> {
        let mut buffer = [0; 64];
        let heard = async { Some(self.rx.read(&mut buffer).await.unwrap_or(0)) };
        let quiet = async {
            time::sleep(time).await;
            None
        };
        match future::or(heard, quiet).await {
            None => Ok(()),
            Some(count) => Err(format!("got {}", buffer[..count].escape_ascii())),
        }
    }

    fn end(&self) -> Result<(), String> {
        let violations = self.modem.violations();
        if violations.len() == self.excused {
            Ok(())
        } else {
            Err(format!("violations: {violations:#?}"))
        }
    }
}
