//! The settings of the module that are made after each activation of the context (2.1.15).

use super::Link;
use crate::at::{DataFormat, Setting, Switch, UdpMode, ViewMode, Within};
use crate::config::Config;

/// The settings of AT+QICFG that decide how data looks on the UART. Modules keep them over a restart (quirk 75).
pub(super) const SETTINGS: &[Setting] = &[
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
];

impl Link<'_> {
    /// The setting at this place: first those that the stack needs. The next place is that of `DisableSendInfo`, and the places
    /// after it are those of the user's settings.
    pub(super) fn setting(place: u8, config: &Config<'_>) -> Option<Setting> {
        let place = usize::from(place);
        let own = SETTINGS.get(place);
        let users = || config.settings.get(place.checked_sub(SETTINGS.len() + 1)?);
        own.or_else(users).copied()
    }

    /// The place of the next setting that is to be made.
    pub(super) fn next_setting(place: u8, config: &Config<'_>) -> Option<u8> {
        let last = (SETTINGS.len() + config.settings.len()) as u8;
        (place + 1..=last).find(|place| Self::is_wanted(*place, config))
    }

    /// Whether the setting at this place is to be made. Those that the stack needs are not the user's.
    #[inline(never)] // Many callers.
    fn is_wanted(place: u8, config: &Config<'_>) -> bool {
        usize::from(place) <= SETTINGS.len()
            || Self::setting(place, config)
                .is_some_and(|wanted| SETTINGS.iter().all(|own| own.key() != wanted.key()))
    }
}
