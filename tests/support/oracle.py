"""Asks a running Asterisk's dialplan what it decides, thousands of times in one go.

One channel walks through a map of cases: it sets who dials, from where and at what time
(TESTTIME(), which GotoIfTime obeys), runs the real policy, and logs the outcome. Nothing
of the product knows about this; the extra dialplan lies in two files that the test adds.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.asterisk import names
from tests.support.pbx import Pbx

_PROGRAM = f"""
[oracle]
exten => outbound,1,Set(CASE=0)
 same => n(next),Set(CASE=$[${{CASE}} + 1])
 same => n,Set(RIGHTS_OF=${{AST_CONFIG(map_cases.conf,${{CASE}},caller)}})
 same => n,GotoIf($["${{RIGHTS_OF}}" = ""]?over)
 same => n,Set(PHONE_SITE=${{AST_CONFIG(map_cases.conf,${{CASE}},site)}})
 same => n,Set(TESTTIME()=${{AST_CONFIG(map_cases.conf,${{CASE}},time)}})
 same => n,Gosub({names.POLICY},s,1(${{AST_CONFIG(map_cases.conf,${{CASE}},dialled)}}))
 same => n,Set(OWN_SHOWN=${{AST_CONFIG({names.CALLERS_MAP},${{RIGHTS_OF}},presented)}})
 same => n,Set(OWN_LINE=${{AST_CONFIG({names.CALLERS_MAP},${{RIGHTS_OF}},presented_line)}})
 same => n,Set(TRIED=)
 same => n,Set(LEFT=${{POLICY_LINES}})
 same => n(line),Set(LINE=${{CUT(LEFT,/,1)}})
 same => n,GotoIf($["${{LINE}}" = ""]?said)
 same => n,Set(LEFT=${{CUT(LEFT,/,2-)}})
 same => n,Gosub(line-numbers,s,1(${{LINE}}))
 same => n,Set(TRIED=${{TRIED}} ${{LINE}}=${{LINE_NUMBER}}=${{LINE_CALLER}})
 same => n,Goto(line)
 same => n(said),Set(FOUND=<${{POLICY_NUMBER}}> <${{POLICY_CATEGORY}}>${{TRIED}})
 same => n,Log(NOTICE,CASE ${{CASE}} ${{POLICY_VERDICT}} ${{POLICY_RULE}} ${{FOUND}} .)
 same => n,Goto(next)
 same => n(over),Log(NOTICE,CASES DONE)

exten => inbound,1,Set(CASE=0)
 same => n(next),Set(CASE=$[${{CASE}} + 1])
 same => n,Set(DID=${{AST_CONFIG(map_cases.conf,${{CASE}},did)}})
 same => n,GotoIf($["${{DID}}" = ""]?over)
 same => n,Set(OUTSIDE_CALLER=${{AST_CONFIG(map_cases.conf,${{CASE}},caller)}})
 same => n,Gosub(resolve-did,s,1)
 same => n,Log(NOTICE,CASE ${{CASE}} ${{DID_RULE}} <${{DID_ENTRY}}> .)
 same => n,Goto(next)
 same => n(over),Log(NOTICE,CASES DONE)
"""

_LINE = re.compile(r"CASE (\d+) (.*) \.$")


@dataclass(frozen=True, slots=True)
class OutboundCase:
    """Who dials what, where and when; `at` needs a zone."""

    caller: str
    dialled: str
    at: datetime.datetime
    site: str = ""


@dataclass(frozen=True, slots=True)
class InboundCase:
    """Which number is called, and by whom ("" when withheld)."""

    did: str
    caller: str


def ask_outbound(pbx: Pbx, cases: Sequence[OutboundCase], within_s: float = 120) -> list[str]:
    """One line for each case: `deny class/… <number> <category>`, or `allow …` and the lines."""
    sections = [
        f"[{number}]\ncaller = {case.caller}\ndialled = {case.dialled}\nsite = {case.site}\n"
        f"time = {case.at.astimezone(datetime.UTC):%Y/%m/%d %H:%M:%S} UTC\n"
        for number, case in enumerate(cases, 1)
    ]
    return _ask(pbx, "outbound", sections, within_s)


def ask_inbound(pbx: Pbx, cases: Sequence[InboundCase], within_s: float = 120) -> list[str]:
    """One line for each case: the rule that decided and the place in the dialplan."""
    sections = [
        f"[{number}]\ndid = {case.did}\ncaller = {case.caller}\n"
        for number, case in enumerate(cases, 1)
    ]
    return _ask(pbx, "inbound", sections, within_s)


def _ask(pbx: Pbx, which: str, sections: Sequence[str], within_s: float) -> list[str]:
    folder = pbx.machine.layout.asterisk_etc
    extra = {"extensions_oracle.conf": _PROGRAM, "map_cases.conf": "".join(sections)}
    done = pbx.log.count("CASES DONE")
    begin = len(pbx.log)
    try:
        for name, text in extra.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o644)
        pbx.console.ask("dialplan reload")
        pbx.console.ask(f"channel originate Local/{which}@oracle application Wait 1")
        _wait(lambda: pbx.log.count("CASES DONE") > done, within_s)
    finally:
        for name in extra:
            (folder / name).unlink(missing_ok=True)
        pbx.console.ask("dialplan reload")
    answers = dict(_answers(pbx.log[begin:]))
    return [answers[number] for number in range(1, len(sections) + 1)]


def _answers(log: str):
    for line in log.splitlines():
        found = _LINE.search(line)
        if found:
            yield int(found[1]), found[2]


def _wait(condition, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the dialplan did not go through all cases in time")
        time.sleep(0.05)
