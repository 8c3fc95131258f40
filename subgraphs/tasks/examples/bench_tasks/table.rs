//! The table of rates.

use serde::Deserialize;

/// Tasks per second.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Rates {
    /// Enqueued in batches of 1000, nobody working.
    pub batches: f64,
    /// Leased, run and completed.
    pub run: f64,
    /// Both at once, to the last completion.
    pub both: f64,
    /// Enqueued one by one by 64 callers, nobody working.
    pub many: f64,
    /// Enqueued one by one by one caller, nobody working.
    pub alone: f64,
}

impl Rates {
    const COLUMNS: [&str; 5] = ["batches", "run", "both", "64 callers", "1 caller"];

    const fn columns(&self) -> [f64; 5] {
        [self.batches, self.run, self.both, self.many, self.alone]
    }
}

/// Who was measured.
pub struct Contestant<R> {
    pub name: &'static str,
    pub rates: R,
}

/// What the others do not do, or do otherwise.
const GUARANTEES: &str = "\
Atelier     leases that heartbeats extend; fenced: an end with an old lease changes nothing. Every end
            is a fact in the outbox, written with the change and published (counted above). Progress,
            steps, logs, results, parents and children; owners take turns; finished tasks are kept.
graphile    locks that hold for four hours; not fenced; completed jobs are deleted; no results, no
            progress, no events that outlive the process, first come first served. With the local
            queue, a crash holds up whatever was fetched.
pg-boss     locks that run out after a fixed time; an end is noted by the job's id, so one that comes
            late counts; finished jobs are kept, with results; no progress, no events, no turns.";

/// Prints rates, and ours as a multiple of the best of the others'.
pub fn print(all: &[Contestant<Rates>], by_events: f64) {
    print!("{:<30}", "tasks/s");
    for column in Rates::COLUMNS {
        print!("{column:>12}");
    }
    println!("{:>12}", "by events");
    for (at, Contestant { name, rates }) in all.iter().enumerate() {
        print!("{name:<30}");
        for rate in rates.columns() {
            print!("{rate:>12.0}");
        }
        println!(
            "{:>12}",
            if at == 0 {
                format!("{by_events:.0}")
            } else {
                "-".to_owned()
            }
        );
    }
    let [ours, others @ ..] = all else { return };
    if others.is_empty() {
        return;
    }
    print!("{:<30}", "ours / best of the others");
    for (at, rate) in ours.rates.columns().into_iter().enumerate() {
        let rates = others.iter().map(|other| other.rates.columns()[at]);
        let best = rates.fold(0.0, f64::max);
        print!("{:>12}", format!("{:.2} x", rate / best));
    }
    println!("\n\n{GUARANTEES}");
}
