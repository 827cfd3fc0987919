//! The control lines that the board has wired.

#[derive(Debug, Clone, Copy)]
pub(crate) struct Wiring {
    /// The runner can restart the module.
    pub(crate) reset: bool,
    /// DTR ends data mode.
    pub(crate) dtr: bool,
    /// DTR decides whether the module may sleep.
    #[cfg(feature = "sleep")]
    pub(crate) sleep: bool,
}

impl Wiring {
    pub(crate) const NONE: Self = Self {
        reset: false,
        dtr: false,
        #[cfg(feature = "sleep")]
        sleep: false,
    };
}
