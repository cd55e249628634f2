import type { Answer } from "./app.ts";
import { until } from "./until.ts";

/**
 * The answer once it is no 503: where many send at once a busy machine refuses some of them, and they come again. Only
 * for what may be sent twice.
 */
export async function served(send: () => Promise<Answer>): Promise<Answer> {
  return await until(async () => {
    const answer = await send();
    return answer.statusCode === 503 ? undefined : answer;
  });
}
