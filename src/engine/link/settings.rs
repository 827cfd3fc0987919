//! The settings of the module that are made after each activation of the context (2.1.15).

use super::Link;
use crate::at::{DataFormat, OtherSetting, Setting, Switch, UdpMode, ViewMode, Within};
use crate::config::Config;

/// The settings of AT+QICFG that decide how data looks on the UART. Modules keep them over a restart (quirk 75).
const SETTINGS: &[Setting] = &[
    Setting::DataFormats {
        send: DataFormat::Text,
        receive: DataFormat::Text,
    },
    Setting::ViewMode(ViewMode::LineEnd),
    // The `recv` URC says how much data there is.
    Setting::ReceiveIndication(Switch::On),
    // Datagrams keep their boundaries.
    Setting::UdpReadMode(UdpMode::Block),
    Setting::UdpSendMode(UdpMode::Block),
    // Listeners accept by themselves, and a connectID is in use until it is closed.
    Setting::TcpAccept(Switch::On),
    Setting::PassiveClose(Switch::Off),
    // No time limit for payload: the runner may be held up.
    Setting::SendTimeout(Within::MIN),
    // AT+QISEND ends with SEND OK.
    Setting::Other(OtherSetting::WITHOUT_SEND_INFO),
];

impl Link<'_> {
    /// The setting at this place: first those of the user, then those that the stack needs, whatever the user wants.
    pub(super) fn setting(place: u8, config: &Config<'_>) -> Option<Setting> {
        let place = usize::from(place);
        let own = || SETTINGS.get(place.checked_sub(config.settings.len())?);
        config.settings.get(place).or_else(own).copied()
    }

    /// The place of the next setting that is to be made.
    pub(super) fn next_setting(place: u8, config: &Config<'_>) -> Option<u8> {
        let count = config.settings.len() + SETTINGS.len();
        (usize::from(place + 1) < count).then_some(place + 1)
    }
}
