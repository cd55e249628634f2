import Type, {
  type Static,
  type TObject,
  type TObjectOptions,
  type TProperties,
  type TSchema,
  type TStringOptions,
} from "typebox";

/** Most cents that one amount may have: far below 2^53, so that sums stay exact in a JavaScript number. */
export const MAX_MONEY_CENTS = 1_000_000_000_000;

/** An object that refuses unknown fields. */
export function Strict<Properties extends TProperties>(
  properties: Properties,
  options?: TObjectOptions,
): TObject<Properties> {
  return Type.Object(properties, { ...options, additionalProperties: false });
}

/** Text of `min` to `max` characters. The pattern says to clients what the parser refuses anyway: NUL. */
export function Text(min: number, max: number, options?: TStringOptions) {
  return Type.String({ pattern: "^[^\\u0000]*$", ...options, minLength: min, maxLength: max });
}

/**
 * The schema or null. A type list and not a union, because the serialiser has to try the members of a union one by one.
 * @param schema one with a `type` keyword; anything else is a bug
 */
export function Nullable<Schema extends TSchema>(schema: Schema) {
  const { type } = schema as { type?: unknown };
  if (typeof type !== "string") throw new Error("only a schema with one type can be made nullable this way");
  const choices = (schema as { enum?: unknown[] }).enum;
  return Type.Unsafe<Static<Schema> | null>({
    ...schema,
    type: [type, "null"],
    ...(choices !== undefined && { enum: [...choices, null] }),
  });
}

/** One of these words; cheaper to serialise than a union of literals. */
export function Choice<const Words extends readonly string[]>(words: Words, options?: { description?: string }) {
  return Type.Unsafe<Words[number]>({ ...options, type: "string", enum: [...words] });
}

export const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, examples: [1] });
export const Money = Type.Integer({ minimum: 0, maximum: MAX_MONEY_CENTS, description: "in cents", examples: [4999] });
export const Timestamp = Type.String({
  format: "date-time",
  description: "RFC 3339 in UTC, with microseconds",
  examples: ["2026-11-21T10:00:00.123456Z"],
});
/** A moment in a query: in UTC, and within the years that PostgreSQL and JavaScript read alike. */
export const Moment = Type.String({
  format: "date-time",
  pattern: "^[12]\\d{3}-[^T]*T[^Z]*Z$",
  maxLength: 32,
  description: "RFC 3339 in UTC",
  examples: ["2026-11-21T10:00:00Z"],
});
export const IdParams = Strict({ id: Id });

export const InputErrorBody = Strict({
  path: Type.String({ description: "where in the input; empty for the whole", examples: ["items[0].quantity"] }),
  message: Type.String({ examples: ["must be >= 1"] }),
});

export const ProblemBody = Strict(
  {
    type: Type.String({ format: "uri", description: "a page that explains it" }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.Optional(Type.String()),
    code: Type.String({ description: "branch on this", examples: ["order.not_found"] }),
    correlation_id: Type.String(),
    errors: Type.Optional(Type.Array(InputErrorBody)),
  },
  { description: "RFC 9457" },
);
