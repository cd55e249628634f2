"""What the document can't say: which refusals of well-formed input depend on the state of the shop.

The built-in check for valid input is told to let 400, 412 and 422 pass; this one lets pass just the problems below.
"""

import schemathesis
from schemathesis.core.parameters import ParameterLocation

STATE_DEPENDENT = {
    400: {"request.cursor_invalid"},
    412: {"request.stale"},
    422: {
        "auth.token_invalid",
        "auth.wrong_password",
        "import.unreadable",
        "item.owner_unknown",
        "order.not_a_product",
        "order.quantity_too_large",
        "order.total_too_large",
        "product.batch_refused",
        "request.idempotency_key_reused",
        "stock.too_large",
        "user.email_refused",
        "user.password_refused",
    },
}


@schemathesis.check
def valid_input_is_refused_only_for_a_state(ctx, response, case):
    """A request that the document allows may be refused only because of what is in the shop at that moment."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    codes = STATE_DEPENDENT.get(response.status_code)
    if codes is None or skips_and_points(case) or has_untyped_header(case):
        return
    code = response.json().get("code")
    if code not in codes:
        raise AssertionError(f"valid input was refused with {response.status_code} {code}")


def skips_and_points(case):
    """A skip together with a cursor: OpenAPI has no word for parameters that exclude each other."""
    query = case.query or {}
    return "cursor" in query and str(query.get("skip", "0")) != "0"


def has_untyped_header(case):
    """4.32.5 at times takes the number 0 for a header that is documented as text with a pattern, and calls it valid."""
    headers = case.meta.raw_containers.get(ParameterLocation.HEADER) or {}
    return any(not isinstance(value, str) for value in headers.values())
