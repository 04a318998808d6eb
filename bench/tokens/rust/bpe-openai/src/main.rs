#[path = "../../harness.rs"]
mod harness;

fn main() {
    harness::run("bpe-openai", |encoding| {
        let t = match encoding {
            "cl100k_base" => bpe_openai::cl100k_base(),
            "o200k_base" => bpe_openai::o200k_base(),
            _ => return None,
        };
        Some(move |s: &str| t.count(s))
    });
}
