import { expect, test } from "vitest";
import { newOrigin } from "./origin.ts";
import { childTraceparent, parseTraceparent, traceIdOf } from "./trace.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

test("a valid traceparent is read; one of a later version may say more", () => {
  expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).toEqual({ traceId: TRACE, spanId: SPAN, sampled: true });
  expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.sampled).toBe(false);
  expect(parseTraceparent(`cc-${TRACE}-${SPAN}-03-what-comes`)).toEqual({
    traceId: TRACE,
    spanId: SPAN,
    sampled: true,
  });
});

test.each([
  undefined,
  "",
  "nonsense",
  `00-${TRACE}-${SPAN}-01-more`,
  `00-${TRACE}-${SPAN}-1`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${"0".repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
])("%s is no traceparent and begins a trace of its own", (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
  expect(traceIdOf(childTraceparent(header))).not.toBe(TRACE);
});

test("a child stays in its trace, with a span of its own, sampled or not as its parent", () => {
  const child = childTraceparent(`00-${TRACE}-${SPAN}-00`);
  expect(child).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
  expect(child).not.toContain(SPAN);
  expect(newOrigin({ user_id: 7, traceparent: child })).toMatchObject({ user_id: 7, cause: null });
  expect(traceIdOf(newOrigin({ traceparent: child }).traceparent)).toBe(TRACE);
});

test("ten thousand spans have ten thousand ids", () => {
  const ids = new Set(Array.from({ length: 10_000 }, () => childTraceparent(undefined)));
  expect(ids.size).toBe(10_000);
});
