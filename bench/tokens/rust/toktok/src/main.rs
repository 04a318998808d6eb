#[path = "../../harness.rs"]
mod harness;

fn main() {
    harness::run("toktok-rs", |encoding| {
        let t = toktok::Tokenizer::builtin(encoding).ok()?;
        Some(move |s: &str| t.count(s.as_bytes()))
    });
}
