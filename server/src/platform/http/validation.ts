import { Ajv, type ErrorObject } from "ajv";
import addFormats from "ajv-formats";
import type { FastifyInstance } from "fastify";
import { invalid, unknownPath } from "./errors.ts";
import type { InputError } from "./problem.ts";

const RULES = { allErrors: true, useDefaults: true, removeAdditional: false, strict: false } as const;
const MAX_ERRORS = 50;

/**
 * Validates by two sets of rules: bodies are taken as they are ("12" is no number), while queries, paths and headers
 * are text by nature and are coerced.
 */
export function installValidation(app: FastifyInstance): void {
  const strict = withFormats(new Ajv({ ...RULES, coerceTypes: false }));
  const coercing = withFormats(new Ajv({ ...RULES, coerceTypes: true }));
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === "body" ? strict : coercing).compile(schema as object),
  );
  app.setSchemaErrorFormatter((errors, part) => {
    // An id that can't be one names nothing: the answer is the same as for one that does not exist.
    if (part === "params") return unknownPath();
    return invalid({ errors: (errors as unknown as ErrorObject[]).slice(0, MAX_ERRORS).map(describe) });
  });
}

function withFormats(ajv: Ajv): Ajv {
  addFormats.default(ajv);
  return ajv;
}

/** `items[0].quantity must be >= 1`: the path as one would write it in code, empty for the whole input. */
function describe(error: ErrorObject): InputError {
  const params = error.params as Record<string, unknown>;
  const at = pathOf(error.instancePath);
  if (error.keyword === "additionalProperties") {
    return { path: join(at, String(params["additionalProperty"])), message: "is not a field that is known here" };
  }
  if (error.keyword === "required")
    return { path: join(at, String(params["missingProperty"])), message: "is required" };
  if (error.keyword === "const") return { path: at, message: `must be ${JSON.stringify(params["allowedValue"])}` };
  return { path: at, message: error.message ?? "is wrong" };
}

function pathOf(pointer: string): string {
  const parts = pointer.split("/").slice(1);
  const names = parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return names.reduce((path, name) => (/^\d+$/.test(name) ? `${path}[${name}]` : join(path, name)), "");
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
