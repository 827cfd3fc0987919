//! Data, and what goes with it: 2.1.7 to 2.1.9, 2.1.11 to 2.1.14, 2.1.16.

use quectel_nal::at::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use super::{forms, long};

fn context(id: u8) -> ContextId {
    ContextId::new(id).unwrap()
}

fn socket(id: u8) -> ConnectId {
    ConnectId::new(id).unwrap()
}

fn name(name: &'static str) -> Host<'static> {
    Host::name(name).unwrap()
}

const PEER: Ipv4Addr = Ipv4Addr::new(10, 7, 89, 10);
const LONGEST_ADDRESS: Ipv6Addr = Ipv6Addr::from_bits(u128::MAX);
const LONGEST_ADDRESS_TEXT: &str = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

forms! {
    "2.1.7" {
        "AT+QISEND=?" TestSendData { TestSendData => "AT+QISEND=?\r" }
        "AT+QISEND=<connectID>" SendVariable {
            SendVariable { connect_id: socket(0) } => "AT+QISEND=0\r",
            SendVariable { connect_id: socket(11) } => "AT+QISEND=11\r",
        }
        "AT+QISEND=<connectID>,<send_length>" SendData {
            SendData { connect_id: socket(0), length: SendLength::new(4).unwrap() }
                => "AT+QISEND=0,4\r",
            SendData { connect_id: socket(11), length: SendLength::MAX } => "AT+QISEND=11,1460\r",
        }
        "AT+QISEND=<connectID>,<send_length>,<remoteIP>,<remote_port>" SendDatagram {
            SendDatagram {
                connect_id: socket(2),
                length: SendLength::new(10).unwrap(),
                address: PEER.into(),
                port: 6969,
            } => "AT+QISEND=2,10,\"10.7.89.10\",6969\r",
            SendDatagram {
                connect_id: socket(11),
                length: SendLength::MAX,
                address: LONGEST_ADDRESS.into(),
                port: 65535,
            } => format!("AT+QISEND=11,1460,\"{LONGEST_ADDRESS_TEXT}\",65535\r"),
        }
        "AT+QISEND=<connectID>,0" QuerySentData {
            QuerySentData { connect_id: socket(0) } => "AT+QISEND=0,0\r",
            QuerySentData { connect_id: socket(11) } => "AT+QISEND=11,0\r",
        }
    }
    "2.1.8" {
        "AT+QIRD=?" TestReadData { TestReadData => "AT+QIRD=?\r" }
        "AT+QIRD=<connectID>[,<read_length>]" ReadData {
            ReadData { connect_id: socket(0), length: Some(ReadLength::MAX) }
                => "AT+QIRD=0,1500\r",
            ReadData { connect_id: socket(11), length: Some(ReadLength::MAX) }
                => "AT+QIRD=11,1500\r",
            ReadData { connect_id: socket(1), length: Some(ReadLength::MIN) } => "AT+QIRD=1,1\r",
            ReadData { connect_id: socket(0), length: None } => "AT+QIRD=0\r",
        }
        "AT+QIRD=<connectID>,0" QueryReceivedData {
            QueryReceivedData { connect_id: socket(0) } => "AT+QIRD=0,0\r",
            QueryReceivedData { connect_id: socket(11) } => "AT+QIRD=11,0\r",
        }
    }
    "2.1.9" {
        "AT+QISENDEX=?" TestSendHex { TestSendHex => "AT+QISENDEX=?\r" }
        "AT+QISENDEX=<connectID>,<hex_string>" SendHex {
            SendHex { connect_id: socket(0), data: HexText::new("3132333435").unwrap() }
                => "AT+QISENDEX=0,\"3132333435\"\r",
            SendHex { connect_id: socket(11), data: HexText::new(long(512)).unwrap() }
                => format!("AT+QISENDEX=11,\"{}\"\r", long(512)),
        }
    }
    "2.1.11" {
        "AT+QPING=?" TestPing { TestPing => "AT+QPING=?\r" }
        "AT+QPING=<contextID>,<host>[,<timeout>[,<pingnum>]]" Ping {
            Ping::new(context(1), name("www.baidu.com")) => "AT+QPING=1,\"www.baidu.com\"\r",
            Ping::new(context(1), PEER.into()).timeout(PingTimeout::MIN)
                => "AT+QPING=1,\"10.7.89.10\",1\r",
            Ping::new(context(1), PEER.into()).count(PingCount::MIN)
                => "AT+QPING=1,\"10.7.89.10\",4,1\r",
            Ping::new(context(16), name(long(253)))
                .timeout(PingTimeout::MAX)
                .count(PingCount::MAX)
                => format!("AT+QPING=16,\"{}\",255,10\r", long(253)),
        }
    }
    "2.1.12" {
        "AT+QNTP=?" TestSynchronizeTime { TestSynchronizeTime => "AT+QNTP=?\r" }
        "AT+QNTP?" QueryTimeServer { QueryTimeServer => "AT+QNTP?\r" }
        "AT+QNTP=<contextID>,<server>[,<port>[,<autosettime>]]" SynchronizeTime {
            SynchronizeTime::new(context(1), Ipv4Addr::new(202, 112, 10, 36).into())
                .port(NonZeroU16::new(123).unwrap())
                => "AT+QNTP=1,\"202.112.10.36\",123\r",
            SynchronizeTime::new(context(1), name("pool.ntp.org"))
                => "AT+QNTP=1,\"pool.ntp.org\"\r",
            SynchronizeTime::new(context(1), name("pool.ntp.org")).set_clock(Switch::Off)
                => "AT+QNTP=1,\"pool.ntp.org\",123,0\r",
            SynchronizeTime::new(context(16), name(long(253)))
                .port(NonZeroU16::MAX)
                .set_clock(Switch::On)
                => format!("AT+QNTP=16,\"{}\",65535,1\r", long(253)),
        }
    }
    "2.1.13" {
        "AT+QIDNSCFG=?" TestConfigureDns { TestConfigureDns => "AT+QIDNSCFG=?\r" }
        "AT+QIDNSCFG=<contextID>" QueryDns {
            QueryDns { context: context(1) } => "AT+QIDNSCFG=1\r",
            QueryDns { context: context(16) } => "AT+QIDNSCFG=16\r",
        }
        "AT+QIDNSCFG=<contextID>,<pridnsaddr>[,<secdnsaddr>]" ConfigureDns {
            ConfigureDns {
                context: context(1),
                primary: Ipv4Addr::new(8, 8, 8, 8).into(),
                secondary: None,
            } => "AT+QIDNSCFG=1,\"8.8.8.8\"\r",
            ConfigureDns {
                context: context(1),
                primary: Ipv4Addr::new(8, 8, 8, 8).into(),
                secondary: Some(Ipv4Addr::new(8, 8, 4, 4).into()),
            } => "AT+QIDNSCFG=1,\"8.8.8.8\",\"8.8.4.4\"\r",
            ConfigureDns {
                context: context(16),
                primary: LONGEST_ADDRESS.into(),
                secondary: Some(LONGEST_ADDRESS.into()),
            } => format!("AT+QIDNSCFG=16,\"{0}\",\"{0}\"\r", LONGEST_ADDRESS_TEXT),
        }
    }
    "2.1.14" {
        "AT+QIDNSGIP=?" TestResolveName { TestResolveName => "AT+QIDNSGIP=?\r" }
        "AT+QIDNSGIP=<contextID>,<hostname>" ResolveName {
            ResolveName { context: context(1), host: name("example.com") }
                => "AT+QIDNSGIP=1,\"example.com\"\r",
            ResolveName { context: context(1), host: IpAddr::from(PEER).into() }
                => "AT+QIDNSGIP=1,\"10.7.89.10\"\r",
            ResolveName { context: context(16), host: name(long(253)) }
                => format!("AT+QIDNSGIP=16,\"{}\"\r", long(253)),
        }
    }
    "2.1.16" {
        "AT+QISDE=?" TestSetDataEcho { TestSetDataEcho => "AT+QISDE=?\r" }
        "AT+QISDE?" QueryDataEcho { QueryDataEcho => "AT+QISDE?\r" }
        "AT+QISDE=<echo>" SetDataEcho {
            SetDataEcho { echo: Switch::Off } => "AT+QISDE=0\r",
            SetDataEcho { echo: Switch::On } => "AT+QISDE=1\r",
        }
    }
}
