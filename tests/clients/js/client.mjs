// What a JavaScript program of an institution or a department does with the bus: the NATS client and the CloudEvents package, nothing else.
//
//   node client.mjs publish SUBJECT TYPE ID FILE   gives a command as a CloudEvent in binary mode and prints the answer
//   node client.mjs read STREAM CONSUMER           prints the next event of a view
import { readFileSync } from "node:fs";
import { connect, headers } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";
import { CloudEvent, HTTP } from "cloudevents";

const patience = 30_000;
const conn = await connect({ servers: process.env.NATS_URL, user: process.env.NATS_USER, pass: process.env.NATS_PASSWORD });

async function publish(subject, type, id, file) {
  const source = "/parties/" + subject.split(".")[2];
  const event = new CloudEvent({ source, type, subject: id, datacontenttype: "application/json", data: JSON.parse(readFileSync(file, "utf8")) });
  // The binary mode of HTTP and that of NATS have the same headers.
  const message = HTTP.binary(event);
  const h = headers();
  for (const [name, value] of Object.entries(message.headers)) h.set(name, String(value));
  const answer = await conn.request(subject, message.body, { headers: h, timeout: patience });
  console.log(answer.string());
}

async function read(stream, consumer) {
  const reader = await jetstream(conn).consumers.get(stream, consumer);
  const m = await reader.next({ expires: patience });
  if (!m) throw new Error("nothing came");
  const h = { "content-type": "application/json" };
  for (const name of m.headers.keys()) if (name.toLowerCase().startsWith("ce-")) h[name.toLowerCase()] = m.headers.get(name);
  console.log(JSON.stringify(HTTP.toEvent({ headers: h, body: m.string() })));
  await m.ackAck();
}

const [what, ...rest] = process.argv.slice(2);
try {
  await { publish, read }[what](...rest);
} finally {
  await conn.drain();
}
