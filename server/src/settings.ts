import { readFileSync } from "node:fs";
import { isIP } from "node:net";

export type Environment = Record<string, string | undefined>;

const NAMED_NETWORKS = ["loopback", "linklocal", "uniquelocal"];
const ADDRESS_BITS: Record<number, number> = { 4: 32, 6: 128 };

function isNetwork(part: string): boolean {
  const [address = "", bits, more] = part.split("/");
  const family = isIP(address);
  if (family === 0 || more !== undefined) return NAMED_NETWORKS.includes(part);
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (ADDRESS_BITS[family] ?? 0));
}

/**
 * Reads single values; a mistake is added to the list, and the fallback stands in for it, so that all of them are found.
 * @param env an empty value counts as absent
 */
export function settingsReader(env: Environment, mistakes: string[]) {
  const text = (name: string) => env[name]?.trim() || undefined;
  return {
    text,
    integer(name: string, fallback: number, min: number, max: number): number {
      const value = text(name);
      if (value === undefined) return fallback;
      const parsed = Number(value);
      if (/^\d+$/.test(value) && parsed >= min && parsed <= max) return parsed;
      mistakes.push(`${name}=${value}: must be a whole number from ${min} to ${max}`);
      return fallback;
    },
    oneOf<const T extends readonly string[]>(name: string, allowed: T, fallback: T[number]): T[number] {
      const value = text(name);
      if (value === undefined || allowed.includes(value)) return value ?? fallback;
      mistakes.push(`${name}=${value}: must be ${allowed.length === 1 ? "" : "one of "}${allowed.join(", ")}`);
      return fallback;
    },
    choice<const T extends readonly string[]>(name: string, allowed: T): T[number] | undefined {
      const value = text(name);
      if (value === undefined || allowed.includes(value)) return value;
      mistakes.push(`${name}=${value}: must be one of ${allowed.join(", ")}, or unset`);
      return undefined;
    },
    flag(name: string, fallback: boolean): boolean {
      const value = text(name)?.toLowerCase();
      if (value === undefined) return fallback;
      if (value === "1" || value === "true") return true;
      if (value === "0" || value === "false") return false;
      mistakes.push(`${name}=${value}: must be 1 or 0`);
      return fallback;
    },
    url(name: string, protocols: string[]): string | undefined {
      const value = text(name);
      if (value === undefined) return undefined;
      // The value may hold a password, so the message shows the form that is wanted and not what was given.
      if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value.replace(/\/$/, "");
      mistakes.push(
        `${name}: must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
      );
      return undefined;
    },
    addresses(name: string): string[] {
      const parts = (text(name) ?? "").split(",").map((part) => part.trim());
      const given = parts.filter((part) => part !== "");
      const wrong = given.filter((part) => !isNetwork(part));
      if (wrong.length > 0)
        mistakes.push(`${name}: ${wrong.join(", ")} is no address or network, as 10.0.0.0/8 or loopback`);
      return given;
    },
    secret(name: string): string | undefined {
      const file = text(`${name}_FILE`);
      if (file === undefined) return text(name);
      if (text(name) !== undefined) mistakes.push(`${name} and ${name}_FILE are both set: keep one`);
      try {
        return readFileSync(file, "utf8").trim() || undefined;
      } catch (error) {
        mistakes.push(`${name}_FILE=${file}: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      }
    },
  };
}
