//! Schedules: tasks that are asked for again and again, at the times of a cron pattern.

use std::str::FromStr;

use atelier_kit::{error::Error, jobs::NewTask};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use serde_json::Value;

use super::{Engine, operation::Changes};
use crate::{
    db::{self, schedule::ScheduleRow},
    kinds::MissedRuns,
};

/// A task that is enqueued again and again.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Its name, unique.
    pub name: String,
    /// Five fields (minute, hour, day, month, weekday), or six with seconds in front.
    pub cron: String,
    /// IANA time zone in which the pattern is meant.
    pub timezone: String,
    /// Type of the tasks.
    pub task_type: String,
    /// Queue of the tasks.
    pub queue: String,
    /// Priority of the tasks.
    pub priority: i16,
    /// Payload of the tasks.
    pub payload: Value,
    /// Attempts that each task has.
    pub max_attempts: i16,
    /// What to do about missed runs.
    pub missed_runs: MissedRuns,
    /// Whether a task may be asked for while the one before is not finished.
    pub overlap: bool,
    /// Whether anything happens at all.
    pub enabled: bool,
}

/// Why a schedule is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleProblem {
    /// The pattern is not one, or never comes true; says why.
    Cron(String),
    /// There is no such time zone.
    Timezone,
}

/// A run that starts later than this was missed.
const LATE: TimeDelta = TimeDelta::minutes(1);
/// Missed runs that are made up for at most.
const MAKE_UP: usize = 100;

/// The time of the next run after `after`; `None` if there is none.
fn next(cron: &Cron, timezone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    cron.find_next_occurrence(&after.with_timezone(&timezone), false)
        .ok()
        .map(|time| time.with_timezone(&Utc))
}

fn parse(pattern: &str, timezone: &str) -> Result<(Cron, Tz), ScheduleProblem> {
    let cron = Cron::from_str(pattern).map_err(|cause| ScheduleProblem::Cron(cause.to_string()))?;
    Ok((
        cron,
        timezone.parse().map_err(|_| ScheduleProblem::Timezone)?,
    ))
}

impl ScheduleRow {
    /// The times of the next runs, for a calendar.
    pub fn upcoming(&self, count: usize) -> Vec<DateTime<Utc>> {
        let (Ok((cron, timezone)), Some(first)) =
            (parse(&self.cron, &self.timezone), self.next_run_at)
        else {
            return Vec::new();
        };
        if !self.enabled {
            return Vec::new();
        }
        std::iter::successors(Some(first), |time| next(&cron, timezone, *time))
            .take(count)
            .collect()
    }

    fn task(&self, engine: &Engine) -> NewTask {
        NewTask {
            priority: self.priority,
            max_attempts: self.max_attempts,
            unique_key: (!self.overlap).then(|| format!("schedule:{}", self.name)),
            ..NewTask::new(
                engine.deps().new_id(),
                &self.task_type,
                &self.queue,
                self.payload.clone(),
            )
        }
    }

    /// How often to run at `now`, and when next.
    fn due(&self, now: DateTime<Utc>) -> (usize, Option<DateTime<Utc>>) {
        let (Ok((cron, timezone)), Some(first)) =
            (parse(&self.cron, &self.timezone), self.next_run_at)
        else {
            return (0, None);
        };
        let mut late = 0;
        let mut on_time = 0;
        let mut time = Some(first);
        while let Some(due) = time.filter(|due| *due <= now) {
            if now - due > LATE {
                late += 1;
            } else {
                on_time += 1;
            }
            // Years of missed seconds are not counted one by one.
            time = if late < MAKE_UP {
                next(&cron, timezone, due)
            } else {
                next(&cron, timezone, due.max(now - LATE))
            };
        }
        let runs = match self.missed_runs {
            MissedRuns::Skip => on_time.min(1),
            MissedRuns::RunOnce => (late + on_time).min(1),
            MissedRuns::RunAll => (late + on_time).min(MAKE_UP),
        };
        (runs, time)
    }
}

