import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import type { FastifyInstance } from "fastify";
import type { TSchema } from "typebox";
import { invalid, unknownPath } from "./errors.ts";
import type { InputError } from "./problem.ts";
import { textReader } from "./text-reader.ts";

const RULES = { useDefaults: true, removeAdditional: false, strict: false } as const;
const MAX_ERRORS = 50;

/**
 * Bodies are taken as they are: "12" is no number. Queries, paths and headers are text by nature, so their numbers are
 * read first (see text-reader.ts). What is wrong is 422 with every error; in the path it is 404.
 */
export function installValidation(app: FastifyInstance): void {
  const first = withFormats(new Ajv(RULES));
  const all = withFormats(new Ajv({ ...RULES, allErrors: true }));
  app.setValidatorCompiler<TSchema>(({ schema, httpPart }) => {
    const validate = first.compile(schema);
    const read = httpPart === "body" ? undefined : textReader(schema);
    return (input: unknown) => {
      read?.(input);
      if (validate(input)) return true;
      // An id that can't be one names nothing: the answer is the same as for one that does not exist.
      if (httpPart === "params") return { error: unknownPath() };
      const [mistake] = validate.errors ?? [];
      const errors = mistake?.keyword === "maxItems" ? [mistake] : everyError(all.compile(schema), input);
      return { error: invalid({ errors: errors.slice(0, MAX_ERRORS).map(describe) }) };
    };
  });
}

// Only for what is known to be wrong, and not for lists that are too long: a megabyte of them has as many errors.
function everyError(validate: ValidateFunction, input: unknown): ErrorObject[] {
  validate(input);
  return validate.errors ?? [];
}

function withFormats(ajv: Ajv): Ajv {
  addFormats.default(ajv);
  // Only what every address has; which ones are taken is for whoever keeps them to say.
  ajv.addFormat("idn-email", (text) => /.@./u.test(text.normalize("NFKC")));
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
