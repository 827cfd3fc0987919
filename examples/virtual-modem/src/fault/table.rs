//! Every fault in one line: how it is written, and what it does.

/// Form and meaning. `MS` are milliseconds; a `COUNT` is 1 unless given.
pub(super) const TABLE: &[(&str, &str)] = &[
    ("chop=BYTES", "the host's reads return chunks of this size"),
    (
        "chop=random,SEED,MAX",
        "the host's reads return chunks of random size",
    ),
    (
        "foreign-urcs=PROBABILITY[,SEED]",
        "URCs of other functions of the module wherever a URC may be",
    ),
    (
        "unknown-urcs=PROBABILITY[,SEED]",
        "URCs that no document has, such as +QIURC: \"future\",0,1, wherever a URC may be",
    ),
    (
        "sms-lines=PROBABILITY[,SEED]",
        "+CMT, +CDS and +CBM with a line of text behind it that looks like a response, wherever a URC may be",
    ),
    ("late-recv=MS", "recv URCs come late"),
    ("lost-recv[=COUNT]", "the next recv URCs are not sent"),
    ("lost-closed[=COUNT]", "the next closed URCs are not sent"),
    (
        "send-fail[=COUNT[,taken]]",
        "the next sends end in SEND FAIL; taken: the data was sent all the same",
    ),
    (
        "send-fail-rate=PROBABILITY[,taken]",
        "sends end in SEND FAIL at random",
    ),
    (
        "send-error[=COUNT]",
        "the next sends end in ERROR behind the payload",
    ),
    ("late-send-ok=MS", "the result of a send comes late"),
    (
        "lost-send-ok[=COUNT]",
        "the results of the next sends are not sent",
    ),
    (
        "send-ok-behind[=COUNT]",
        "the result of the next sends comes only in front of the answer to the command after it",
    ),
    ("prompt-error[=COUNT]", "ERROR in place of the prompt"),
    (
        "lost-prompt[=COUNT]",
        "the prompt is not sent, and the module waits for payload",
    ),
    (
        "refuse-peer=ADDRESS[,CODE]",
        "AT+QISEND of a UDP SERVICE to this address fails, with 552 unless given",
    ),
    (
        "refuse-open[=CODE[,COUNT]]",
        "the next opens fail, with 566 unless given",
    ),
    (
        "hang-open[=COUNT]",
        "the next opens have no result and no connection",
    ),
    (
        "lost-open-result[=COUNT]",
        "the next opens succeed, but +QIOPEN is not sent",
    ),
    (
        "result-first[=COUNT]",
        "the result of the next AT+QIOPEN or AT+QIDNSGIP comes in front of its OK",
    ),
    (
        "pdpdeact[=CONTEXT[,BYTES]]",
        "the network deactivates the context, now or after this much payload",
    ),
    (
        "pdpdeact-only[=CONTEXT]",
        "the pdpdeact URC, while the context stays as it is",
    ),
    (
        "context-dropped[=CONTEXT[,listed]]",
        "the network has dropped the context without a word: 570 until AT+QIDEACT; listed: AT+QIACT? still shows it",
    ),
    (
        "context-drifts[=CONTEXT]",
        "the bearer moves to context 9 (AT+CGACT?) while AT+QIACT? shows its address; no connection succeeds until AT+QIDEACT and AT+QIACT",
    ),
    (
        "late-address=MS[,empty|zero|absent]",
        "behind AT+QIACT, AT+QIACT? has \"\", \"0.0.0.0\" or no line for this time",
    ),
    ("deact-fails[=COUNT]", "the next AT+QIDEACT fail with 562"),
    (
        "cfun=LEVEL",
        "the module is in this functionality, 0 or 4, and boots into it",
    ),
    (
        "restart[=BYTES]",
        "the module restarts, now or after this much payload",
    ),
    (
        "restart-inside=COMMAND,BYTES[,COUNT]",
        "the module restarts when this much of the command's answer is sent; PUSH stands for a pushed frame",
    ),
    (
        "silent[=MS]",
        "the module ignores all input and sends nothing, for a time or for ever",
    ),
    (
        "mute=COMMAND[,COUNT]",
        "the command is carried out, and its answer not sent; ALL stands for every command",
    ),
    (
        "swallow=COMMAND[,COUNT]",
        "the command line is lost before it reaches the module",
    ),
    (
        "refuse=COMMAND,CODE[,COUNT]",
        "the command fails: with a code from 550 on as socket commands do, with a smaller one as +CME ERROR, with 0 as ERROR",
    ),
    (
        "slow=COMMAND,MS",
        "the command takes this time; ALL stands for every command and send",
    ),
    (
        "one-behind",
        "every answer comes only behind the next command",
    ),
    (
        "left-open=ID",
        "this connectID is in use by a socket of an earlier program",
    ),
    ("echo-stays", "ATE0 has no effect"),
    ("payload-echo", "AT+QISDE has no effect; payload is echoed"),
    ("viewmode", "\"viewmode\" is 1, as if stored long ago"),
    (
        "hex",
        "\"dataformat\" is hexadecimal both ways, as if stored long ago",
    ),
    (
        "multiplexer",
        "an earlier program left the multiplexer on: AT commands find no answer until the module restarts or gets its close-down frame",
    ),
    (
        "short-reads=BYTES",
        "AT+QIRD returns at most this many bytes",
    ),
    (
        "read-loss[=COUNT]",
        "the next +QIRD lines are lost, with their data",
    ),
    (
        "lose-data=BYTES[,OFFSET[,COUNT]]",
        "so many bytes are lost from the next data that is read or pushed, from its end or from an offset",
    ),
    (
        "cut-data=BYTES[,COUNT]",
        "the next data that is read or pushed ends after so many bytes, and nothing follows",
    ),
    (
        "pause-data=MS[,OFFSET[,COUNT]]",
        "a pause inside the next data that is read or pushed",
    ),
    (
        "counters-lag=BYTES",
        "AT+QIRD=id,0 shows a \"have read\" that lags by so many bytes",
    ),
    (
        "peer-closes=BYTES",
        "a peer closes after it has sent this much",
    ),
    (
        "black-hole",
        "nothing arrives at peers or comes from them, and nothing tells of it",
    ),
    (
        "closed-after-close",
        "AT+QICLOSE is followed by a closed URC",
    ),
    (
        "resume-fails[=COUNT]",
        "ATO answers NO CARRIER although the connection lives",
    ),
    (
        "cme-errors[=text]",
        "errors of socket commands come as +CME ERROR",
    ),
    ("dns-fails[=COUNT]", "the next lookups fail with 565"),
    ("dns-silent[=COUNT]", "the next lookups have no result"),
    ("dns-late=MS", "lookups take this much longer"),
    (
        "ping-loss=PROBABILITY[,SEED]",
        "echo requests of AT+QPING get no answer",
    ),
    (
        "ntp-fails[=CODE[,COUNT]]",
        "the next AT+QNTP fail, with 565 unless given",
    ),
    ("ntp-late=MS", "AT+QNTP takes this much longer"),
    (
        "line-loss=PROBABILITY[,SEED]",
        "whole lines from the module are lost",
    ),
    (
        "reading=NAME",
        "another reading of the note, or a shape of the wire; see the readings",
    ),
];
