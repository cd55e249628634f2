import { problem } from "#src/platform/http/problem.ts";

export const orderNotFound = problem("order.not_found", 404, "There is no such order");
export const notAProduct = problem("order.not_a_product", 422, "Something in the order is not sold here");
export const quantityTooLarge = problem("order.quantity_too_large", 422, "The order wants too much of one product");
export const totalTooLarge = problem("order.total_too_large", 422, "The order is worth more than one order may be");
export const wrongState = problem("order.wrong_state", 409, "The order is not in a state in which this can be done");
export const notCancellable = problem("order.not_cancellable", 409, "The order can no longer be cancelled");
