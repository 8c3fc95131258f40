-- A heartbeat changes nothing that is indexed, and finds room on the row's page: no index is touched.
-- Leases that have run out are found among the running tasks, which are few, by task_lease.
DROP INDEX task_lease_expires_at;
ALTER TABLE task SET (fillfactor = 80);
