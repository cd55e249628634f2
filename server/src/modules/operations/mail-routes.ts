import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import { type ListOptions, listQuery, pageOf, readPage, sendPage } from "#src/platform/http/paging.ts";
import type { App } from "#src/platform/http/app.ts";
import { Text } from "#src/platform/http/schemas.ts";
import { renderMail } from "#src/platform/mail/mail.ts";
import { lookingTools } from "#src/platform/mail/send-mail.ts";
import { selectMails } from "#src/platform/mail/stored-mails.ts";
import { Mail } from "./schemas.ts";

const MAX_KIND_LENGTH = 100;
const MAX_RECIPIENT_LENGTH = 254;

const OF_ANOTHER_VERSION = { subject: "", text: "(this version knows no such mail)" };

// By id and not by time: it is the same order, and has an index.
const LIST: ListOptions = { columns: { id: "integer", created_at: "time" }, defaultSort: "-id" };
const MailList = listQuery(LIST, {
  kind: Type.Optional(Text(1, MAX_KIND_LENGTH)),
  recipient: Type.Optional(Text(1, MAX_RECIPIENT_LENGTH, { description: "the whole address, in lower case" })),
});

export async function mailRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;
  const tools = lookingTools(context);

  app.get(
    "/api/v1/operations/mails",
    {
      config: { permission: "mail.read" },
      schema: { summary: "List mails, newest first", querystring: MailList, response: { 200: pageOf(Mail) } },
    },
    async (request, reply) => {
      const { kind, recipient } = request.query;
      let rows = selectMails(db);
      if (kind !== undefined) rows = rows.where("kind", "=", kind);
      if (recipient !== undefined) rows = rows.where("recipient", "=", recipient);
      const page = await readPage(db, LIST, request.query, rows);
      const data = page.data.map(({ params, ...mail }) => ({
        ...mail,
        ...(renderMail(tools, { kind: mail.kind, params }) ?? OF_ANOTHER_VERSION),
      }));
      return sendPage(request, reply, { ...page, data });
    },
  );
}
