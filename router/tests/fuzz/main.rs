//! The fuzz targets' seeds and inputs made from them, always the same ones.

#[path = "../../fuzz/src/drive.rs"]
mod drive;

/// Pieces inserted between others.
const PIECES: [&[u8]; 24] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b":",
    b",",
    b"\"",
    b"\\",
    b"null",
    b"true",
    b"...",
    b"@skip(if: true)",
    b"__typename",
    b"-1e999",
    b"\xf0\x9f\x98\x80",
    b"\xff",
    b"\\ud800",
    b"$x",
    b"!",
    b"fragment F on Item { ...F }",
    b"{\"data\":",
    b" ",
];

/// xorshift: a fixed sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len());
        match random.below(5) {
            0 => input.truncate(at),
            1 if at < input.len() => input[at] ^= 1 << random.below(8),
            2 => {
                let end = (at + random.below(12)).min(input.len());
                input.drain(at..end);
            }
            3 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                input.splice(at..at, other[from..].iter().copied());
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                input.splice(at..at, piece.iter().copied());
            }
        }
    }
    input
}

/// Gives what the seeds were answered with.
fn replay(name: &str, run: fn(&[u8]) -> String, inputs: usize) -> Vec<String> {
    let seeds = seeds(name);
    let mut random = Random(0x5eed_1234_5678_9abc);
    let answers = seeds.iter().map(|seed| run(seed)).collect();
    for _ in 0..inputs {
        run(&mutated(&seeds, &mut random));
    }
    assert_eq!(drive::panics(), 0);
    answers
}

#[test]
fn no_document_makes_the_router_panic() {
    let answers = replay("operation", drive::operation, 3000);
    let valid = answers
        .iter()
        .filter(|answer| answer.contains("\"data\":{"));
    assert!(
        valid.count() >= 5,
        "the seeds are good documents: {answers:#?}"
    );
}

#[test]
fn whatever_a_subgraph_answers_the_client_gets_json() {
    let answers = replay("answer", drive::answer, 5000);
    let given = answers
        .iter()
        .filter(|answer| answer.contains("\"data\":{"));
    assert!(
        given.count() >= 10,
        "the seeds are good answers: {answers:#?}"
    );
}
