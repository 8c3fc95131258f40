"""An external worker for Atelier with nothing but the standard library.

    ATELIER_URL=http://127.0.0.1:4000 ATELIER_TOKEN=… python3 worker.py QUEUE

The token needs the scope `worker` and a grant of the queue (docs/WORKERS.md). The worker leases tasks of one queue, tells how far each is,
and completes it with the sum of the `numbers` in its payload; any other payload fails the task for
good. It ends when told to drain, or after the number of tasks given by --tasks.
"""

import argparse
import json
import os
import time
import urllib.error
import urllib.request

REGISTER = """mutation($input: WorkerRegisterInput!) {
  workerRegister(input: $input) { worker { id } userErrors { code message } } }"""
LEASE = """mutation($input: TaskLeaseInput!) {
  taskLease(input: $input) {
    granted { leases { leaseId taskId type payload attempt } draining }
    userErrors { code message } } }"""
HEARTBEAT = """mutation($input: TaskHeartbeatInput!) {
  taskHeartbeat(input: $input) { userErrors { code message } } }"""
COMPLETE = """mutation($input: TaskCompleteInput!) {
  taskComplete(input: $input) { userErrors { code message } } }"""
FAIL = """mutation($input: TaskFailInput!) {
  taskFail(input: $input) { userErrors { code message } } }"""
DRAIN = """mutation($input: WorkerDrainInput!) {
  workerDrain(input: $input) { userErrors { code message } } }"""


class Refused(Exception):
    """A mutation was refused; `codes` says why."""

    def __init__(self, errors):
        super().__init__(json.dumps(errors, ensure_ascii=False))
        self.codes = [error["code"] for error in errors]


class Client:
    """The API over HTTP."""

    def __init__(self, url, token=None):
        self.endpoint = url.rstrip("/") + "/graphql"
        self.token = token

    def ask(self, query, variables=None):
        """Sends one operation and returns its data."""
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = urllib.request.Request(self.endpoint, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as refused:
            answer = json.load(refused)
        if answer.get("errors"):
            raise RuntimeError(json.dumps(answer["errors"], ensure_ascii=False))
        return answer["data"]

    def change(self, mutation, **given):
        """Sends one mutation and returns its payload."""
        (payload,) = self.ask(mutation, {"input": given}).values()
        if payload["userErrors"]:
            raise Refused(payload["userErrors"])
        return payload


class Worker:
    """Leases tasks of one queue and does them."""

    def __init__(self, client, queue, name="python-worker"):
        self.client = client
        self.id = client.change(REGISTER, name=name, queues=[queue])["worker"]["id"]

    def lease(self, most=1):
        """The tasks leased now, and whether the worker is to take no more."""
        granted = self.client.change(LEASE, workerId=self.id, max=most, leaseSeconds=30)["granted"]
        return granted["leases"], granted["draining"]

    def work(self, lease):
        """Does one task."""
        lease_id, payload = lease["leaseId"], lease["payload"]
        numbers = payload.get("numbers") if isinstance(payload, dict) else None
        if not isinstance(numbers, list) or not all(isinstance(n, (int, float)) for n in numbers):
            self.client.change(
                FAIL, leaseId=lease_id, code="BAD_INPUT", message="`numbers` is no list of numbers.", retryable=False
            )
            return
        total = 0
        for done, number in enumerate(numbers, start=1):
            total += number
            self.client.change(
                HEARTBEAT, leaseId=lease_id, progress=done / len(numbers), step="adding", log=[f"added {number}"]
            )
        self.client.change(COMPLETE, leaseId=lease_id, result={"sum": total})

    def drain(self):
        """Says that the worker takes no more."""
        self.client.change(DRAIN, workerId=self.id)


def main():
    arguments = argparse.ArgumentParser(description="An external worker that adds numbers.")
    arguments.add_argument("queue")
    arguments.add_argument("--tasks", type=int, help="end after so many tasks")
    arguments = arguments.parse_args()
    client = Client(os.environ.get("ATELIER_URL", "http://127.0.0.1:4000"), os.environ["ATELIER_TOKEN"])
    worker = Worker(client, arguments.queue)
    done = 0
    while arguments.tasks is None or done < arguments.tasks:
        leases, draining = worker.lease()
        if draining:
            break
        if not leases:
            # There is no call that waits for work: ask again soon.
            time.sleep(0.2)
        for lease in leases:
            worker.work(lease)
            done += 1
    worker.drain()


if __name__ == "__main__":
    main()
