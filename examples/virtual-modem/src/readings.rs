//! Passages of the note that allow two readings: which one the module follows.
//!
//! The default of each switch is the more literal reading; the other one was seen on modules, or is possible.

/// How a prompt looks (section 2.1.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// A line end, `>` and a blank.
    #[default]
    WithBlank,
    /// A line end and `>`.
    Bare,
    /// `>` with a line end on both sides.
    WithLineEnd,
}

/// How socket commands report an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errors {
    /// `ERROR`; the code is kept for AT+QIGETERROR.
    #[default]
    Plain,
    /// `+CME ERROR: <number>`.
    Numeric,
    /// `+CME ERROR: <text>`.
    Text,
}

/// What AT+QIGETERROR answers (section 2.1.17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastError {
    /// Code, comma, blank, text.
    #[default]
    WithBlank,
    /// Code, comma, text.
    WithoutBlank,
    /// Other words for the code.
    OtherText,
    /// Always 0, also after a failure.
    Stale,
}

macro_rules! readings {
    ($($(#[$doc:meta])* $name:ident: bool = $default:expr;)*) => {
        /// The module's reading of the note, one switch per subject.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Readings {
            $($(#[$doc])* pub $name: bool,)*
            /// The shape of the prompt.
            pub prompt: Prompt,
            /// How socket commands report an error.
            pub errors: Errors,
            /// What AT+QIGETERROR answers.
            pub last_error: LastError,
        }

        impl Default for Readings {
            fn default() -> Self {
                Readings {
                    $($name: $default,)*
                    prompt: Prompt::default(),
                    errors: Errors::default(),
                    last_error: LastError::default(),
                }
            }
        }

        impl Readings {
            /// Every reading other than the default that can be switched by name.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Turns one switch away from its default, by the name of its field.
            pub fn flip(&mut self, name: &str) -> Result<(), String> {
                match name {
                    $(stringify!($name) => self.$name = !$default,)*
                    "prompt_bare" => self.prompt = Prompt::Bare,
                    "prompt_line_end" => self.prompt = Prompt::WithLineEnd,
                    "errors_numeric" => self.errors = Errors::Numeric,
                    "errors_text" => self.errors = Errors::Text,
                    "last_error_without_blank" => self.last_error = LastError::WithoutBlank,
                    "last_error_other_text" => self.last_error = LastError::OtherText,
                    "last_error_stale" => self.last_error = LastError::Stale,
                    _ => return Err(format!("no such reading: {name}")),
                }
                Ok(())
            }
        }
    };
}

readings! {
    /// A failed open answers ERROR at once instead of OK and a result URC (section 2.1.4).
    open_failure_at_once: bool = false;
    /// A connectID stays taken after a failed open, until it is closed.
    failed_open_keeps_id: bool = false;
    /// AT+QICLOSE without a timeout waits up to 10 s for the peer's FIN (section 2.1.5).
    close_waits: bool = true;
    /// What is not yet sent when a close is forced is lost; otherwise it is still delivered.
    forced_close_discards: bool = false;
    /// AT+QICLOSE of an unused id is OK, otherwise ERROR.
    close_unused_is_ok: bool = true;
    /// AT+QIACT of an active context is OK, otherwise ERROR with 572.
    activate_active_is_ok: bool = false;
    /// AT+QIDEACT of an inactive context is OK, otherwise ERROR with 562.
    deactivate_inactive_is_ok: bool = true;
    /// Without its context a command answers OK and reports 561 as result, instead of ERROR at once.
    missing_context_as_result: bool = false;
    /// `pdpdeact` is followed by a `closed` for each socket of the context (section 2.2.5).
    deactivation_closes: bool = false;
    /// A fixed-length send answers OK before SEND OK, as in the example of section 3.2.2.
    ok_before_send_ok: bool = false;
    /// Payload is echoed only while AT+QISDE and ATE are both on.
    payload_echo_follows_ate: bool = false;
    /// A pushed frame ends with CR LF after the data (section 2.2.2).
    push_ends_with_line_end: bool = true;
    /// A pushed frame of a UDP SERVICE contains the peer.
    push_tells_peer: bool = true;
    /// `recv` URCs in buffer mode have a length even if "recvind" is 0.
    notice_has_length: bool = false;
    /// Two line ends stand between the data of AT+QIRD and OK, otherwise one.
    read_ends_with_blank_line: bool = true;
    /// An accepted connection has the listener's access mode (2.1.4), otherwise buffer mode (2.2.4).
    incoming_inherits_mode: bool = true;
    /// NO CARRIER is followed by a `closed` URC.
    no_carrier_with_closed: bool = false;
    /// The URC of a failed lookup has the code alone, without the two zeros.
    failed_lookup_short: bool = false;
    /// The rest of a datagram that was read in part is lost.
    datagram_rest_is_lost: bool = false;
    /// Every line of a response has a leading CR LF of its own.
    lines_have_own_line_end: bool = false;
    /// AT+QICSGP may leave strings out, as in the example of section 3.1.1.
    context_strings_optional: bool = true;
}
