//! The guide, chapter by chapter, and the pages that it refers to. The same text is in the folder `docs`.

macro_rules! pages {
    ($($name:ident = $file:literal),+ $(,)?) => {$(
        // The targets of the links: the pages define them as files, for code hosts, and the first definition counts.
        #[doc = include_str!("links.txt")]
        #[doc = include_str!(concat!("../docs/", $file))]
        pub mod $name {}
    )+};
}

pages! {
    wiring = "guide/1-wiring.md",
    first_get = "guide/2-first-get.md",
    sockets = "guide/3-sockets.md",
    servers = "guide/4-servers.md",
    udp = "guide/5-udp.md",
    blocking = "guide/6-blocking.md",
    own_commands = "guide/7-own-commands.md",
    errors = "guide/8-errors.md",
    modes = "guide/9-modes.md",
    troubleshooting = "guide/10-troubleshooting.md",
    linux = "guide/11-linux.md",
    tls = "guide/12-tls.md",
    mqtt = "guide/13-mqtt.md",
    from_ppp = "guide/14-from-ppp.md",
    in_the_field = "guide/15-in-the-field.md",
    programs = "guide/16-programs.md",
    sleep = "guide/17-sleep.md",
    commands = "commands.md",
    footprint = "footprint.md",
    benchmarks = "benchmarks.md",
}
