// Prints what the AsyncAPI parser has against a document, one finding a line; information only is left out.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const findings = await new Parser().validate(readFileSync(process.argv[2], 'utf8'));
for (const f of findings) {
  if (f.severity < 2) console.log(`${f.code} at ${f.path.join('.')}: ${f.message}`);
}
