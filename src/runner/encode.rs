//! A job as the bytes of its command, through the types of [`crate::command`].

use atat::AtatCmd;

use crate::bytes::front;
use crate::command::{
    AccessPointName, ActivateContext, Address, Attention, CloseSocket, ConfigureContext,
    ConfigureDns, ConfigureSetting, ConfigureUrcPort, Credential, DataFormat, DeactivateContext,
    DisableCommandEcho, DisableSendInfo, EnterPin, ErrorFormat, EscapeWithDtr, Host, HostName,
    ListActiveContexts, ListSockets, OpenSocket, Pin, PortName, QueryLastError,
    QueryLteRegistration, QueryPacketRegistration, QueryReceivedData, QueryRegistration,
    QuerySentData, QuerySim, QuerySocket, ReadData, ReadDatagram, ReadLength, ResolveName,
    ResumeDataMode, SendData, SendDatagram, SendLength, SetDataEcho, SetErrorFormat, Switch,
    SwitchAccessMode, ViewMode,
};
use crate::socket::{Domain, Job, Key, Opening, Setting, Table, Target};

/// Writes the command of `job` into `buffer`, which holds
/// [`MAX_COMMAND_LENGTH`](crate::command::MAX_COMMAND_LENGTH) bytes. `None` if the job's socket is gone.
#[inline(never)]
pub(super) fn encode(table: &mut Table<'_>, job: Job, buffer: &mut [u8]) -> Option<usize> {
    let id = job.key().and_then(|key| table.id(key));
    let config = &table.config;
    let context = config.context;
    Some(match job {
        Job::Attention => Attention.write(buffer),
        Job::EchoOff => DisableCommandEcho.write(buffer),
        Job::NumericErrors => SetErrorFormat {
            format: ErrorFormat::Number,
        }
        .write(buffer),
        Job::DataEchoOff => SetDataEcho { echo: Switch::Off }.write(buffer),
        Job::EscapeWithDtr => EscapeWithDtr.write(buffer),
        Job::SetUrcPort => ConfigureUrcPort {
            port: PortName::new(config.urc_port?).ok()?,
        }
        .write(buffer),
        Job::SimState => QuerySim.write(buffer),
        Job::EnterPin => EnterPin {
            pin: Pin::new(config.pin?).ok()?,
        }
        .write(buffer),
        Job::Registration(Domain::Lte) => QueryLteRegistration.write(buffer),
        Job::Registration(Domain::Packet) => QueryPacketRegistration.write(buffer),
        Job::Registration(Domain::Circuit) => QueryRegistration.write(buffer),
        Job::ListSockets => ListSockets.write(buffer),
        Job::CloseStray(connect_id) => CloseSocket {
            connect_id,
            timeout: Some(0),
        }
        .write(buffer),
        Job::ListContexts => ListActiveContexts.write(buffer),
        Job::Deactivate => DeactivateContext { context }.write(buffer),
        Job::Configure => ConfigureContext {
            context,
            context_type: config.context_type,
            apn: AccessPointName::new(config.apn).ok()?,
            username: Credential::new(config.user).ok()?,
            password: Credential::new(config.password).ok()?,
            authentication: config.authentication,
        }
        .write(buffer),
        Job::Activate => ActivateContext { context }.write(buffer),
        Job::Set(setting) => encode_setting(setting, buffer),
        Job::SetDns => {
            let (primary, secondary) = config.dns?;
            ConfigureDns {
                context,
                primary: Address(primary),
                secondary: secondary.map(Address),
            }
            .write(buffer)
        }
        Job::Open(key) => encode_open(table, key, buffer)?,
        Job::Close(_) => CloseSocket {
            connect_id: id?,
            timeout: config.close_timeout,
        }
        .write(buffer),
        Job::Status(_) => QuerySocket { connect_id: id? }.write(buffer),
        Job::Read { key, .. } if table.is_service(key) => {
            ReadDatagram { connect_id: id? }.write(buffer)
        }
        Job::Read { length, .. } => ReadData {
            connect_id: id?,
            length: Some(ReadLength::new(length.into()).ok()?),
        }
        .write(buffer),
        Job::Send { key, length } if table.is_service(key) => {
            let to = table.destination(key)?;
            SendDatagram {
                connect_id: id?,
                length: SendLength::new(length.into()).ok()?,
                address: Address(to.ip()),
                port: to.port(),
            }
            .write(buffer)
        }
        Job::Send { length, .. } => SendData {
            connect_id: id?,
            length: SendLength::new(length.into()).ok()?,
        }
        .write(buffer),
        Job::CountSent(_) => QuerySentData::new(id?).write(buffer),
        Job::CountReceived(_) => QueryReceivedData::new(id?).write(buffer),
        Job::Switch { mode, .. } => SwitchAccessMode {
            connect_id: id?,
            access_mode: mode,
        }
        .write(buffer),
        Job::Resume(_) => ResumeDataMode.write(buffer),
        Job::Resolve => ResolveName {
            context,
            host: Host::name(&table.lookup.name).ok()?,
        }
        .write(buffer),
        Job::User => table.take_command(buffer),
        Job::LastError => QueryLastError.write(buffer),
    })
}

fn encode_setting(setting: Setting, buffer: &mut [u8]) -> usize {
    let setting = match setting {
        Setting::DataFormat => crate::command::Setting::DataFormats {
            send: DataFormat::Text,
            receive: DataFormat::Text,
        },
        Setting::ViewMode => crate::command::Setting::ViewMode(ViewMode::LineEnd),
        // How much there is: saves a read that would bring nothing.
        Setting::ReceiveIndication => crate::command::Setting::ReceiveIndication(Switch::On),
        Setting::SendInfo => return DisableSendInfo.write(buffer),
    };
    ConfigureSetting { setting }.write(buffer)
}

fn encode_open(table: &mut Table<'_>, key: Key, buffer: &mut [u8]) -> Option<usize> {
    let Opening {
        id,
        service,
        target,
        local_port,
        access_mode,
    } = table.opening(key)?;
    let mut name = [0; 253];
    let (host, remote_port) = match target {
        Target::Address(address) => (Host::Address(address.ip()), address.port()),
        Target::Name(port) => {
            let length = table.target_name(key, &mut name);
            let name = core::str::from_utf8(front(&name, length)).ok()?;
            (Host::Name(HostName::new(name).ok()?), port)
        }
        Target::None => (Host::NONE, 0),
    };
    let command = OpenSocket {
        context: table.config.context,
        connect_id: id,
        service,
        host,
        remote_port,
        local_port,
        access_mode,
    };
    Some(command.write(buffer))
}
