//! The module steered from outside: one request and one answer a line, both JSON.
//!
//! A request is an object whose `"do"` names what to do; [`REQUESTS`] lists them. The answer has `"ok": true` and what
//! was asked for, or `"ok": false` and an `"error"`.

use crate::modem::ModemHandle;
use crate::settings::Registration;
use core::time::Duration;
use serde_json::{Value, json};

/// Every request, and what it does.
pub const REQUESTS: &[(&str, &str)] = &[
    (
        r#"{"do":"fault","fault":"lost-recv=2"}"#,
        "arms a fault, or lets it happen",
    ),
    (
        r#"{"do":"clear-faults"}"#,
        "disarms all faults; readings are again as at the start",
    ),
    (
        r#"{"do":"pdpdeact","context":1}"#,
        "the network deactivates a context",
    ),
    (
        r#"{"do":"network","up":false}"#,
        "the network goes away, with its contexts, or comes back",
    ),
    (
        r#"{"do":"registration","state":"denied"}"#,
        "home, roaming, searching, denied or a number",
    ),
    (r#"{"do":"restart"}"#, "the module restarts"),
    (
        r#"{"do":"power","on":false}"#,
        "the power key: off, or on with a boot",
    ),
    (
        r#"{"do":"silent","ms":5000}"#,
        "no input, no output, for a time; without ms until 0",
    ),
    (r#"{"do":"kill","id":0}"#, "a connection is reset"),
    (
        r#"{"do":"close","id":0}"#,
        "the peer of a connection closes it",
    ),
    (
        r#"{"do":"push","id":0,"text":"hello"}"#,
        "data of the peer arrives; hex in place of text for any bytes",
    ),
    (r#"{"do":"urc","text":"RING"}"#, "a line where a URC may be"),
    (
        r#"{"do":"bytes","hex":"00ff"}"#,
        "raw bytes to the host, at once, wherever they fall",
    ),
    (
        r#"{"do":"message","from":"+491","text":"hi"}"#,
        "a text message comes in",
    ),
    (
        r#"{"do":"messages"}"#,
        "the text messages that the host has sent",
    ),
    (r#"{"do":"dtr","on":false}"#, "the DTR line"),
    (
        r#"{"do":"latency","ms":20}"#,
        "the time from a command to its answer",
    ),
    (
        r#"{"do":"state"}"#,
        "power, registration, contexts and sockets",
    ),
    (
        r#"{"do":"statistics"}"#,
        "counters, commands and violations",
    ),
    (r#"{"do":"log","last":20}"#, "the last entries of the log"),
    (r#"{"do":"quit"}"#, "ends the program"),
];

/// Carries out one request. `quit` is the program's, and only acknowledged here.
pub fn execute(modem: &ModemHandle, request: &str) -> Value {
    let outcome = serde_json::from_str(request)
        .map_err(|error| format!("no JSON: {error}"))
        .and_then(|request| carry_out(modem, &request));
    match outcome {
        Ok(Value::Object(mut answer)) => {
            answer.insert("ok".into(), true.into());
            Value::Object(answer)
        }
        Ok(_) => json!({"ok": true}),
        Err(error) => json!({"ok": false, "error": error}),
    }
}

/// Whether a request asks the program to end.
pub fn is_quit(request: &str) -> bool {
    serde_json::from_str::<Value>(request).is_ok_and(|request| request["do"] == "quit")
}

fn carry_out(modem: &ModemHandle, request: &Value) -> Result<Value, String> {
    match request["do"].as_str().ok_or("no \"do\"")? {
        "fault" => modem.inject(text(request, "fault")?.parse()?),
        "clear-faults" => modem.clear_faults(),
        "pdpdeact" => modem.pdpdeact(small(request, "context", 1, 16)?),
        "network" => modem.network(flag(request, "up")?),
        "registration" => modem.set_registration(registration(&request["state"])?),
        "restart" => modem.restart(),
        "power" => modem.power(flag(request, "on")?),
        "silent" if request["ms"].is_null() => modem.silent(true),
        "silent" => match milliseconds(request)? {
            Duration::ZERO => modem.silent(false),
            time => modem.silent_for(time),
        },
        "kill" => modem.kill(small(request, "id", 0, 11)?)?,
        "close" => modem.close(small(request, "id", 0, 11)?)?,
        "push" => modem.push(small(request, "id", 0, 11)?, &bytes(request)?)?,
        "urc" => modem.urc(format!("\r\n{}\r\n", text(request, "text")?).as_bytes()),
        "bytes" => modem.raw(&bytes(request)?),
        "message" => modem.receive_message(text(request, "from")?, text(request, "text")?),
        "messages" => {
            let all = modem.messages().into_iter().map(|(to, text)| {
                let text = String::from_utf8_lossy(&text).into_owned();
                json!({"to": to, "text": text})
            });
            return Ok(json!({"messages": all.collect::<Vec<_>>()}));
        }
        "dtr" => modem.data_terminal_ready(flag(request, "on")?),
        "latency" => modem.set_latency(milliseconds(request)?),
        "state" => return Ok(state(modem)),
        "statistics" => return Ok(statistics(modem)),
        "log" => {
            let last = request["last"].as_u64().unwrap_or(20) as usize;
            let log = modem.log();
            let entries = log[log.len().saturating_sub(last)..].iter();
            return Ok(json!({"log": entries.map(|entry| entry.to_json()).collect::<Vec<_>>()}));
        }
        "quit" => {}
        other => return Err(format!("no request is called {other}")),
    }
    Ok(Value::Null)
}

fn text<'a>(request: &'a Value, key: &str) -> Result<&'a str, String> {
    request[key]
        .as_str()
        .ok_or_else(|| format!("no text \"{key}\""))
}

fn flag(request: &Value, key: &str) -> Result<bool, String> {
    request[key]
        .as_bool()
        .ok_or_else(|| format!("\"{key}\" is neither true nor false"))
}

fn small(request: &Value, key: &str, least: u64, most: u64) -> Result<u8, String> {
    let value = request[key].as_u64();
    let value = value.filter(|value| (least..=most).contains(value));
    value
        .map(|value| value as u8)
        .ok_or_else(|| format!("\"{key}\" is no number from {least} to {most}"))
}

/// At most a day, as times of faults are.
fn milliseconds(request: &Value) -> Result<Duration, String> {
    let ms = request["ms"].as_u64().filter(|ms| *ms <= 86_400_000);
    ms.map(Duration::from_millis)
        .ok_or_else(|| "\"ms\" is no number from 0 to 86400000".into())
}

/// What `text` or `hex` say.
fn bytes(request: &Value) -> Result<Vec<u8>, String> {
    if let Some(text) = request["text"].as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    let digits = request["hex"].as_str().ok_or("neither text nor hex")?;
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let digit = |index: usize| char::from(*pair.get(index)?).to_digit(16);
        Some((digit(0)? << 4 | digit(1)?) as u8)
    };
    let all: Option<Vec<u8>> = pairs.map(byte).collect();
    all.ok_or_else(|| format!("not hexadecimal: {digits}"))
}

fn registration(state: &Value) -> Result<Registration, String> {
    if let Some(number) = state.as_u64() {
        let number = u8::try_from(number).map_err(|_| "the number is too large")?;
        return Ok(Registration::Other(number));
    }
    state.as_str().unwrap_or_default().parse()
}

fn state(modem: &ModemHandle) -> Value {
    let (power, registration, contexts) = modem.link_state();
    let sockets = modem.sockets().into_iter().map(|socket| {
        json!({
            "id": socket.id,
            "context": socket.context,
            "service": socket.service.to_string(),
            "state": socket.state,
            "access_mode": socket.access_mode,
            "unread": socket.unread,
            "unsent": socket.unsent,
            "received": socket.received,
            "sent": socket.sent,
        })
    });
    json!({
        "power": power,
        "registration": registration,
        "contexts": contexts,
        "sockets": sockets.collect::<Vec<_>>(),
    })
}

/// Counters, commands and violations, as `--stats` writes them.
pub fn statistics(modem: &ModemHandle) -> Value {
    let counters = modem.counters();
    json!({
        "bytes_to_module": counters.bytes_to_module,
        "bytes_to_host": counters.bytes_to_host,
        "overruns": counters.overruns,
        "command_lines": counters.commands,
        "urcs": counters.urcs,
        "payload_sent": counters.payload_sent,
        "payload_received": counters.payload_received,
        "restarts": counters.restarts,
        "commands": modem.commands(),
        "violation_count": counters.violations,
        "violations": modem.violations(),
    })
}
