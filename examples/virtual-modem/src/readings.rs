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

/// What stands in front of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnds {
    /// One line end.
    #[default]
    Own,
    /// Two.
    Doubled,
    /// Three.
    Tripled,
    /// None, if the line before has ended with one.
    Shared,
}

macro_rules! readings {
    (
        note { $($(#[doc = $doc:literal])* $name:ident: bool = $default:expr;)* }
        shapes { $($(#[doc = $shape_doc:literal])* $shape:ident;)* }
    ) => {
        /// The module's reading of the note, one switch per subject, and the shapes of the wire that real modules
        /// showed.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Readings {
            $($(#[doc = $doc])* pub $name: bool,)*
            $($(#[doc = $shape_doc])* pub $shape: bool,)*
            /// The shape of the prompt.
            pub prompt: Prompt,
            /// How socket commands report an error.
            pub errors: Errors,
            /// What AT+QIGETERROR answers.
            pub last_error: LastError,
            /// The line ends in front of a line.
            pub line_ends: LineEnds,
        }

        impl Default for Readings {
            fn default() -> Self {
                Readings {
                    $($name: $default,)*
                    $($shape: false,)*
                    prompt: Prompt::default(),
                    errors: Errors::default(),
                    last_error: LastError::default(),
                    line_ends: LineEnds::default(),
                }
            }
        }

        impl Readings {
            /// The readings of the note that can be switched by name.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// The shapes of the wire that can be switched by name.
            pub const SHAPES: &'static [&'static str] = &[$(stringify!($shape)),*];

            /// Everything that can be switched by name: name, what its field says, and whether that holds by default.
            pub const TABLE: &'static [(&'static str, &'static str, bool)] = &[
                $((stringify!($name), concat!($($doc),*), $default),)*
                $((stringify!($shape), concat!($($shape_doc),*), false),)*
                ("prompt_bare", " The prompt has no blank behind `>`.", false),
                ("prompt_line_end", " The prompt has a line end behind `>`.", false),
                ("errors_numeric", " Socket commands report `+CME ERROR: <number>`.", false),
                ("errors_text", " Socket commands report `+CME ERROR: <text>`.", false),
                ("last_error_without_blank", " AT+QIGETERROR has no blank behind the comma.", false),
                ("last_error_other_text", " AT+QIGETERROR has other words.", false),
                ("last_error_stale", " AT+QIGETERROR shows 0, also after a failure.", false),
                ("line_ends_doubled", " Two line ends stand in front of each line.", false),
                ("line_ends_tripled", " Three line ends stand in front of each line.", false),
                ("line_ends_shared", " A line that follows another has no line end in front.", false),
            ];

            /// Turns one switch away from its default, by the name of its field.
            pub fn flip(&mut self, name: &str) -> Result<(), String> {
                match name {
                    $(stringify!($name) => self.$name = !$default,)*
                    $(stringify!($shape) => self.$shape = true,)*
                    "prompt_bare" => self.prompt = Prompt::Bare,
                    "prompt_line_end" => self.prompt = Prompt::WithLineEnd,
                    "errors_numeric" => self.errors = Errors::Numeric,
                    "errors_text" => self.errors = Errors::Text,
                    "last_error_without_blank" => self.last_error = LastError::WithoutBlank,
                    "last_error_other_text" => self.last_error = LastError::OtherText,
                    "last_error_stale" => self.last_error = LastError::Stale,
                    "line_ends_doubled" => self.line_ends = LineEnds::Doubled,
                    "line_ends_tripled" => self.line_ends = LineEnds::Tripled,
                    "line_ends_shared" => self.line_ends = LineEnds::Shared,
                    _ => return Err(format!("no such reading: {name}")),
                }
                Ok(())
            }
        }
    };
}

readings! {
    note {
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
    shapes {
        /// A command that is not known answers `+CME ERROR`, otherwise ERROR.
        unknown_is_cme;
        /// ERROR in place of the prompt is `+CME ERROR: 3`.
        prompt_error_is_cme;
        /// AT+QISTATE shows a connected client in state 3.
        client_state_3;
        /// AT+QISTATE shows a listener in state 4.
        listener_state_4;
        /// AT+QISTATE shows local port 0 for a client.
        local_port_zero;
        /// AT+QISTATE shows the name that was opened, otherwise its address.
        state_shows_name;
        /// AT+QIACT? shows IPv6 addresses as sixteen decimal numbers with dots.
        ipv6_dotted;
        /// The head of a successful lookup has no time to live.
        lookup_without_ttl;
        /// A blank may stand behind a comma of a command.
        blanks_accepted;
        /// A context that was never configured can be activated.
        unconfigured_activates;
        /// AT+QICSGP is refused while the context is active.
        active_context_is_fixed;
        /// UDP SERVICE and TCP LISTENER on a context with IPv6 alone refuse 127.0.0.1, and take 0:0:0:0:0:0:0:1.
        service_wants_ipv6;
        /// No setting of AT+QICFG survives a restart.
        settings_are_volatile;
        /// AT+CFUN=1,1 answers OK, then POWERED DOWN, and during the boot `pdpdeact`.
        reset_is_told;
        /// The boot lines come twice.
        boot_lines_twice;
        /// CONNECT has a rate.
        connect_with_rate;
        /// A `recv` URC tells of a full buffer: `"recv",0,"buff full"`.
        full_buffer_is_told;
        /// A normal power-down is called NORMAL POWER DOWN.
        normal_power_down;
    }
}
