//! Keep-alive of TCP connections: one setting of the module (2.1.15), which holds for the connections that are opened after it.

use crate::at::{ConfigureSetting, KeepAlive, Setting, Within};
use crate::config::Config;
use crate::engine::exchange::outcome::Outcome;
use crate::engine::exchange::transaction::{CommandBuffer, Transaction};

/// A [`KeepAlive`] in few bytes. All 0: off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probing {
    /// In the unit of the module.
    idle: u16,
    interval: u8,
    probes: u8,
}

impl Probing {
    pub(crate) const fn new(keep_alive: KeepAlive) -> Self {
        let (idle, interval, probes) = match keep_alive {
            KeepAlive::Off => (0, 0, 0),
            KeepAlive::On {
                idle,
                interval,
                probes,
            } => (idle.get(), interval.get(), probes.get()),
        };
        Self {
            idle: idle as u16,
            interval: interval as u8,
            probes: probes as u8,
        }
    }

    fn setting(self) -> Setting {
        Setting::TcpKeepAlive(match self.idle {
            0 => KeepAlive::Off,
            idle => KeepAlive::On {
                idle: Within::nearest(idle.into()),
                interval: Within::nearest(self.interval.into()),
                probes: Within::nearest(self.probes.into()),
            },
        })
    }
}

/// The module's setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepAliveSetting {
    /// A connection has asked for keep-alive: those that do not ask get the default from then on.
    is_used: bool,
    /// What the module has, or has refused. `None` if that is not known.
    present: Option<Probing>,
}

impl KeepAliveSetting {
    pub(crate) const NEW: Self = Self {
        is_used: false,
        present: None,
    };

    /// The setting may be another one now.
    pub(crate) const fn forget(&mut self) {
        self.present = None;
    }

    /// What has to be set before the open of a connection that wants this.
    pub(super) fn due(&self, wanted: Option<Probing>, config: &Config<'_>) -> Option<Probing> {
        let default = || {
            let mut settings = config.settings.iter().rev();
            let found = settings.find_map(|setting| match setting {
                Setting::TcpKeepAlive(keep_alive) => Some(*keep_alive),
                _ => None,
            });
            Probing::new(found.unwrap_or(KeepAlive::Off))
        };
        let wanted = wanted.or_else(|| self.is_used.then(default));
        wanted.filter(|_| self.present != wanted)
    }

    /// A connection asks for this, or leaves it to the default.
    pub(crate) fn on_wanted(&mut self, wanted: Option<Probing>) {
        self.is_used |= wanted.is_some();
    }

    /// AT+QICFG. `None` if the setting needs no change any more.
    pub(crate) fn write(
        &self,
        wanted: Option<Probing>,
        config: &Config<'_>,
        to: CommandBuffer<'_>,
    ) -> Option<Transaction> {
        let setting = self.due(wanted, config)?.setting();
        Some(to.write(&ConfigureSetting { setting }))
    }

    /// A module that refuses the setting does without.
    pub(crate) fn done(&mut self, wanted: Option<Probing>, config: &Config<'_>, outcome: &Outcome) {
        if !outcome.is_no_answer() {
            self.present = self.due(wanted, config);
        }
    }
}
