//! The body of the fuzz target `virtual_modem`, with fixed seeds. `ANY_INPUT=from..to` runs other seeds than the usual ones.

#[path = "common/any_input.rs"]
mod body;

fn seeds() -> std::ops::Range<u64> {
    let Ok(range) = std::env::var("ANY_INPUT") else {
        return 0..120;
    };
    let (from, to) = range.split_once("..").expect("from..to");
    from.parse().unwrap()..to.parse().unwrap()
}

#[test]
fn any_input_is_survived() {
    for seed in seeds() {
        let mut dice = fastrand::Rng::with_seed(seed);
        let length = dice.usize(0..900);
        let input: Vec<u8> = (0..length).map(|_| dice.u8(..)).collect();
        if let Err(panic) = std::panic::catch_unwind(|| body::any_input(&input)) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
