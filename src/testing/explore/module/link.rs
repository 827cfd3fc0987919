//! The context, the radio, and the power.

use std::format;

use super::Module;

/// The access point that the user changes to.
pub(crate) const OTHER_APN: &str = "other";

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) context: bool,
    /// The context is configured, and active, with the other access point.
    is_other: bool,
    pub(crate) leads_to_other: bool,
    /// AT+CFUN.
    pub(super) functionality: usize,
    pub(crate) is_off: bool,
}

impl Link {
    pub(super) const UP: Self = Self {
        context: true,
        is_other: false,
        leads_to_other: false,
        functionality: 1,
        is_off: false,
    };
}

impl Module {
    /// Commands that have to do with no socket.
    pub(super) fn link_command(&mut self, name: &str, fields: &str, first: usize) {
        match name {
            "AT+CPIN?" => self.answer(&["+CPIN: READY"]),
            "AT+CFUN?" => {
                let line = format!("+CFUN: {}", self.link.functionality);
                self.answer(&[&line]);
            }
            "AT+CFUN" => {
                self.link.functionality = first;
                if first != 1 {
                    self.lose_context();
                }
                self.answer(&[]);
            }
            "AT+CEREG?" if self.link.functionality != 1 => self.answer(&["+CEREG: 0,0"]),
            "AT+CEREG?" => self.answer(&["+CEREG: 0,1"]),
            "AT+QICSGP" => {
                self.link.is_other = fields.contains(OTHER_APN);
                self.answer(&[]);
            }
            "AT+QIACT?" if self.link.context => self.answer(&["+QIACT: 1,1,1,\"10.1.2.3\""]),
            "AT+QIACT" => {
                self.link.context = true;
                self.link.leads_to_other = self.link.is_other;
                self.answer(&[]);
            }
            "AT+QIDEACT" => {
                self.lose_context();
                self.answer(&[]);
            }
            "AT+QPOWD" => {
                self.answer(&[]);
                self.lose_power();
                self.say("POWERED DOWN");
            }
            _ => self.answer(&[]),
        }
    }
}
