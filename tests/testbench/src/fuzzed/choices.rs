//! Input of a fuzzer, taken as a series of choices.

use core::cell::Cell;
use core::time::Duration;

use virtual_modem::{Chop, Fault};

use crate::Bench;

/// Zeros when the input is used up. Tasks share it.
pub struct Choices<'a>(Cell<&'a [u8]>);

impl<'a> Choices<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self(Cell::new(input))
    }

    pub fn is_empty(&self) -> bool {
        self.0.get().is_empty()
    }

    /// Up to `length` bytes of the input themselves.
    pub fn take(&self, length: usize) -> &'a [u8] {
        let input = self.0.get();
        let (taken, rest) = input.split_at(length.min(input.len()));
        self.0.set(rest);
        taken
    }

    pub fn byte(&self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// From 0 to `end - 1`, with `end` up to 65,536.
    pub fn below(&self, end: usize) -> usize {
        let number = if end > 256 {
            usize::from(self.byte()) << 8 | usize::from(self.byte())
        } else {
            usize::from(self.byte())
        };
        number % end
    }

    pub fn millis(&self, end: usize) -> Duration {
        Duration::from_millis(self.below(end) as u64)
    }

    /// A serial line and a module.
    pub fn bench(&self) -> Bench {
        let latency = self.millis(30);
        let seed = self.byte().into();
        let bench = Bench::new().baud([0, 115_200, 921_600][self.below(3)]);
        let bench = match self.below(4) {
            0 => bench.chop(Chop::Bytes(1)),
            1 => bench.chop(Chop::Bytes(7)),
            _ => bench,
        };
        bench.settings(|settings| settings.latency(latency).seed(seed))
    }

    /// Up to two ways in which the module misbehaves. While the UART is a data line, some of what it says would be data.
    pub fn faults(&self, is_data_line: bool) -> Vec<Fault> {
        (0..self.below(3))
            .map(|_| self.fault(is_data_line))
            .collect()
    }

    fn fault(&self, is_data_line: bool) -> Fault {
        const COMMANDS: [&str; 6] = ["QIOPEN", "QISEND", "QIRD", "QISTATE", "QICLOSE", "QIACT"];
        let probability = self.below(50) as f64 / 100.0;
        let seed = self.byte().into();
        let command = COMMANDS[self.below(6)].to_owned();
        match self.below(if is_data_line { 14 } else { 18 }) {
            0 => Fault::ForeignUrcs { probability, seed },
            1 => Fault::UnknownUrcs { probability, seed },
            2 => Fault::LostRecv(self.below(3) as u32),
            3 => Fault::SendFailRate {
                probability,
                taken: self.below(2) == 0,
            },
            4 => Fault::LateSendOk(self.millis(8000)),
            5 => Fault::RefuseOpen {
                code: 550 + self.below(25) as u16,
                count: 1,
            },
            6 => Fault::LostOpenResult(1),
            7 => Fault::PromptError(1),
            8 => Fault::LostSendOk(1),
            9 => Fault::ResultFirst(1),
            10 => Fault::SendOkBehind(1),
            11 => Fault::LostClosed(1),
            12 => Fault::CmeErrors {
                text: seed % 2 == 0,
            },
            13 => Fault::Mute { command, count: 1 },
            14 => Fault::PdpDeact {
                context: 1,
                after: self.below(20_000) as u64,
            },
            15 => Fault::Restart {
                after: self.below(20_000) as u64,
            },
            16 => Fault::Silent(Some(self.millis(60_000))),
            _ => Fault::Swallow { command, count: 1 },
        }
    }
}
