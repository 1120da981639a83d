"""Questions about calls to and from the outside, answered from a state alone.

For the portal ("May 215 dial this now?"), for saving a forward, for the API and for
click-to-call: each asks here, and gets what the dialplan would do.
"""

from __future__ import annotations

from appliance.policy import gather
from appliance.policy.countries import CATEGORIES, NEVER_BARRED
from appliance.policy.decide import Attempt, Decision, Request, at_best, decide
from appliance.policy.inbound import Resolution, resolve
from appliance.policy.model import ALWAYS, DAYS
from appliance.policy.numbers import cleaned, normalise, outside_number
from appliance.services import registry
from appliance.state.system_state import SystemState

__all__ = [
    "ALWAYS",
    "CATEGORIES",
    "DAYS",
    "NEVER_BARRED",
    "Attempt",
    "Decision",
    "Request",
    "Resolution",
    "completed",
    "may_dial",
    "may_send_to",
    "where_leads",
]


def may_dial(state: SystemState, request: Request) -> Decision:
    """Whether `request.caller` may dial `request.dialled`, with the rule that decided.

    Raises StateError when the state has faults, ValueError when the time has no zone.
    """
    return decide(request, gather.policy(registry.sound_references(state)))


def may_send_to(state: SystemState, extension: str, number: str) -> Decision:
    """Whether calls of `extension` may be sent on to the outside `number`: whoever
    forwards needs the right to dial it, at the best of hours.

    Raises StateError when the state has faults.
    """
    policy = gather.policy(registry.sound_references(state))
    return at_best(policy, extension, number)


def where_leads(state: SystemState, number: str, caller: str = "") -> Resolution:
    """Where a call from `caller` (E.164, "" when withheld) to our `number` (E.164) leads.

    Raises StateError when the state has faults.
    """
    return resolve(number, caller, gather.inbound(registry.sound_references(state)))


def completed(state: SystemState, typed: str) -> str:
    """What somebody typed (0522 12 34 00, 0039…, +39…) in E.164 form with +. What is no
    number of the company's plan stays as it is, without the signs between its digits."""
    plain = cleaned(typed) or typed.strip()
    if not plain or plain.startswith("+"):
        return plain
    try:
        rules = gather.rules(registry.references(state))
    except LookupError:
        return plain  # the company's country has no numbering plan
    for found in (outside_number(plain, rules), normalise(plain, rules)):
        if not isinstance(found, str) and found.text.startswith("+"):
            return found.text
    return plain
