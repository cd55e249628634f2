import type { Context } from "#src/platform/context.ts";
import { recordAct } from "#src/modules/identity/public.ts";
import { transact } from "#src/platform/database/transact.ts";
import type { App } from "#src/platform/http/app.ts";
import { type ListOptions, listQuery, MAX_COUNTED, pageOf, readPage, sendPage } from "#src/platform/http/paging.ts";
import { Strict } from "#src/platform/http/schemas.ts";
import {
  countDeadLetters,
  discardDeadLetter,
  parseDeadLetterId,
  replayDeadLetter,
  replayDeadLetters,
  selectDeadLetters,
} from "#src/platform/messaging/dead-letters.ts";
import { deadLetterNotFound } from "./errors.ts";
import { DEAD_LETTER_FILTERS, DeadLetter, DeadLetterParams, Replayed } from "./schemas.ts";

/** Dead letters that one request replays: what is left is told, and asked for again. */
const REPLAY_BATCH = 1_000;

const LIST: ListOptions = {
  columns: { id: "text", message_id: "integer", dead_at: "time" },
  defaultSort: "-dead_at",
};
const DeadLetterList = listQuery(LIST, DEAD_LETTER_FILTERS);

export async function deadLetterRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;

  app.get(
    "/api/v1/operations/dead-letters",
    {
      config: { permission: "dead_letter.read" },
      schema: {
        summary: "List deliveries that were given up, with payload, error and attempts",
        querystring: DeadLetterList,
        response: { 200: pageOf(DeadLetter) },
      },
    },
    async (request, reply) => {
      const rows = selectDeadLetters(db, request.query);
      return sendPage(request, reply, await readPage(db, LIST, request.query, rows));
    },
  );

  app.post(
    "/api/v1/operations/dead-letters/replay",
    {
      config: { permission: "dead_letter.manage" },
      schema: {
        summary: "Deliver dead letters again: all, or those that the filters name",
        description: `At most ${REPLAY_BATCH} at once, the oldest first. What others replay meanwhile is left to them.`,
        querystring: Strict(DEAD_LETTER_FILTERS),
        response: { 200: Replayed },
      },
    },
    async (request) => {
      const replayed = await transact(context, async (trx) => {
        const count = await replayDeadLetters(trx, request.query, REPLAY_BATCH);
        await recordAct(trx, request, { action: "dead_letters.replayed", details: { ...request.query, count } });
        return count;
      });
      return { replayed, left: await countDeadLetters(db, request.query, MAX_COUNTED) };
    },
  );

  oneDeadLetterRoutes(app, context);
}

function oneDeadLetterRoutes(app: App, context: Context): void {
  app.post(
    "/api/v1/operations/dead-letters/:id/replay",
    {
      config: { permission: "dead_letter.manage", problems: [deadLetterNotFound] },
      schema: {
        summary: "Deliver a dead letter again, with all its attempts before it",
        description: "Once: what is delivered again is no dead letter any more, until it is given up another time.",
        params: DeadLetterParams,
      },
    },
    async (request, reply) => {
      const key = parseDeadLetterId(request.params.id);
      await transact(context, async (trx) => {
        if (!(await replayDeadLetter(trx, key))) throw deadLetterNotFound();
        await recordAct(trx, request, { action: "dead_letter.replayed", details: key });
      });
      return reply.code(204).send();
    },
  );

  app.delete(
    "/api/v1/operations/dead-letters/:id",
    {
      config: { permission: "dead_letter.manage", unversioned: true, problems: [deadLetterNotFound] },
      schema: {
        summary: "Discard a dead letter: nobody will do this work",
        description: "What its being given up has led to, as a rejected order, stays.",
        params: DeadLetterParams,
      },
    },
    async (request, reply) => {
      const key = parseDeadLetterId(request.params.id);
      await transact(context, async (trx) => {
        if (!(await discardDeadLetter(trx, key))) throw deadLetterNotFound();
        await recordAct(trx, request, { action: "dead_letter.discarded", details: key });
      });
      return reply.code(204).send();
    },
  );
}
