// pg-boss: `node pgboss.mjs TASKS`, fetching and completing batches of 200.

import PgBoss from 'pg-boss'
import { CONNECTIONS, measure, url } from './measure.mjs'

const QUEUE = 'bench'
const BATCH = 200
const LOOPS = 4

const boss = new PgBoss({ connectionString: url, max: CONNECTIONS, supervise: false, schedule: false })
boss.on('error', (error) => process.stderr.write(`${error}\n`))
await boss.start()
await boss.createQueue(QUEUE)

const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

await measure({
  batch: (ns) => boss.insert(ns.map((n) => ({ name: QUEUE, data: { n } }))),
  single: (n) => boss.send(QUEUE, { n }),
  // Its own loop looks for work twice a second at most, so this one is driven by hand.
  start: async (done) => {
    let working = true
    const loop = async () => {
      while (working) {
        const jobs = await boss.fetch(QUEUE, { batchSize: BATCH })
        if (jobs.length === 0) {
          await pause()
          continue
        }
        await boss.complete(QUEUE, jobs.map((job) => job.id))
        done(jobs.length)
      }
    }
    const loops = Array.from({ length: LOOPS }, loop)
    return async () => {
      working = false
      await Promise.all(loops)
    }
  },
  unfinished: "SELECT count(*) FROM pgboss.job WHERE name = 'bench' AND state < 'completed'",
  empty: "DELETE FROM pgboss.job WHERE name = 'bench'"
})
await boss.stop({ graceful: false })
