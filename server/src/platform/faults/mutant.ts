import type { Mutant } from "#src/config.ts";

let planted: Mutant | undefined;

/** Makes this process a defective copy of itself; undefined makes it sound again. Refused in production. */
export function plantMutant(name: Mutant | undefined): void {
  planted = name;
}

/** Whether this process is that defective copy: what the checks have to notice, or they check nothing. */
export function isMutant(name: Mutant): boolean {
  return planted === name;
}
