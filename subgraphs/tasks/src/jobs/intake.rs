//! Taking up the tasks that other domains ask for.

use async_trait::async_trait;
use atelier_kit::{
    db::Connection,
    error::Error,
    event::{Consumer, Event},
    id::{Id, Task},
    jobs::{NewTask, TASK_CANCEL_REQUESTED, TASK_REQUESTED},
};
use parking_lot::Mutex;

use crate::{db::Changed, engine::Engine};

/// Turns requests in the outboxes of other domains into tasks. A request that comes twice makes one
/// task, because the asker chose its id.
pub struct Intake {
    engine: Engine,
    /// What was done in transactions whose commit has not been noted yet.
    told: Mutex<Vec<Changed>>,
}

impl Intake {
    /// Takes up tasks for `engine`.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            told: Mutex::default(),
        }
    }
}

impl Intake {
    async fn request(
        &self,
        connection: &mut Connection,
        events: &[Event],
    ) -> Result<Vec<Changed>, Error> {
        let asked: Result<Vec<(NewTask, Option<String>)>, Error> = events
            .iter()
            .map(|event| Ok((event.details()?, event.trace.clone())))
            .collect();
        self.engine.take_up(connection, asked?).await
    }

    async fn cancel(
        &self,
        connection: &mut Connection,
        events: &[Event],
    ) -> Result<Vec<Changed>, Error> {
        let mut tasks: Vec<Id<Task>> = Vec::new();
        for event in events {
            tasks.extend(event.details::<Vec<Id<Task>>>()?);
        }
        self.engine.cancel_with(connection, &tasks).await
    }
}

#[async_trait]
impl Consumer for Intake {
    fn name(&self) -> &'static str {
        "intake"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[TASK_REQUESTED, TASK_CANCEL_REQUESTED]
    }

    async fn handle(&self, connection: &mut Connection, event: &Event) -> Result<(), Error> {
        self.handle_all(connection, std::slice::from_ref(event))
            .await
    }

    async fn handle_all(&self, connection: &mut Connection, events: &[Event]) -> Result<(), Error> {
        let mut changed = Vec::new();
        for run in events.chunk_by(|one, next| one.topic == next.topic) {
            let requests = run[0].topic == TASK_REQUESTED;
            changed.extend(if requests {
                self.request(connection, run).await?
            } else {
                self.cancel(connection, run).await?
            });
        }
        self.told.lock().extend(changed);
        Ok(())
    }

    fn committed(&self) {
        let changed = std::mem::take(&mut *self.told.lock());
        self.engine.ask_to_stop(&changed);
        self.engine.taken_up(&changed);
    }
}
