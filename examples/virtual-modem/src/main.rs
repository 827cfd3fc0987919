//! A virtual LTE module on a pseudo terminal or a TCP port.

mod attach;
mod options;
mod steer;

use async_signal::{Signal, Signals};
use futures_lite::{StreamExt, future};
use lexopt::Parser;
use options::Options;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use virtual_modem::{Line, ModemHandle, VirtualModem, control, serial, session, time};

/// The host broke the protocol, and --strict asks for that to be told.
const VIOLATIONS: u8 = 3;

fn main() -> ExitCode {
    let options = match Options::parse(Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("virtual-modem: {error}; --help lists the options");
            return ExitCode::from(2);
        }
    };
    if !options.sessions.is_empty() {
        return run_sessions(&options);
    }
    match run(options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("virtual-modem: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_sessions(options: &Options) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for path in &options.sessions {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        match text.and_then(|text| session::run(&text)) {
            Ok(()) => println!("ok {}", path.display()),
            Err(error) => {
                println!("FAILED {}: {error}", path.display());
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

fn run(options: Options) -> io::Result<ExitCode> {
    let follows = options.settings.rate.is_some();
    let modem = VirtualModem::new(options.settings, options.network);
    let handle = modem.handle();
    trace(&handle, options.log.as_deref(), options.quiet)?;
    for fault in &options.faults {
        handle.inject(fault.clone());
    }
    let control = options.control.as_deref();
    let mut control = control
        .map(|address| steer::open(address, handle.clone()))
        .transpose()?;
    if let Some(control) = &control {
        announce(&format!("control {}", control.address))?;
    }
    let mut signals = Signals::new([Signal::Term, Signal::Int, Signal::Hup])?;
    let (rx, tx, end) = serial::pair(Line::new(options.baud));
    let port = async {
        match (&options.pty, options.tcp) {
            (Some(path), _) => attach::pty(path, follows, rx, tx).await,
            (None, Some(address)) => attach::tcp(address, options.once, rx, tx).await,
            (None, None) => Ok(()),
        }
    };
    let run = async {
        modem.run(end).await;
        Ok(())
    };
    let asked = async {
        let signal = async { drop(signals.next().await) };
        let quit = async {
            match &mut control {
                Some(control) => control.quit().await,
                None => future::pending().await,
            }
        };
        let late = async {
            match options.time {
                Some(time) => time::sleep(time).await,
                None => future::pending().await,
            }
        };
        future::or(signal, future::or(quit, late)).await;
        Ok(())
    };
    let result = time::block_on(future::or(asked, future::or(port, run)));
    if let Some(path) = &options.stats {
        let statistics = control::statistics(&handle);
        std::fs::write(path, format!("{statistics:#}\n"))?;
    }
    result?;
    let broken = handle.counters().violations > 0;
    Ok(if options.strict && broken {
        ExitCode::from(VIOLATIONS)
    } else {
        ExitCode::SUCCESS
    })
}

/// A line for the program that started this one.
fn announce(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

/// Shows the traffic on standard error, and writes it to a file.
fn trace(handle: &ModemHandle, path: Option<&Path>, quiet: bool) -> io::Result<()> {
    let file = path.map(File::create).transpose()?;
    handle.set_trace(move |entry| {
        if !quiet {
            eprintln!("{entry}");
        }
        if let Some(mut file) = file.as_ref() {
            let _ = writeln!(file, "{}", entry.to_json());
        }
    });
    Ok(())
}
