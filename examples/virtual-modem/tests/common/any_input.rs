//! A host, peers and somebody outside that do whatever some bytes say: the body of the fuzz target `virtual_modem`, which
//! `tests/any_input.rs` runs with fixed seeds.
//!
//! Promised for any order of whatever: no panic, no endless loop, a bound for what waits for a host that does not read,
//! and a module that answers `AT` again once the faults are over.

use embedded_io_async::{Read, Write};
use futures_lite::future;
use std::time::Duration;
use virtual_modem::{
    Fault, HostRx, HostTx, InProcess, Line, Model, ModemHandle, Readings, Settings, VirtualModem,
    control, serial, time,
};

/// Steps of one run; the input may be longer.
const STEPS: usize = 150;
/// Most bytes that wait for a host that has not read: 64 KiB, as much again of URCs, what one answer and one request
/// add, and the FIFO.
const MOST_UNREAD: usize = 256 * 1024;

const SERVER: &str = "192.0.2.7";

/// Commands that mean something; the input also damages them.
const COMMANDS: &[&str] = &[
    "AT",
    "ATE0",
    "ATE1",
    "ATV0",
    "ATQ1",
    "ATZ",
    "AT&F",
    "AT&W",
    "AT&D1",
    "ATO",
    "ATH",
    "ATD*99#",
    "A/",
    "AT+CFUN=1,1",
    "AT+CFUN=4",
    "AT+CFUN=1",
    "AT+CGATT=0",
    "AT+CGATT=1",
    "AT+COPS=2",
    "AT+COPS=0",
    "AT+IPR=9600",
    "AT+CMGS=\"+491\"",
    "AT+CMGL=\"ALL\"",
    "AT+CMGD=1,4",
    "AT+CNMI=2,2",
    "AT+CEREG=2;+CREG=1",
    "AT+CPIN=\"1234\"",
    "AT+QPOWD",
    "AT+QICSGP=1,1,\"internet\",\"\",\"\",0",
    "AT+QIACT=1",
    "AT+QIACT?",
    "AT+QIDEACT=1",
    "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",7,0,0",
    "AT+QIOPEN=1,1,\"TCP\",\"192.0.2.7\",19,0,1",
    "AT+QIOPEN=1,2,\"TCP\",\"192.0.2.7\",7,0,2",
    "AT+QIOPEN=1,3,\"TCP\",\"name.example\",1,0,0",
    "AT+QIOPEN=1,4,\"TCP\",\"192.0.2.7\",2,0,2",
    "AT+QIOPEN=1,5,\"UDP\",\"192.0.2.7\",7,0,0",
    "AT+QIOPEN=1,6,\"UDP\",\"192.0.2.7\",7,0,2",
    "AT+QIOPEN=1,7,\"UDP SERVICE\",\"127.0.0.1\",0,3030,1",
    "AT+QIOPEN=1,8,\"TCP LISTENER\",\"127.0.0.1\",0,2020,0",
    "AT+QIOPEN=1,9,\"UDP LISTENER\",\"127.0.0.1\",0,3031,0",
    "AT+QICLOSE=0",
    "AT+QICLOSE=1,0",
    "AT+QICLOSE=2,1",
    "AT+QICLOSE=8",
    "AT+QISTATE?",
    "AT+QISEND=0",
    "AT+QISEND=0,5",
    "AT+QISEND=1,1460",
    "AT+QISEND=7,3,\"192.0.2.7\",7",
    "AT+QISEND=0,0",
    "AT+QISENDEX=0,\"3132\"",
    "AT+QIRD=0,1500",
    "AT+QIRD=7",
    "AT+QIRD=0,0",
    "AT+QISWTMD=0,1",
    "AT+QISWTMD=0,2",
    "AT+QISWTMD=11,2",
    "AT+QPING=1,\"192.0.2.7\",1,10",
    "AT+QNTP=1,\"192.0.2.7\"",
    "AT+QIDNSCFG=1,\"9.9.9.9\"",
    "AT+QIDNSGIP=1,\"name.example\"",
    "AT+QICFG=\"dataformat\",1,1",
    "AT+QICFG=\"viewmode\",1",
    "AT+QICFG=\"qisend/timeout\",5",
    "AT+QICFG=\"transpktsize\",1;+QICFG=\"transwaittm\",0",
    "AT+QICFG=\"passiveclosed\",1",
    "AT+QICFG=\"udp/readmode\",1",
    "AT+QICFG=\"sendinfo\",1",
    "AT+QICFG=\"close/mode\",1",
    "AT+QIGETERROR",
    "AT+QISDE=0;+QISDE?",
    "AT+QURCCFG=\"urcport\",\"all\"",
];