impl Engine {
    /// Creates or changes a schedule.
    ///
    /// # Errors
    /// The outer error is the database's; the inner one says what is wrong with the schedule.
    pub async fn schedule(
        &self,
        schedule: Schedule,
    ) -> Result<Result<ScheduleRow, ScheduleProblem>, Error> {
        let now = self.now();
        let (cron, timezone) = match parse(&schedule.cron, &schedule.timezone) {
            Ok(parsed) => parsed,
            Err(problem) => return Ok(Err(problem)),
        };
        let Some(first) = next(&cron, timezone, now) else {
            return Ok(Err(ScheduleProblem::Cron(
                "The pattern never comes true.".to_owned(),
            )));
        };
        self.know_queues(std::iter::once(schedule.queue.as_str()))
            .await?;
        let row = ScheduleRow {
            name: schedule.name,
            cron: schedule.cron,
            timezone: schedule.timezone,
            task_type: schedule.task_type,
            queue: schedule.queue,
            priority: schedule.priority,
            payload: schedule.payload,
            max_attempts: schedule.max_attempts,
            missed_runs: schedule.missed_runs,
            overlap: schedule.overlap,
            enabled: schedule.enabled,
            next_run_at: Some(first),
            last_run_at: None,
            updated_at: now,
        };
        self.deps()
            .statement(async |tx| Ok(Ok(db::schedule::upsert(tx, &row).await?)))
            .await
    }

    /// Asks for the tasks of schedules whose time has come. Returns how many.
    ///
    /// A run is asked for in the transaction that also sets the next one, so each happens once
    /// however many processes look.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database does not answer.
    pub async fn run_schedules(&self) -> Result<usize, Error> {
        let now = self.now();
        self.deps()
            .transaction(async |tx| {
                let mut changes = Changes::default();
                for schedule in db::schedule::due(tx, now).await? {
                    let (runs, next) = schedule.due(now);
                    let tasks: Vec<_> = (0..runs).map(|_| (schedule.task(self), None)).collect();
                    let (inserted, _) = self.insert(tx, &tasks).await?;
                    changes.states.extend(inserted);
                    let last = (runs > 0).then_some(now);
                    db::schedule::advance(tx, &schedule.name, last, next).await?;
                }
                self.announce(tx, &changes);
                Ok(changes.states.len())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(pattern: &str, timezone: &str, after: &str, count: usize) -> Vec<String> {
        let (cron, timezone) = parse(pattern, timezone).unwrap();
        let after: DateTime<Utc> = after.parse().unwrap();
        let runs = std::iter::successors(Some(after), |time| next(&cron, timezone, *time))
            .skip(1)
            .take(count);
        runs.map(|time| time.format("%dT%H:%M").to_string())
            .collect()
    }

    #[test]
    fn a_daily_run_keeps_its_local_hour_across_the_change_of_clocks() {
        assert_eq!(
            times("0 9 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3),
            ["28T08:00", "29T07:00", "30T07:00"],
            "clocks go forward on the 29th"
        );
        assert_eq!(
            times("0 9 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z", 3),
            ["24T07:00", "25T08:00", "26T08:00"]
        );
    }

    #[test]
    fn a_run_in_the_lost_or_doubled_hour_happens_once_a_day() {
        let spring = times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 3);
        assert_eq!(spring.len(), 3);
        assert!(spring[0].starts_with("29T01"), "{spring:?}");
        assert_eq!(spring[1], "30T00:30");
        let autumn = times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(
            autumn,
            ["25T00:30", "26T01:30"],
            "02:30 comes twice on the 25th"
        );
    }

    #[test]
    fn patterns_and_zones_are_checked() {
        assert!(matches!(
            parse("every day", "UTC"),
            Err(ScheduleProblem::Cron(_))
        ));
        assert_eq!(
            parse("0 9 * * *", "Mars/Olympus").unwrap_err(),
            ScheduleProblem::Timezone
        );
    }
}
