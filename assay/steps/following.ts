import { After, Then, When } from "@cucumber/cucumber";
import { openEvents, type EventStream, textInEvent } from "../src/http/event-stream.ts";
import { fault } from "../src/http/fault.ts";
import { headerOf, nameOf } from "../src/http/reading.ts";
import { expectSuccess } from "../src/http/refusal.ts";
import { eventually } from "../src/poll.ts";
import type { Shop } from "./world.ts";

When(
  /^([A-Z][a-z]+|a visitor) follows the order( from where they stopped)?$/,
  async function (this: Shop, who: string, again: string | null) {
    const last = this.streams.get(who);
    const lastId = again === null ? undefined : lastIdOf(last);
    last?.close();
    const path = `/api/v2/orders/${this.lastOrder.id}/events` as const;
    const stream = await openEvents(this, { sender: this.sender(who), path, lastId });
    this.answer = stream.exchange;
    this.streams.set(who, stream);
  },
);

function lastIdOf(stream: EventStream | undefined): string {
  const id = stream?.events.at(-1)?.id ?? "";
  if (id === "") throw fault(stream?.exchange, "The last event that was heard had no id to go on from");
  return id;
}

When("{person} stops following", function (this: Shop, who: string) {
  streamOf(this, who).close();
});

Then(/^within (\d+) seconds ([A-Z][a-z]+) has heard: (.+)$/, async function (this: Shop, seconds, who, states) {
  const stream = streamOf(this, String(who));
  expectSuccess(stream.exchange, 200, "here it is");
  const type = headerOf(stream.exchange, "content-type");
  if (!/^text\/event-stream\s*(;|$)/i.test(type)) {
    throw fault(stream.exchange, `${nameOf(stream.exchange)} is sent as "${type}" and not as text/event-stream`);
  }
  await eventually(Number(seconds) * 1000, async () => {
    const heard = stream.events.map((event) => textInEvent(stream, event, "status")).join(", ");
    if (heard !== states) throw fault(stream.exchange, `${who} has heard "${heard}" and not "${states}"`);
  });
});

Then(/^within (\d+) seconds the stream of ([A-Z][a-z]+) has ended$/, async function (this: Shop, seconds, who) {
  const stream = streamOf(this, String(who));
  await eventually(Number(seconds) * 1000, async () => {
    if (!stream.hasEnded) throw fault(stream.exchange, "The order is at its end, but the stream goes on");
  });
});

Then("nothing more is to come", function (this: Shop) {
  expectSuccess(this.answer, 204, "there is nothing more");
});

After(function (this: Shop) {
  for (const stream of this.streams.values()) stream.close();
});

function streamOf(shop: Shop, who: string): EventStream {
  const stream = shop.streams.get(who);
  if (stream === undefined) throw fault(undefined, `${who} follows nothing in this scenario`);
  return stream;
}
