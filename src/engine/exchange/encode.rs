//! A job as the bytes of its command, through the types of [`crate::at`].

use crate::at::{
    ActivateContext, Address, Attention, CloseSocket, Command, ConfigureContext, ConfigureDns,
    ConfigureUrcPort, DeactivateContext, DisableCommandEcho, DisableSendInfo, EnterPin,
    EscapeWithDtr, Host, ListActiveContexts, ListSockets, NO_ARGUMENTS, OpenSocket, QueryLastError,
    QueryLteRegistration, QueryPacketRegistration, QueryReceivedData, QueryRegistration,
    QuerySentData, QuerySim, QuerySocket, ReadData, ReadLength, ResumeDataMode, SendData,
    SendLength, SwitchAccessMode, Text, fixed, write_command,
};
use embassy_time::Duration;

use crate::engine::{Domain, Engine, Job, Opening, Setting, Target};

/// How long the module may take to get to its prompt.
const PROMPT_TIME: Duration = Duration::from_secs(10);
/// How long the answer to a plain AT may take.
const ATTENTION_TIME: Duration = Duration::from_secs(1);

/// Writes the command of `job` into `buffer`, which holds
/// [`MAX_COMMAND_LENGTH`](crate::at::MAX_COMMAND_LENGTH) bytes. `None` if the job's socket is gone.
///
/// Texts are those that [`Config`](crate::Config) and the sockets have checked.
#[inline(never)]
pub(crate) fn encode(engine: &mut Engine<'_>, job: Job, buffer: &mut [u8]) -> Option<usize> {
    if matches!(job, Job::User) {
        return Some(engine.take_command(buffer));
    }
    let engine = &*engine;
    let id = job.key().and_then(|key| engine.id(key));
    let config = &engine.config;
    let context = config.context;
    let mut arguments = NO_ARGUMENTS;
    let arguments = &mut arguments;
    let name = match job {
        Job::Attention => Attention::NAME,
        Job::EchoOff => DisableCommandEcho::NAME,
        Job::NumericErrors => fixed::NUMERIC_ERRORS,
        Job::DataEchoOff => fixed::NO_DATA_ECHO,
        Job::EscapeWithDtr => EscapeWithDtr::NAME,
        Job::SetUrcPort => {
            let port = Text::known(config.urc_port?);
            ConfigureUrcPort { port }.fill(arguments)
        }
        Job::SimState => QuerySim::NAME,
        Job::EnterPin => {
            let pin = Text::known(config.pin?);
            EnterPin { pin }.fill(arguments)
        }
        Job::Registration(Domain::Lte) => QueryLteRegistration::NAME,
        Job::Registration(Domain::Packet) => QueryPacketRegistration::NAME,
        Job::Registration(Domain::Circuit) => QueryRegistration::NAME,
        Job::ListSockets => ListSockets::NAME,
        Job::CloseOrphan(connect_id) => CloseSocket {
            connect_id,
            timeout: Some(0),
        }
        .fill(arguments),
        Job::ListContexts => ListActiveContexts::NAME,
        Job::Deactivate => DeactivateContext { context }.fill(arguments),
        Job::Configure => ConfigureContext {
            context,
            context_type: config.context_type,
            apn: Text::known(config.apn),
            username: Text::known(config.user),
            password: Text::known(config.password),
            authentication: config.authentication,
        }
        .fill(arguments),
        Job::Activate => ActivateContext { context }.fill(arguments),
        Job::Set(Setting::DataFormat) => fixed::PLAIN_DATA,
        Job::Set(Setting::ViewMode) => fixed::DATA_BEHIND_LINE_END,
        Job::Set(Setting::ReceiveIndication) => fixed::NOTICES_WITH_LENGTH,
        Job::Set(Setting::SendInfo) => DisableSendInfo::NAME,
        Job::SetDns => {
            let servers = config.dns?;
            ConfigureDns {
                context,
                primary: Address(servers.primary),
                secondary: servers.secondary.map(Address),
            }
            .fill(arguments)
        }
        Job::Open(key) => {
            let Opening {
                id,
                service,
                target,
                local_port,
                access_mode,
            } = engine.opening(key)?;
            let (host, remote_port) = match target {
                Target::Address(address) => (Host::Address(address.ip()), address.port()),
                Target::Name(port) => (Host::Name(Text::known(engine.target_name(key)?)), port),
                Target::None => (Host::NONE, 0),
            };
            OpenSocket {
                context,
                connect_id: id,
                service,
                host,
                remote_port,
                local_port,
                access_mode,
            }
            .fill(arguments)
        }
        Job::Close(_) => CloseSocket {
            connect_id: id?,
            timeout: config.close_timeout,
        }
        .fill(arguments),
        Job::Status(_) => QuerySocket { connect_id: id? }.fill(arguments),
        Job::Read { key, length } => ReadData {
            connect_id: id?,
            // A UDP service hands over one datagram, whatever its length.
            length: (!engine.is_service(key)).then(|| ReadLength::nearest(length.into())),
        }
        .fill(arguments),
        Job::Send { key, length } => match engine.fill_send(key, arguments) {
            Some(name) => name,
            None => SendData {
                connect_id: id?,
                length: SendLength::nearest(length.into()),
            }
            .fill(arguments),
        },
        Job::CountSent(_) => QuerySentData::new(id?).fill(arguments),
        Job::CountReceived(_) => QueryReceivedData::new(id?).fill(arguments),
        Job::Switch { mode, .. } => SwitchAccessMode {
            connect_id: id?,
            access_mode: mode,
        }
        .fill(arguments),
        Job::Resume(_) => ResumeDataMode::NAME,
        Job::Resolve => engine.fill_question(arguments)?,
        Job::LastError => QueryLastError::NAME,
        Job::User => return None,
    };
    Some(write_command(buffer, name, arguments))
}

/// How long the final result, or the prompt, may take.
pub(crate) fn time_limit(job: Job, connects: bool, engine: &Engine<'_>) -> Duration {
    let config = &engine.config;
    match job {
        Job::Attention => ATTENTION_TIME,
        Job::Send { .. } => PROMPT_TIME,
        Job::User => engine.user_limit(),
        Job::Open(_) if connects => config.connect_time,
        Job::Activate => Duration::from_secs(150),
        Job::Deactivate => Duration::from_secs(40),
        Job::Close(_) | Job::CloseOrphan(_) => {
            Duration::from_secs(10)
                + Duration::from_secs(config.close_timeout.unwrap_or_default().into())
        }
        _ => config.answer_time,
    }
}
