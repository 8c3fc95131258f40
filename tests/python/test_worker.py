"""An external worker against a running Atelier: it leases, tells, completes, and is kept out.

ATELIER_URL says where Atelier is, ATELIER_ADMIN and ATELIER_ADMIN_PASSWORD who may set up a queue.
"""

import os
import subprocess
import sys
import time
import unittest
import uuid
from pathlib import Path

from worker import COMPLETE, HEARTBEAT, Client, Refused, Worker

URL = os.environ.get("ATELIER_URL", "http://127.0.0.1:4000")
# How long a test waits for what has to happen.
DEADLINE = 60

LOGIN = """mutation($input: AuthLoginInput!) {
  authLogin(input: $input) { tokens { accessToken } userErrors { code message } } }"""
TOKEN = """mutation($input: AccessTokenCreateInput!) {
  accessTokenCreate(input: $input) { secret accessToken { id } userErrors { code message } } }"""
DECLARE = """mutation($input: TaskResultDeclareInput!) {
  taskResultDeclare(input: $input) { userErrors { code message } } }"""
GRANT = """mutation($input: WorkerGrantSetInput!) {
  workerGrantSet(input: $input) { userErrors { code message } } }"""
SUM = {"type": "object", "required": ["sum"], "properties": {"sum": {"type": "number"}}, "additionalProperties": False}
SCHEDULE = """mutation($input: ScheduleUpsertInput!) {
  scheduleUpsert(input: $input) { schedule { name } userErrors { code message } } }"""
UNSCHEDULE = """mutation($input: ScheduleDeleteInput!) {
  scheduleDelete(input: $input) { userErrors { code message } } }"""
TASK = "query($id: ID!) { task(id: $id) { status progress result attempt logs { line } error { code message } } }"


def eventually(what, look):
    """Asks until there is an answer."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"never came: {what}")


class ExternalWorker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        anybody = Client(URL)
        signed_in = anybody.change(
            LOGIN, login=os.environ["ATELIER_ADMIN"], password=os.environ["ATELIER_ADMIN_PASSWORD"]
        )
        cls.admin = Client(URL, signed_in["tokens"]["accessToken"])
        made = cls.admin.change(TOKEN, name="python worker", scopes=["worker"])
        cls.token, cls.token_id = made["secret"], made["accessToken"]["id"]
        cls.client = Client(URL, cls.token)
        cls.admin.change(DECLARE, type="python.add", result=SUM)
        cls.queues = []

    def grant(self, queue):
        """Binds the worker's token to one more queue."""
        self.queues.append(queue)
        self.admin.change(GRANT, accessTokenId=self.token_id, queues=self.queues, types=["python.add"])

    def queue_with(self, payload):
        """A new queue that gets a task every second, and no more after the test."""
        name = f"python-{uuid.uuid4().hex}"
        self.admin.change(
            SCHEDULE, name=name, cron="* * * * * *", type="python.add", queue=name, payload=payload, overlap=True
        )
        self.addCleanup(self.admin.change, UNSCHEDULE, name=name)
        self.grant(name)
        return name

    def leased(self, worker):
        """One leased task."""
        return eventually("a task", lambda: worker.lease()[0])[0]

    def task(self, lease):
        """The leased task as administrators see it."""
        return self.admin.ask(TASK, {"id": lease["taskId"]})["task"]

    def test_a_leased_task_is_done_and_its_progress_and_result_are_seen(self):
        worker = Worker(self.client, self.queue_with({"numbers": [1, 2, 39]}))
        lease = self.leased(worker)
        self.assertEqual((lease["type"], lease["attempt"]), ("python.add", 1))
        worker.work(lease)
        task = eventually("the end", lambda: (t := self.task(lease))["status"] == "SUCCEEDED" and t)
        self.assertEqual((task["result"], task["progress"]), ({"sum": 42}, 1.0))
        lines = eventually("the log", lambda: len(t := self.task(lease)["logs"]) == 3 and t)
        self.assertEqual([entry["line"] for entry in lines], ["added 1", "added 2", "added 39"])

    def test_a_payload_that_makes_no_sense_fails_the_task_for_good(self):
        worker = Worker(self.client, self.queue_with({"numbers": "many"}))
        lease = self.leased(worker)
        worker.work(lease)
        task = eventually("the end", lambda: (t := self.task(lease))["status"] == "FAILED" and t)
        self.assertEqual(task["error"]["code"], "BAD_INPUT")

    def test_a_lease_that_is_over_changes_nothing(self):
        worker = Worker(self.client, self.queue_with({"numbers": [1]}))
        lease = self.leased(worker)
        worker.work(lease)
        before = self.task(lease)
        for mutation, more in [(COMPLETE, {"result": {"sum": 666}}), (HEARTBEAT, {"progress": 0.5})]:
            with self.assertRaises(Refused) as refused:
                self.client.change(mutation, leaseId=lease["leaseId"], **more)
            self.assertEqual(refused.exception.codes, ["LEASE_LOST"])
        self.assertEqual(self.task(lease)["result"], before["result"])

    def test_a_result_that_is_not_what_was_declared_is_refused_and_the_lease_stays(self):
        worker = Worker(self.client, self.queue_with({"numbers": [1]}))
        lease = self.leased(worker)
        with self.assertRaises(Refused) as refused:
            self.client.change(COMPLETE, leaseId=lease["leaseId"], result={"sum": "<script>"})
        self.assertEqual(refused.exception.codes, ["RESULT_INVALID"])
        self.assertEqual(self.task(lease)["status"], "RUNNING")
        self.client.change(COMPLETE, leaseId=lease["leaseId"], result={"sum": 1})
        self.assertEqual(self.task(lease)["status"], "SUCCEEDED")

    def test_a_token_leases_only_what_it_was_granted(self):
        self.grant(f"python-{uuid.uuid4().hex}")
        for queue in ["default", "media"]:
            with self.assertRaises(Refused) as refused:
                Worker(self.client, queue)
            self.assertEqual(refused.exception.codes, ["NOT_GRANTED"])

    def test_a_drained_worker_gets_nothing_more(self):
        worker = Worker(self.client, self.queue_with({"numbers": [1]}))
        self.leased(worker)
        worker.drain()
        self.assertEqual(worker.lease(), ([], True))

    def test_a_token_without_the_scope_leases_nothing(self):
        secret = self.admin.change(TOKEN, name="no worker", scopes=[])["secret"]
        with self.assertRaisesRegex(RuntimeError, "FORBIDDEN"):
            Worker(Client(URL, secret), "default")

    def test_nobody_leases_anything(self):
        with self.assertRaisesRegex(RuntimeError, "UNAUTHENTICATED"):
            Worker(Client(URL), "default")

    def test_the_program_does_two_tasks_and_ends(self):
        queue = self.queue_with({"numbers": [20, 22]})
        program = Path(__file__).with_name("worker.py")
        environment = {**os.environ, "ATELIER_URL": URL, "ATELIER_TOKEN": self.token}
        ended = subprocess.run(
            [sys.executable, str(program), queue, "--tasks", "2"],
            env=environment, capture_output=True, text=True, timeout=DEADLINE,
        )
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
