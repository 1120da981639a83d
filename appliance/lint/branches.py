"""Rules about branches and their lines."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.branches.plans import plan_of
from appliance.lint.rule import Facts, Rule, Spot
from appliance.system import vpn


def _branches(facts: Facts) -> Iterator[tuple[str, str, vpn.Branch]]:
    """Yield (place, name of the site, branch)."""
    for branch in facts["vpn"].active:
        yield f"vpn/branches/{branch.id}", facts.references.label("site", branch.id), branch


def line_too_small(facts: Facts) -> Iterator[Spot]:
    """A line that cannot carry all calls alone is no reserve for them."""
    for where, name, branch in _branches(facts):
        labels = {line.id: line.label for line in branch.lines}
        for plan in plan_of(branch).lines:
            if plan.verdict == "small":
                values = {"site": name, "line": labels[plan.id], "fits": plan.fits}
                text = "at “%(site)s” the line “%(line)s” has room for %(fits)d calls"
                yield Spot(where, text, values)


def speed_unknown(facts: Facts) -> Iterator[Spot]:
    for where, name, branch in _branches(facts):
        for line in branch.lines:
            if not (line.up_kbits and line.down_kbits):
                text = "at “%(site)s” the speed of the line “%(line)s” is not known"
                yield Spot(where, text, {"site": name, "line": line.label})


def one_line(facts: Facts) -> Iterator[Spot]:
    for where, name, branch in _branches(facts):
        if len(branch.lines) == 1:
            yield Spot(where, "“%(site)s” has one internet line only", {"site": name})


def one_provider(facts: Facts) -> Iterator[Spot]:
    """Two contracts with one provider end at one exchange, more often than not."""
    for where, name, branch in _branches(facts):
        providers = [line.provider.casefold() for line in branch.lines]
        if len(providers) > 1 and len(set(providers)) == 1 and providers[0]:
            values = {"site": name, "provider": branch.lines[0].provider}
            yield Spot(where, "all lines of “%(site)s” are from %(provider)s", values)


def mobile_without_cap(facts: Facts) -> Iterator[Spot]:
    for where, name, branch in _branches(facts):
        for line in branch.lines:
            if line.kind == "4g" and not (line.metered and line.monthly_cap_mb):
                text = "at “%(site)s” the mobile line “%(line)s” has no limit of volume"
                yield Spot(where, text, {"site": name, "line": line.label})


def duplicated_over_metered(facts: Facts) -> Iterator[Spot]:
    """Protected voice uses its second line all day, also when the first one is good."""
    for where, name, branch in _branches(facts):
        if branch.mode == "protected" and len(branch.lines) == vpn.TUNNELS:
            for line in branch.lines:
                if line.metered:
                    text = "“%(site)s” sends all calls over “%(line)s” too, which is paid by volume"
                    yield Spot(where, text, {"site": name, "line": line.label})


def data_lines_only(facts: Facts) -> Iterator[Spot]:
    for where, name, branch in _branches(facts):
        if all(line.carries == "data" for line in branch.lines):
            yield Spot(where, "no line of “%(site)s” is for telephony", {"site": name})


RULES = (
    Rule("branch-line-too-small", "warning",
         "Order a faster line, plan fewer calls, or choose a codec that needs less.",
         line_too_small),
    Rule("branch-line-speed-unknown", "advice",
         "Enter the line's speed, so that it can be said how many calls it carries.",
         speed_unknown),
    Rule("branch-one-line", "warning",
         "Order a second line of another provider; a mobile one is enough as a reserve.",
         one_line),
    Rule("branch-one-provider", "advice",
         "Have one line from another provider: one fault could take all of them.",
         one_provider),
    Rule("branch-mobile-without-cap", "advice",
         "Mark it as paid by volume and enter what the contract holds.",
         mobile_without_cap),
    Rule("branch-voice-duplicated-over-metered", "warning",
         "Choose the tunnel that moves, or a third line that is not paid by volume.",
         duplicated_over_metered),
    Rule("branch-data-lines-only", "advice",
         "Say which line telephony shall use while all is well.",
         data_lines_only),
)  # fmt: skip
