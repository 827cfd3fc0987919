//! Contexts and sockets: 2.1.1 to 2.1.6, 2.1.10, 2.1.17.

use quectel_nal::at::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{forms, long};

fn context(id: u8) -> ContextId {
    ContextId::new(id).unwrap()
}

fn socket(id: u8) -> ConnectId {
    ConnectId::new(id).unwrap()
}

fn example_socket(connect_id: u8, service: ServiceType) -> OpenSocket<'static> {
    OpenSocket {
        context: context(1),
        connect_id: socket(connect_id),
        service,
        host: Host::NONE,
        remote_port: 0,
        local_port: 0,
        access_mode: AccessMode::Buffer,
    }
}

fn example_client(access_mode: AccessMode) -> OpenSocket<'static> {
    OpenSocket {
        host: Ipv4Addr::new(220, 180, 239, 212).into(),
        remote_port: 8009,
        access_mode,
        ..example_socket(0, ServiceType::Tcp)
    }
}

forms! {
    "2.1.1" {
        "AT+QICSGP=?" TestConfigureContext { TestConfigureContext => "AT+QICSGP=?\r" }
        "AT+QICSGP=<contextID>" QueryContextConfiguration {
            QueryContextConfiguration { context: context(1) } => "AT+QICSGP=1\r",
            QueryContextConfiguration { context: context(16) } => "AT+QICSGP=16\r",
        }
        "AT+QICSGP=<contextID>,<context_type>,<APN>,<username>,<password>,<authentication>"
        ConfigureContext {
            ConfigureContext {
                context: context(1),
                context_type: ContextType::Ipv4,
                apn: Text::new("UNINET").unwrap(),
                username: Text::EMPTY,
                password: Text::EMPTY,
                authentication: Authentication::Pap,
            } => "AT+QICSGP=1,1,\"UNINET\",\"\",\"\",1\r",
            ConfigureContext {
                context: context(16),
                context_type: ContextType::Ipv4v6,
                apn: Text::new(long(100)).unwrap(),
                username: Text::new(long(127)).unwrap(),
                password: Text::new(long(127)).unwrap(),
                authentication: Authentication::PapOrChap,
            } => format!("AT+QICSGP=16,3,\"{}\",\"{1}\",\"{1}\",3\r", long(100), long(127)),
            ConfigureContext {
                context: context(2),
                context_type: ContextType::Ipv6,
                apn: Text::new("internet").unwrap(),
                username: Text::new("user").unwrap(),
                password: Text::new("secret, with a comma").unwrap(),
                authentication: Authentication::Chap,
            } => "AT+QICSGP=2,2,\"internet\",\"user\",\"secret, with a comma\",2\r",
            ConfigureContext {
                context: context(1),
                context_type: ContextType::Ipv4,
                apn: Text::EMPTY,
                username: Text::EMPTY,
                password: Text::EMPTY,
                authentication: Authentication::None,
            } => "AT+QICSGP=1,1,\"\",\"\",\"\",0\r",
        }
    }
    "2.1.2" {
        "AT+QIACT=?" TestActivateContext { TestActivateContext => "AT+QIACT=?\r" }
        "AT+QIACT?" ListActiveContexts { ListActiveContexts => "AT+QIACT?\r" }
        "AT+QIACT=<contextID>" ActivateContext {
            ActivateContext { context: context(1) } => "AT+QIACT=1\r",
            ActivateContext { context: context(16) } => "AT+QIACT=16\r",
        }
    }
    "2.1.3" {
        "AT+QIDEACT=?" TestDeactivateContext { TestDeactivateContext => "AT+QIDEACT=?\r" }
        "AT+QIDEACT=<contextID>" DeactivateContext {
            DeactivateContext { context: context(1) } => "AT+QIDEACT=1\r",
            DeactivateContext { context: context(16) } => "AT+QIDEACT=16\r",
        }
    }
    "2.1.4" {
        "AT+QIOPEN=?" TestOpenSocket { TestOpenSocket => "AT+QIOPEN=?\r" }
        "AT+QIOPEN=<contextID>,<connectID>,<service_type>,<host>,<remote_port>,<local_port>,<access_mode>"
        OpenSocket {
            example_client(AccessMode::Buffer)
                => "AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,0\r",
            example_client(AccessMode::DirectPush)
                => "AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,1\r",
            example_client(AccessMode::Transparent)
                => "AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,2\r",
            OpenSocket { local_port: 2020, ..example_socket(1, ServiceType::TcpListener) }
                => "AT+QIOPEN=1,1,\"TCP LISTENER\",\"127.0.0.1\",0,2020,0\r",
            OpenSocket { local_port: 3030, ..example_socket(2, ServiceType::UdpService) }
                => "AT+QIOPEN=1,2,\"UDP SERVICE\",\"127.0.0.1\",0,3030,0\r",
            OpenSocket {
                host: Host::name("example.com").unwrap(),
                remote_port: 53,
                ..example_socket(3, ServiceType::Udp)
            } => "AT+QIOPEN=1,3,\"UDP\",\"example.com\",53,0,0\r",
            OpenSocket {
                host: IpAddr::from(Ipv6Addr::LOCALHOST).into(),
                ..example_socket(4, ServiceType::TcpService)
            } => "AT+QIOPEN=1,4,\"TCP SERVICE\",\"0:0:0:0:0:0:0:1\",0,0,0\r",
            OpenSocket { local_port: 5, ..example_socket(5, ServiceType::UdpListener) }
                => "AT+QIOPEN=1,5,\"UDP LISTENER\",\"127.0.0.1\",0,5,0\r",
            OpenSocket {
                context: context(16),
                connect_id: socket(11),
                service: ServiceType::TcpListener,
                host: Host::name(long(253)).unwrap(),
                remote_port: 65535,
                local_port: 65535,
                access_mode: AccessMode::Transparent,
            } => format!("AT+QIOPEN=16,11,\"TCP LISTENER\",\"{}\",65535,65535,2\r", long(253)),
        }
    }
    "2.1.5" {
        "AT+QICLOSE=?" TestCloseSocket { TestCloseSocket => "AT+QICLOSE=?\r" }
        "AT+QICLOSE=<connectID>[,<timeout>]" CloseSocket {
            CloseSocket { connect_id: socket(0), timeout: None } => "AT+QICLOSE=0\r",
            CloseSocket { connect_id: socket(11), timeout: None } => "AT+QICLOSE=11\r",
            CloseSocket { connect_id: socket(0), timeout: Some(0) } => "AT+QICLOSE=0,0\r",
            CloseSocket { connect_id: socket(11), timeout: Some(65535) }
                => "AT+QICLOSE=11,65535\r",
        }
    }
    "2.1.6" {
        "AT+QISTATE=?" TestListSockets { TestListSockets => "AT+QISTATE=?\r" }
        "AT+QISTATE?" ListSockets { ListSockets => "AT+QISTATE?\r" }
        "AT+QISTATE" ExecuteListSockets { ExecuteListSockets => "AT+QISTATE\r" }
        "AT+QISTATE=0,<contextID>" ListContextSockets {
            ListContextSockets { context: context(1) } => "AT+QISTATE=0,1\r",
            ListContextSockets { context: context(16) } => "AT+QISTATE=0,16\r",
        }
        "AT+QISTATE=1,<connectID>" QuerySocket {
            QuerySocket { connect_id: socket(0) } => "AT+QISTATE=1,0\r",
            QuerySocket { connect_id: socket(11) } => "AT+QISTATE=1,11\r",
        }
    }
    "2.1.10" {
        "AT+QISWTMD=?" TestSwitchAccessMode { TestSwitchAccessMode => "AT+QISWTMD=?\r" }
        "AT+QISWTMD=<connectID>,<access_mode>" SwitchAccessMode {
            SwitchAccessMode { connect_id: socket(0), access_mode: AccessMode::Buffer }
                => "AT+QISWTMD=0,0\r",
            SwitchAccessMode { connect_id: socket(1), access_mode: AccessMode::DirectPush }
                => "AT+QISWTMD=1,1\r",
            SwitchAccessMode { connect_id: socket(11), access_mode: AccessMode::Transparent }
                => "AT+QISWTMD=11,2\r",
        }
    }
    "2.1.17" {
        "AT+QIGETERROR=?" TestQueryLastError { TestQueryLastError => "AT+QIGETERROR=?\r" }
        "AT+QIGETERROR" QueryLastError { QueryLastError => "AT+QIGETERROR\r" }
    }
}