/// What bytes of the input stand for.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn below(&mut self, limit: usize) -> usize {
        let (high, low) = (self.byte(), self.byte());
        usize::from(u16::from_be_bytes([high, low])) % limit
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Up to so many bytes as they are.
    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let count = self.below(most + 1).min(self.0.len());
        let (bytes, rest) = self.0.split_at(count);
        self.0 = rest;
        bytes.to_vec()
    }

    /// From a microsecond to two minutes.
    fn time(&mut self) -> Duration {
        Duration::from_micros(1 << (self.byte() % 27))
    }

    /// A fault with numbers of the input, if it makes sense.
    fn fault(&mut self) -> Option<Fault> {
        let (form, _) = self.one_of(Fault::TABLE);
        let mut text = form
            .replace(['[', ']'], "")
            .replace("empty|zero|absent", "zero");
        let command = self.one_of(&["QIRD", "QISEND", "QIOPEN", "QICLOSE", "PUSH", "ALL"]);
        let (name, ..) = self.one_of(Readings::TABLE);
        let words = [("COMMAND", command), ("NAME", name), ("ADDRESS", SERVER)];
        for (word, value) in words {
            text = text.replace(word, value);
        }
        for word in [
            "PROBABILITY",
            "BYTES",
            "SEED",
            "MAX",
            "MS",
            "OFFSET",
            "COUNT",
            "CONTEXT",
            "LEVEL",
            "CODE",
            "ID",
        ] {
            let number = match self.byte() {
                255 => u64::MAX,
                code if word == "CODE" => 550 + u64::from(code % 25),
                0..128 => 1,
                number => u64::from(number % 8),
            };
            text = text.replace(word, &number.to_string());
        }
        text.parse().ok()
    }

    fn request(&mut self) -> String {
        let (form, _) = self.one_of(control::REQUESTS);
        let number = self.byte();
        let form = form.replace("\"id\":0", &format!("\"id\":{}", number % 12));
        match number {
            200.. => form.replace("true", "false"),
            150..200 => form.replace("false", "true"),
            _ => form,
        }
    }
}

struct Host<'a> {
    rx: HostRx,
    tx: HostTx,
    modem: ModemHandle,
    network: InProcess,
    input: Input<'a>,
}

