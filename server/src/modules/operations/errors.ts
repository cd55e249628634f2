import { problem } from "#src/platform/http/problem.ts";

export const deadLetterNotFound = problem("dead_letter.not_found", 404, "There is no such dead letter any more");
export const consumerNotFound = problem("consumer.not_found", 404, "There is no such consumer");
export const journeyNotFound = problem("journey.not_found", 404, "Nothing is known of this journey");
