"""Lets who stands in front of the machine back into the portal: a code that holds for an hour.

Nothing is changed here: the portal asks for the code and lets its bearer make an
administrator, or give one that exists a new password.
"""

from __future__ import annotations

import os
import pwd
import shutil

from appliance.apply import atomic
from appliance.firstboot import health
from appliance.firstboot.places import Places
from appliance.state.tokens import new_code
from appliance.system import accounts
from appliance.terminal.screen import Screen, bold
from appliance.terminal.texts import Texts, language_of

FILE = "recovery-code"
PAGE = "setup/recovery"


def lay_code(places: Places) -> str:
    """Write a fresh code where the portal looks for it, and return it."""
    code = new_code()
    file = places.layout.state_of("portal") / FILE
    scratch = atomic.scratch_name(file)
    atomic.write_file(scratch, f"{code}\n".encode(), 0o600)
    try:
        account = pwd.getpwnam(accounts.PORTAL)
        shutil.chown(scratch, account.pw_uid, accounts.WEB_GROUP)
    except LookupError:
        pass
    os.replace(scratch, file)
    atomic.sync_folder(file.parent)
    return code


def main() -> None:
    """Entry point of `python -m appliance.firstboot.administrator`."""
    screen, text, places = Screen(), Texts(language_of(os.environ)), Places()
    screen.say(text("Whoever types the code below becomes administrator of the portal."))
    question = text("Type %(word)s to go on, anything else to go back", word=text("yes"))
    if screen.line(question) != text("yes"):
        return
    address = health.look(places).portal or "https://…/"
    screen.say()
    screen.say(text("Open this page within an hour and type the code:"))
    screen.say(f"  {address}{PAGE}")
    screen.say(f"  {bold(lay_code(places))}")
    screen.say()


if __name__ == "__main__":
    main()
