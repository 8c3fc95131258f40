// What is measured of every contestant, in the same order and the same numbers as of ours.

import pg from 'pg'

/** Tasks of a batch. */
const BATCH = 1000
/** Callers who enqueue single tasks at the same time. */
const CALLERS = 64
/** Connections of a contestant's pool, as many as ours has. */
export const CONNECTIONS = 16
/** How often a count is read while tasks are completed, in milliseconds. */
const LOOK_EVERY = 20

export const url = process.env.BENCH_DATABASE_URL

const count = Number(process.argv[2])
if (!url || !Number.isInteger(count) || count < 1) {
  throw new Error('started by bench_tasks, with BENCH_DATABASE_URL and a number of tasks')
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function rate(tasks, work) {
  const started = performance.now()
  await work()
  return (tasks * 1000) / (performance.now() - started)
}

/**
 * Measures a contestant and prints its rates in tasks per second as one line of JSON.
 *
 * `batch(ns)` enqueues tasks together, `single(n)` enqueues one; `start(done)` starts workers that
 * call `done(tasks)` when their handlers have run, and returns a function that stops them. `unfinished`
 * is a statement that counts the tasks that are not completed, `empty` one that removes all.
 */
export async function measure({ batch, single, start, unfinished, empty, slow = 1 }) {
  const look = new pg.Client({ connectionString: url })
  await look.connect()
  const enqueue = async (tasks) => {
    for (let first = 0; first < tasks; first += BATCH) {
      const size = Math.min(BATCH, tasks - first)
      await batch(Array.from({ length: size }, (_, n) => first + n))
    }
  }
  const oneByOne = async (tasks, callers) => {
    const caller = async (first) => {
      for (let n = first; n < tasks; n += callers) await single(n)
    }
    await Promise.all(Array.from({ length: callers }, (_, first) => caller(first)))
  }
  let done = 0
  const completed = async (tasks) => {
    while (done < tasks) await pause(LOOK_EVERY)
    done = 0
    for (;;) {
      const { rows } = await look.query(unfinished)
      if (Number(rows[0].count) === 0) return
      await pause(LOOK_EVERY)
    }
  }
  const settle = async () => {
    await look.query('VACUUM ANALYZE')
    await look.query('CHECKPOINT')
  }
  const worked = async (tasks) => {
    const stop = await start((tasks) => { done += tasks })
    await completed(tasks)
    return stop
  }

  // Warm-up: code is compiled, connections are made.
  const few = Math.min(count, 2 * BATCH)
  await enqueue(few)
  await oneByOne(Math.min(few, 200), CALLERS)
  await (await worked(few + Math.min(few, 200)))()
  await settle()

  const rates = {}
  const some = Math.max(1, Math.floor(count / slow))
  rates.batches = await rate(count, () => enqueue(count))
  if (slow > 1) {
    await look.query(empty)
    await enqueue(some)
  }
  await settle()
  let stop
  rates.run = await rate(some, async () => { stop = await worked(some) })
  await settle()
  rates.both = await rate(some, async () => {
    await enqueue(some)
    await completed(some)
  })
  await stop()
  await settle()
  const many = Math.max(1, Math.floor(count / 2))
  rates.many = await rate(many, () => oneByOne(many, CALLERS))
  const alone = Math.max(1, Math.floor(count / 20))
  rates.alone = await rate(alone, () => oneByOne(alone, 1))
  await look.end()
  process.stdout.write(`${JSON.stringify(rates)}\n`)
}
