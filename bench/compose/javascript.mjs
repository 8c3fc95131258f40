// Composes the SDL files of a folder with the JavaScript composer and
// prints the median time in milliseconds: node javascript.mjs FOLDER ROUNDS
import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "graphql";
import { composeServices } from "@theguild/federation-composition";

const [folder, rounds] = process.argv.slice(2);
const subgraphs = readdirSync(folder).map((file) => {
  const name = basename(file, ".graphql");
  return { name, url: `http://${name}/graphql`, sdl: readFileSync(join(folder, file), "utf8") };
});
const times = [];
for (let round = 0; round < Math.max(1, Number(rounds)); round += 1) {
  const start = performance.now();
  const composed = composeServices(
    subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })),
  );
  if (composed.errors?.length) {
    throw new Error(composed.errors[0].message);
  }
  // Both composers are to hand out text: the supergraph and the API schema.
  if (!composed.supergraphSdl || !composed.publicSdl) {
    throw new Error("nothing was composed");
  }
  times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
console.log(times[Math.floor(times.length / 2)].toFixed(1));
