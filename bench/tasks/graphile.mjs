// graphile-worker: `node graphile.mjs TASKS [local]`, with its local queue or without.

import pg from 'pg'
import { Logger, makeWorkerUtils, run, runMigrations } from 'graphile-worker'
import { CONNECTIONS, measure, url } from './measure.mjs'

const local = process.argv[3] === 'local'
const logger = new Logger(() => (level, message) => {
  if (level === 'error') process.stderr.write(`${message}\n`)
})
const pgPool = new pg.Pool({ connectionString: url, max: CONNECTIONS })
pgPool.on('error', () => {})
// What its guide to performance recommends where throughput counts.
const fast = {
  worker: {
    concurrentJobs: 200,
    maxPoolSize: CONNECTIONS,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0
  }
}
const plain = { worker: { concurrentJobs: 24, maxPoolSize: CONNECTIONS } }
const preset = local ? fast : plain

await runMigrations({ pgPool, logger })
const utils = await makeWorkerUtils({ pgPool, logger })
const job = (n) => ({ identifier: 'noop', payload: { n } })

await measure({
  batch: (ns) => utils.addJobs(ns.map(job)),
  single: (n) => utils.addJob('noop', { n }),
  start: async (done) => {
    const noop = async () => done(1)
    const runner = await run({ pgPool, logger, preset, taskList: { noop }, noHandleSignals: true })
    return () => runner.stop()
  },
  unfinished: 'SELECT count(*) FROM graphile_worker._private_jobs',
  empty: 'DELETE FROM graphile_worker._private_jobs',
  slow: local ? 1 : 5
})
await utils.release()
await pgPool.end()
