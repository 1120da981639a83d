"""Real SIP telephones for tests: baresip, driven from Python.

    with Softphones(namespace="phones", address="10.9.0.2", server="10.9.0.1") as phones:
        anna, bruno = phones.add("201-1", secret), phones.add("202-1", secret)
        call = anna.call("202")
        bruno.expect_ringing().answer()
        call.expect_answered()
        anna.hears(bruno), bruno.hears(anna)

The SIP stack is not ours and not Asterisk's, so both ends of a test call are independent.
Each phone sends a pitch of its own for as long as it is in a call; what another phone
hears is measured in the sound that reached it. Every wait has a deadline and fails with
the story of what happened instead; nothing sleeps for luck.

baresip keeps its state per process, so it runs in a worker process of its own, inside the
network namespace of the phones; a fault in the native code ends that process, not the tests.
"""

from tests.support.softphones.message import Message, Party
from tests.support.softphones.phones import Call, Phone, Softphones

__all__ = ["Call", "Message", "Party", "Phone", "Softphones"]
