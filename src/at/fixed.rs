//! Commands of the bring-up whose arguments are always the same, as they are written. The types for all settings would
//! take the names of all settings into every firmware.

/// [`SetErrorFormat`](super::SetErrorFormat): numbers.
pub(crate) const NUMERIC_ERRORS: &str = "AT+CMEE=1";
/// [`SetDataEcho`](super::SetDataEcho): off.
pub(crate) const NO_DATA_ECHO: &str = "AT+QISDE=0";
/// [`Setting::DataFormats`](super::Setting::DataFormats): as it is, both ways.
pub(crate) const PLAIN_DATA: &str = "AT+QICFG=\"dataformat\",0,0";
/// [`Setting::ViewMode`](super::Setting::ViewMode): a line end before data.
pub(crate) const DATA_BEHIND_LINE_END: &str = "AT+QICFG=\"viewmode\",0";
/// [`Setting::ReceiveIndication`](super::Setting::ReceiveIndication): on, so that a notice says how much there is.
pub(crate) const NOTICES_WITH_LENGTH: &str = "AT+QICFG=\"recvind\",1";

#[cfg(test)]
mod tests {
    use std::string::String;

    use atat::AtatCmd;

    use super::super::{
        ConfigureSetting, DataFormat, ErrorFormat, SetDataEcho, SetErrorFormat, Setting, Switch,
        ViewMode,
    };
    use super::*;

    fn written(command: impl AtatCmd) -> String {
        let mut buffer = [0; 64];
        let length = command.write(&mut buffer);
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn they_are_what_their_types_write() {
        let numbers = SetErrorFormat {
            format: ErrorFormat::Number,
        };
        assert_eq!(written(numbers).trim_end(), NUMERIC_ERRORS);
        let off = SetDataEcho { echo: Switch::Off };
        assert_eq!(written(off).trim_end(), NO_DATA_ECHO);
        let text = DataFormat::Text;
        for (setting, fixed) in [
            (
                Setting::DataFormats {
                    send: text,
                    receive: text,
                },
                PLAIN_DATA,
            ),
            (Setting::ViewMode(ViewMode::LineEnd), DATA_BEHIND_LINE_END),
            (Setting::ReceiveIndication(Switch::On), NOTICES_WITH_LENGTH),
        ] {
            assert_eq!(written(ConfigureSetting { setting }).trim_end(), fixed);
        }
    }
}
