//! Medians of rounds, as Markdown tables.

use super::contestants::Dedup;

/// What one round gave.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// CPU seconds of the program per 1000 requests.
    pub cpu_per_1000: f64,
    /// Requests per second.
    pub rate: f64,
    /// Milliseconds.
    pub p50: f64,
    /// Milliseconds.
    pub p99: f64,
}

/// All rounds of one program.
#[derive(Debug)]
pub struct Line {
    pub name: &'static str,
    pub rounds: Vec<Round>,
    /// Megabytes.
    pub peak_memory: f64,
}

impl Line {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            rounds: Vec::new(),
            peak_memory: 0.0,
        }
    }

    fn sorted(&self, value: impl Fn(&Round) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    fn median(&self, value: impl Fn(&Round) -> f64) -> f64 {
        let values = self.sorted(value);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.median(|round| round.rate)
    }

    fn cpu(&self) -> f64 {
        self.median(|round| round.cpu_per_1000)
    }
}

/// Prints the table of one query.
pub fn print(query: &str, dedup: Dedup, rate: Option<f64>, lines: &[&Line]) {
    let dedup = match dedup {
        Dedup::Off => "no request shared",
        Dedup::Subgraph => "subgraph requests shared",
        Dedup::Both => "client and subgraph requests shared",
    };
    let load = match rate {
        Some(rate) => format!("{rate:.0} requests/s"),
        None => "closed loop".to_owned(),
    };
    println!("\n{query}, {dedup}, {load}\n");
    println!(
        "| | CPU s / 1000 | lowest–highest | × hive | × floor | req/s | p50 ms | p99 ms | peak MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let cpu_of = |name: &str| {
        lines
            .iter()
            .find(|line| line.name == name)
            .map(|line| line.cpu())
    };
    let ratio = |cpu: f64, other: Option<f64>| match other {
        Some(other) => format!("{:.2}", cpu / other),
        None => "–".to_owned(),
    };
    for line in lines {
        let spread = line.sorted(|round| round.cpu_per_1000);
        println!(
            "| {} | {:.4} | {:.4}–{:.4} | {} | {} | {:.0} | {:.2} | {:.2} | {:.1} |",
            line.name,
            line.cpu(),
            spread.first().unwrap_or(&f64::NAN),
            spread.last().unwrap_or(&f64::NAN),
            ratio(line.cpu(), cpu_of("hive")),
            ratio(line.cpu(), cpu_of("floor")),
            line.rate(),
            line.median(|round| round.p50),
            line.median(|round| round.p99),
            line.peak_memory,
        );
    }
}
