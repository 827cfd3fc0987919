//! The answer to AT+QICFG (2.1.15).

use super::{
    field::{Fields, Parse},
    number::Within,
    parameters::Switch,
    response::answers,
    settings::{KeepAlive, Setting, SettingKey},
};

answers!(SettingAnswer);

/// `+QICFG: <key>,<values>` (2.1.15).
///
/// The numbers are as the module gave them; [`SettingAnswer::setting`] checks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SettingAnswer {
    /// The setting.
    pub key: SettingKey,
    /// Its values, as many as there are.
    pub values: [Option<u32>; 4],
}

impl Parse for SettingAnswer {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let word = fields.word()?;
        let key = SettingKey::ALL
            .into_iter()
            .find(|key| key.as_str().as_bytes() == word.text)?;
        let mut values = [None; 4];
        for value in &mut values {
            *value = fields.next()?;
        }
        Some(Self { key, values })
    }
}

impl SettingAnswer {
    /// The setting with its value, if the note knows the value.
    #[must_use]
    pub fn setting(&self) -> Option<Setting> {
        let [first, second, third, fourth] = self.values;
        let first = first?;
        Some(match self.key {
            SettingKey::TransparentPacketSize => Setting::TransparentPacketSize(within(first)?),
            SettingKey::TransparentWait => Setting::TransparentWait(within(first)?),
            SettingKey::DataFormats => Setting::DataFormats {
                send: choice(first)?,
                receive: choice(second?)?,
            },
            SettingKey::ViewMode => Setting::ViewMode(choice(first)?),
            SettingKey::TcpRetransmission => Setting::TcpRetransmission {
                max_backoffs: within(first)?,
                max_interval: within(second?)?,
            },
            SettingKey::DnsCache => Setting::DnsCache(choice(first)?),
            SettingKey::SendTimeout => Setting::SendTimeout(within(first)?),
            SettingKey::PassiveClose => Setting::PassiveClose(choice(first)?),
            SettingKey::UdpReadMode => Setting::UdpReadMode(choice(first)?),
            SettingKey::UdpSendMode => Setting::UdpSendMode(choice(first)?),
            SettingKey::TcpAccept => Setting::TcpAccept(choice(first)?),
            SettingKey::TcpKeepAlive => Setting::TcpKeepAlive(match choice(first)? {
                Switch::Off => None,
                Switch::On => Some(KeepAlive {
                    idle: within(second?)?,
                    interval: within(third?)?,
                    probes: within(fourth?)?,
                }),
            }),
            SettingKey::ReceiveBufferSize => Setting::ReceiveBufferSize(within(first)?),
            SettingKey::ReceiveIndication => Setting::ReceiveIndication(choice(first)?),
        })
    }
}

fn within<const MIN: u32, const MAX: u32>(value: u32) -> Option<Within<MIN, MAX>> {
    Within::new(value).ok()
}

fn choice<T: TryFrom<u8>>(value: u32) -> Option<T> {
    u8::try_from(value).ok()?.try_into().ok()
}