impl Host<'_> {
    /// Types bytes, as far as the module takes them within a second.
    async fn types(&mut self, bytes: &[u8]) {
        let write = async {
            let _ = self.tx.write_all(bytes).await;
        };
        future::or(write, time::sleep(Duration::from_secs(1))).await;
    }

    /// What comes until nothing has come for so long.
    async fn hears(&mut self, quiet: Duration) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let mut buffer = [0; 1024];
            let read = async { self.rx.read(&mut buffer).await.unwrap_or(0) };
            let silence = async {
                time::sleep(quiet).await;
                0
            };
            let count = future::or(read, silence).await;
            all.extend_from_slice(&buffer[..count]);
            // Noise at every opportunity has no end.
            if count == 0 || all.len() > MOST_UNREAD {
                return all;
            }
        }
    }

    async fn step(&mut self) {
        match self.input.byte() % 16 {
            0..=4 => {
                let command = self.input.one_of(COMMANDS);
                self.types(format!("{command}\r").as_bytes()).await;
            }
            5 => {
                let mut command = self.input.one_of(COMMANDS).as_bytes().to_vec();
                let place = self.input.below(command.len());
                let damage = self.input.bytes(4);
                command.splice(place..place, damage);
                command.truncate(1 + self.input.below(2 * command.len()));
                command.push(b'\r');
                self.types(&command).await;
            }
            6 => {
                let bytes = self.input.bytes(64);
                self.types(&bytes).await;
            }
            7 => {
                let bytes = vec![self.input.byte(); self.input.below(3000)];
                self.types(&bytes).await;
            }
            8 => {
                let pause = Duration::from_millis(1100);
                time::sleep(pause).await;
                self.types(b"+++").await;
                time::sleep(pause).await;
            }
            9 => time::sleep(self.input.time()).await,
            10 => {
                if let Some(fault) = self.input.fault() {
                    self.modem.inject(fault);
                }
            }
            11 => {
                let request = self.input.request();
                let answer = control::execute(&self.modem, &request);
                assert!(answer["ok"].is_boolean(), "{request}: {answer}");
            }
            12 => {
                if let Some(mut peer) = self.network.connect(SERVER, 2020).await {
                    let greeting = self.input.bytes(64);
                    self.network.spawn(async move {
                        let _ = peer.write_all(&greeting).await;
                        let _ = peer.read_to_end().await;
                    });
                }
            }
            13 => {
                let datagram = vec![b'd'; self.input.below(1700)];
                let port = 3030 + u16::from(self.input.byte() % 2);
                let mut peer = self.network.udp_socket("192.0.2.9", 5000);
                peer.send_to_port(&datagram, port);
            }
            _ => {
                let heard = self.hears(Duration::from_millis(1)).await;
                assert!(
                    heard.len() <= MOST_UNREAD + 1024,
                    "{} bytes waited",
                    heard.len()
                );
            }
        }
    }

    /// Whether the module answers, whatever it waits for.
    async fn finds_its_way_back(&mut self) -> bool {
        let pause = Duration::from_millis(1500);
        // More than any prompt waits for; Esc for those that wait for Ctrl-Z.
        self.types(&[b'\r'; 3000]).await;
        self.types(b"\x1b").await;
        self.hears(pause).await;
        self.types(b"+++").await;
        self.hears(pause).await;
        self.types(b"\r").await;
        self.hears(pause).await;
        self.types(b"ATQ0V1\r").await;
        self.hears(pause).await;
        self.types(b"AT\r").await;
        self.hears(pause).await.ends_with(b"OK\r\n")
    }
}

/// One run.
pub fn any_input(input: &[u8]) {
    let mut input = Input(input);
    let mut settings = Settings::new()
        .dns("name.example", &[SERVER])
        .cold(input.byte() % 4 == 0);
    if let Some(model) = Model::ALL.get(usize::from(input.byte() % 16)) {
        settings = settings.model(*model);
    }
    for _ in 0..input.byte() % 4 {
        let (name, ..) = input.one_of(Readings::TABLE);
        settings.readings.flip(name).expect("a name of the table");
    }
    let line = Line::new(input.one_of(&[0, 115_200]));
    let network = InProcess::new();
    network
        .latency(input.time().min(Duration::from_secs(1)))
        .tcp_echo(SERVER, 7)
        .udp_echo(SERVER, 7)
        .refuse(SERVER, 1, 566)
        .hang(SERVER, 2)
        .tcp(SERVER, 19, |mut peer| async move {
            let _ = peer.write_all(&[b'x'; 20_000]).await;
        });
    let modem = VirtualModem::new(settings, network.clone());
    let (rx, tx, end) = serial::pair(line);
    let mut host = Host {
        rx,
        tx,
        modem: modem.handle(),
        network,
        input,
    };
    let script = async {
        for _ in 0..STEPS {
            if host.input.0.is_empty() {
                break;
            }
            host.step().await;
        }
        host.modem.clear_faults();
        host.modem.silent(false);
        host.modem.power(true);
        host.modem.set_latency(Duration::ZERO);
        host.tx.set_baud(0);
        for _ in 0..5 {
            if host.finds_its_way_back().await {
                return;
            }
            host.hears(Duration::from_secs(160)).await;
        }
        // A multiplexer that is on, or a prompt whose peer takes nothing.
        host.modem.restart();
        host.hears(Duration::from_secs(30)).await;
        let answers = host.finds_its_way_back().await;
        let log = host.modem.log();
        let last = &log[log.len().saturating_sub(60)..];
        let last: String = last.iter().map(|entry| format!("{entry}\n")).collect();
        assert!(answers, "the module does not answer:\n{last}");
    };
    time::run_virtual(future::or(script, async {
        modem.run(end).await;
        unreachable!("the host is there");
    }));
}
