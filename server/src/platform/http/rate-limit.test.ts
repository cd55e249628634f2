import { expect, test } from "vitest";
import { startEdge } from "#test/edge.ts";
import { countInMemory } from "./counters.ts";
import { clientAddress, clientNetwork, createLimits } from "./rate-limit.ts";

const limits = createLimits(countInMemory, "a secret of this test");

test("a used-up window is 429 with the fields of the standard; another key has a window of its own", async () => {
  const limiter = limits.create({ name: "press", points: 3, windowSeconds: 60 });
  await using edge = await startEdge({}, (app) => {
    app.get("/press", { config: { permission: "service.read" } }, async (request, reply) => {
      await limiter.take(reply, String(request.headers["x-key"]));
      return reply.send({});
    });
  });
  const press = async (key: string) => await edge.app.inject({ url: "/press", headers: { "x-key": key } });
  const answers = [await press("a"), await press("a"), await press("a"), await press("a")];
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 429]);
  expect(answers.map(({ headers }) => headers["ratelimit-policy"])).toEqual(Array(4).fill('"press";q=3;w=60'));
  expect(answers.map(({ headers }) => /r=(\d+)/.exec(String(headers["ratelimit"]))?.[1])).toEqual(["2", "1", "0", "0"]);
  const seconds = Number(answers[3]?.headers["retry-after"]);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60);
  expect(answers[3]?.json()).toMatchObject({ code: "request.too_many", status: 429 });
  expect((await press("b")).statusCode).toBe(200);
});

test("a limit of failures gives back what succeeded, and refuses a burst before its first failure is known", async () => {
  const limiter = limits.create({ name: "failures", points: 2, windowSeconds: 60 });
  const decisions: PromiseWithResolvers<boolean>[] = [];
  await using edge = await startEdge({}, (app) => {
    app.get("/try", { config: { permission: "service.read" } }, async (_request, reply) => {
      await limiter.take(reply, "account");
      const decision = Promise.withResolvers<boolean>();
      decisions.push(decision);
      if (await decision.promise) await limiter.giveBack("account");
      return reply.send({});
    });
  });
  const attempt = async () => (await edge.app.inject({ url: "/try" })).statusCode;
  const decide = async (good: boolean) => {
    await expect.poll(() => decisions.length).toBeGreaterThan(0);
    decisions.shift()?.resolve(good);
  };
  for (let index = 0; index < 5; index += 1) {
    const good = attempt();
    await decide(true);
    expect(await good).toBe(200);
  }
  const burst = [attempt(), attempt(), attempt(), attempt()];
  await decide(false);
  await decide(false);
  expect((await Promise.all(burst)).toSorted((a, b) => a - b)).toEqual([200, 200, 429, 429]);
  expect(await attempt()).toBe(429);
});

test("in production reads and writes have budgets for each user and address; elsewhere there are none", async () => {
  const production = { production: true, trustedProxies: [] };
  await using edge = await startEdge({ config: production });
  const read = await edge.app.inject({ url: "/api/v1/things" });
  expect(read.headers["ratelimit-policy"]).toBe('"reads";q=600;w=60');
  const body = { title: "x" };
  const write = async (token?: string) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return await edge.app.inject({ method: "POST", url: "/api/v1/things", headers, payload: body });
  };
  const statuses = [];
  for (let index = 0; index < 121; index += 1) statuses.push((await write()).statusCode);
  expect(statuses.filter((status) => status === 201)).toHaveLength(120);
  expect(statuses.at(-1)).toBe(429);
  expect((await write("customer")).statusCode).toBe(201);
  expect((await edge.app.inject({ url: "/healthz" })).headers["ratelimit"]).toBeUndefined();
  await using relaxed = await startEdge();
  expect((await relaxed.app.inject({ url: "/api/v1/things" })).headers["ratelimit"]).toBeUndefined();
});

test("an address is what a trusted proxy says, and never what a stranger says", async () => {
  const whoami = async (trustedProxies: string[], remoteAddress: string) => {
    await using edge = await startEdge({ config: { trustedProxies } }, (app) => {
      app.get("/whoami", { config: { permission: "service.read" } }, async (request, reply) =>
        reply.send(clientAddress(request)),
      );
    });
    const headers = { "x-forwarded-for": "198.51.100.1, 203.0.113.9" };
    return (await edge.app.inject({ url: "/whoami", remoteAddress, headers })).body;
  };
  expect(await whoami([], "10.0.0.1")).toBe("10.0.0.1");
  expect(await whoami(["10.0.0.1"], "10.0.0.1")).toBe("203.0.113.9");
  expect(await whoami(["10.0.0.1"], "10.0.0.2")).toBe("10.0.0.2");
});

test.each([
  ["198.51.100.7", "198.51.100.7", "198.51.100.7"],
  ["::ffff:198.51.100.7", "198.51.100.7", "198.51.100.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2::1", "2001:DB8:1:2::1", "2001:db8:1:2::/64"],
  ["2001:0db8::9", "2001:0db8::9", "2001:db8:0:0::/64"],
  ["2001:db8:1::2:3:4:5", "2001:db8:1::2:3:4:5", "2001:db8:1:0::/64"],
  ["::1", "::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80::1%eth0", "fe80:0:0:0::/64"],
  ["64:ff9b::198.51.100.7", "64:ff9b::198.51.100.7", "64:ff9b:0:0::/64"],
])("%s is the address %s, and counts as %s", async (remoteAddress, address, network) => {
  await using edge = await startEdge({}, (app) => {
    app.get("/whoami", { config: { permission: "service.read" } }, async (request, reply) =>
      reply.send(`${clientAddress(request)} ${clientNetwork(request)}`),
    );
  });
  expect((await edge.app.inject({ url: "/whoami", remoteAddress })).body).toBe(`${address} ${network}`);
});
