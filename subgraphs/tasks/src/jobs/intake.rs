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

#[async_trait]
impl Consumer for Intake {
    fn name(&self) -> &'static str {
        "intake"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[TASK_REQUESTED, TASK_CANCEL_REQUESTED]
    }

    async fn handle(&self, connection: &mut Connection, event: &Event) -> Result<(), Error> {
        let changed = match event.topic.as_str() {
            TASK_REQUESTED => {
                let task: NewTask = event.details()?;
                self.engine
                    .take_up(connection, task, event.trace.clone())
                    .await?
            }
            _ => {
                let tasks: Vec<Id<Task>> = event.details()?;
                self.engine.cancel_with(connection, &tasks).await?
            }
        };
        self.told.lock().extend(changed);
        Ok(())
    }

    fn committed(&self) {
        let changed = std::mem::take(&mut *self.told.lock());
        self.engine.ask_to_stop(&changed);
        self.engine.taken_up(&changed);
    }
}
