// Reads schemas/asyncapi.yaml as AsyncAPI's own parser does: no error, no warning, and every operation leads to a
// topic and to messages with a payload.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const file = process.argv[2] ?? new URL('../../schemas/asyncapi.yaml', import.meta.url);
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));

// AsyncAPI 3.0 is what the team's tools read; that there is a 3.1 is no problem.
const problems = diagnostics
  .filter(({ code }) => code !== 'asyncapi-latest-version')
  .map(({ code, message, path }) => `${path.join('.')}: ${message} (${code})`);
const topics = new Set();
for (const operation of document?.operations() ?? []) {
  const [channel] = operation.channels().all();
  const messages = operation.messages().all();
  if (!channel?.address()) problems.push(`${operation.id()}: no topic`);
  if (messages.length === 0) problems.push(`${operation.id()}: no message`);
  for (const message of messages) {
    if (!message.payload()) problems.push(`${operation.id()}: ${message.name()} has no payload`);
    if (!message.headers()) problems.push(`${operation.id()}: ${message.name()} has no headers`);
    if (message.examples().all().length === 0) problems.push(`${operation.id()}: ${message.name()} has no example`);
  }
  topics.add(channel?.address());
}
for (const channel of document?.channels() ?? []) {
  if (!topics.has(channel.address())) problems.push(`${channel.address()}: no operation`);
}
if (topics.size === 0) problems.push('no operations');

for (const problem of problems) console.error(problem);
console.log(`asyncapi.yaml: ${topics.size} topics, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
