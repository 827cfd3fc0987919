//! A web server, and the proxy on a virtual modem of its own, with curl as its client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use testbench::program::{Background, LIMIT, modem_over_tcp_with};

const PARALLEL: usize = 10;

/// How long each transfer is. `SOCKS5_TEST_BYTES=5000000` is a long test.
pub fn length() -> usize {
    match std::env::var("SOCKS5_TEST_BYTES") {
        Ok(text) => text.parse().expect("a number in SOCKS5_TEST_BYTES"),
        Err(_) => 60_000,
    }
}

/// Bytes of every kind, others for each seed. Parts look like lines of the module.
pub fn noise(seed: usize, length: usize) -> Vec<u8> {
    let mut state = seed as u32;
    let mut all = Vec::with_capacity(length + 32);
    while all.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match state >> 24 {
            0 => all.extend(b"\r\nOK\r\n"),
            1 => all.extend(b"\r\n+QIURC: \"closed\",0\r\n"),
            2 => all.extend(b"\r\nNO CARRIER\r\n"),
            byte => all.push(byte as u8),
        }
    }
    all.truncate(length);
    all
}

/// A web server: GET /SEED/LENGTH is noise, PUT /SEED compares the body with it.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    /// Connections at the same time: now, and at most.
    pub open: Arc<[AtomicUsize; 2]>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            open: Arc::default(),
        };
        let counts = server.open.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let counts = counts.clone();
                thread::spawn(move || {
                    let now = counts[0].fetch_add(1, Ordering::SeqCst) + 1;
                    counts[1].fetch_max(now, Ordering::SeqCst);
                    let _ = answer(stream.unwrap());
                    counts[0].fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let words: Vec<&str> = head.split_whitespace().collect();
        let numbers: Vec<usize> = words[1]
            .split('/')
            .filter_map(|number| number.parse().ok())
            .collect();
        if words[0] == "GET" {
            let body = noise(numbers[0], numbers[1]);
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                body.len()
            )?;
            stream.write_all(&body)?;
            continue;
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body)?;
        let verdict = match body == noise(numbers[0], body.len()) {
            true => "same",
            false => "different",
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{verdict}",
            verdict.len()
        )?;
    }
}

/// A proxy on a modem of its own that reaches web.test:80.
pub struct Proxy {
    pub place: String,
    pub program: Background,
    _modem: Background,
}

impl Proxy {
    pub fn start(server: SocketAddr, faults: &[&str], options: &[&str]) -> Self {
        let route = format!("web.test:80={server}");
        let mut modem_options = vec!["--route", &route];
        for fault in faults {
            modem_options.extend(["--fault", fault]);
        }
        let (modem, modem_place) = modem_over_tcp_with(&modem_options);
        let all = ["--modem", &modem_place, "--listen", "127.0.0.1:0"];
        let program = Background::start("examples/socks5", &[&all[..], options].concat());
        let place = program.next_line().replace("listening on ", "");
        Self {
            place,
            program,
            _modem: modem,
        }
    }

    pub fn curl(&self, arguments: &[&str]) -> Child {
        Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--max-time", "600"])
            .args(["--noproxy", "", "--socks5-hostname", &self.place])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("curl is needed: apt-get install curl")
    }

    /// The same bytes arrive, whatever the faults, with ten transfers of this length at a time each way.
    pub fn moves_everything(&self, length: usize) {
        let downloads: Vec<Child> = (0..PARALLEL)
            .map(|seed| self.curl(&[&format!("http://web.test/{seed}/{length}")]))
            .collect();
        let outputs = thread::scope(|scope| {
            let waiting: Vec<_> = downloads
                .into_iter()
                .map(|child| scope.spawn(move || child.wait_with_output().unwrap()))
                .collect();
            waiting
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect::<Vec<Output>>()
        });
        for (seed, output) in outputs.iter().enumerate() {
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "download {seed}: {words}");
            assert!(
                output.stdout == noise(seed, length),
                "download {seed} differs"
            );
        }
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        let uploads: Vec<_> = (0..PARALLEL)
            .map(|seed| {
                let port = self.place.rsplit(':').next().unwrap();
                let path = folder.join(format!("upload-{port}-{seed}"));
                std::fs::write(&path, noise(seed, length)).unwrap();
                let path_text = path.to_str().unwrap();
                let url = format!("http://web.test/{seed}");
                (self.curl(&["--upload-file", path_text, &url]), path)
            })
            .collect();
        for (child, path) in uploads {
            let output = child.wait_with_output().unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {words}", path.display());
            assert_eq!(output.stdout, b"same", "{}", path.display());
            std::fs::remove_file(path).unwrap();
        }
    }

    /// A client that has asked for a connection, and the reply code.
    pub fn connect(&self, host: &str, port: u16) -> (TcpStream, u8) {
        let name = [&[3, host.len() as u8], host.as_bytes()].concat();
        self.request(1, &name, port)
    }

    pub fn request(&self, command: u8, address: &[u8], port: u16) -> (TcpStream, u8) {
        let mut stream = TcpStream::connect(&self.place).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(&[5, 2, 2, 0]).unwrap();
        assert_eq!(take(&mut stream, 2), [5, 0]);
        let request = [&[5, command, 0], address, &port.to_be_bytes()].concat();
        stream.write_all(&request).unwrap();
        let head = take(&mut stream, 4);
        assert_eq!((head[0], head[2], head[3]), (5, 0, 1));
        (stream, head[1])
    }
}

pub fn take(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}
