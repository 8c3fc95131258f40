-- Undoing the first migration of the domain: there is nothing before it to keep.
DROP TABLE task_type, schedule, worker, queue, task_log, task_step, task;
