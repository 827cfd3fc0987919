//! AT+QICLOSE, and what is still to be delivered behind it (section 2.1.5).

use super::socket::{Connection, Link};
use super::{Core, Reply, wrong_form};
use crate::network::Stream;
use crate::syntax::{Arguments, Command, Form};
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::VecDeque;

/// A closed connection whose last data and FIN are still to be delivered.
pub(super) struct Linger {
    pub stream: Box<dyn Stream>,
    pub unsent: VecDeque<u8>,
    pub finished: bool,
    pub until: u64,
    /// The AT+QICLOSE that waits for the peer, by the id it closed.
    pub waiter: Option<u8>,
}

impl Core {
    /// AT+QICLOSE (section 2.1.5).
    pub(super) fn close(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(self.ranges("+QICLOSE: (0-{ids}),(0-65535)")),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=2)?;
        let id = self.id_argument(&arguments, 0)?;
        let default = if self.settings.readings.close_waits {
            10
        } else {
            0
        };
        let timeout = arguments.number_or(1, 0..=65535, default)?;
        self.excused[usize::from(id)] = false;
        let Some(socket) = self.sockets[usize::from(id)].take() else {
            let is_fine = self.settings.readings.close_unused_is_ok;
            return Ok(if is_fine {
                Reply::ok()
            } else {
                Reply::Fail(crate::code::INVALID_PARAMETERS)
            });
        };
        if self.resumable == Some(id) {
            self.resumable = None;
        }
        let ended = socket.ended;
        let Link::Open(Connection::Tcp(stream)) = socket.link else {
            return Ok(Reply::ok());
        };
        if ended && socket.unsent.is_empty() {
            let mut stream = stream;
            stream.close();
            return Ok(Reply::ok());
        }
        if timeout == 0 && self.settings.readings.forced_close_discards {
            return Ok(Reply::ok());
        }
        let waits = timeout > 0 && !self.has_extra("close/mode");
        let until = Duration::from_secs(if waits { timeout.into() } else { 60 });
        self.lingering.push(Linger {
            stream,
            unsent: socket.unsent,
            finished: false,
            until: self.now + until.as_micros() as u64,
            waiter: waits.then_some(id),
        });
        // Makes the run loop look again when the time is up.
        self.after(until, |_| {});
        Ok(if waits { Reply::Later } else { Reply::ok() })
    }

    /// Behind the OK of AT+QICLOSE, if a fault wants it (quirk 37).
    pub(super) fn behind_close(&mut self, command: &Command, error: u16) {
        let Form::Write(arguments) = &command.form else {
            return;
        };
        let told = self.faults.closed_after_close || self.has_extra("close/mode");
        if command.name != "QICLOSE" || error != 0 || !told {
            return;
        }
        if let Ok(id) = Arguments(arguments).number(0, 0..=11) {
            self.after(Duration::from_millis(1), move |core| {
                core.notice(format!("+QIURC: \"closed\",{id}"))
            });
        }
    }

    pub(super) fn poll_lingering(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.now;
        let black_hole = self.faults.black_hole;
        let mut moved = false;
        let mut answered = false;
        self.lingering.retain_mut(|linger| {
            let mut over = linger.until <= now;
            if black_hole {
                answered |= over && linger.waiter.is_some();
                return !over;
            }
            while !linger.unsent.is_empty() {
                match linger
                    .stream
                    .poll_write(cx, linger.unsent.make_contiguous())
                {
                    Poll::Ready(Ok(count)) => drop(linger.unsent.drain(..count)),
                    Poll::Ready(Err(_)) => {
                        over = true;
                        break;
                    }
                    Poll::Pending => break,
                }
            }
            if linger.unsent.is_empty() && !linger.finished {
                linger.finished = true;
                linger.stream.close();
            }
            let mut buffer = [0; 2048];
            while !over {
                match linger.stream.poll_read(cx, &mut buffer) {
                    Poll::Ready(Ok(1..)) => {}
                    Poll::Ready(_) => over = linger.finished,
                    Poll::Pending => break,
                }
                if !linger.finished {
                    break;
                }
            }
            if over {
                answered |= linger.waiter.is_some();
                moved = true;
            }
            !over
        });
        if answered {
            self.finish(Reply::ok());
        }
        moved
    }
}
