// Writes the licences of every package that went into the bundle: node licences.js META OUTPUT
import {readFileSync, readdirSync, writeFileSync} from "node:fs";

const [meta, output] = process.argv.slice(2);
const [bundle] = Object.values(JSON.parse(readFileSync(meta, "utf8")).outputs);
const used = Object.entries(bundle.inputs).filter(([, {bytesInOutput}]) => bytesInOutput > 0);
const packages = new Set(used.map(([path]) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean));

const texts = [...packages].sort().map((name) => {
  const folder = `node_modules/${name}`;
  const {version, license} = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : "(the package has no licence file)";
  return `${name} ${version} (${license})\n\n${text}\n`;
});
writeFileSync(output, texts.join(`\n${"-".repeat(80)}\n\n`));
