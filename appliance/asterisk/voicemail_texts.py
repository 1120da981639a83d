"""The mails that voicemail sends, in each language.

Asterisk puts in the values: VM_NAME the owner, VM_CALLERID who called, VM_DUR the length,
VM_DATE the time, VM_MAILBOX the box. A line break is written \\n; `|` and `;` have a meaning
of their own in voicemail.conf and may not stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class MailText:
    """Subject and body of one language."""

    subject: str
    body: str


TEXTS: Mapping[str, MailText] = MappingProxyType(
    {
        "it": MailText(
            "Nuovo messaggio in segreteria da ${VM_CALLERID}",
            r"Gentile ${VM_NAME},\n\n"
            r"c'è un nuovo messaggio nella segreteria dell'interno ${VM_MAILBOX}.\n\n"
            r"Da:     ${VM_CALLERID}\n"
            r"Quando: ${VM_DATE}\n"
            r"Durata: ${VM_DUR}\n\n"
            r"Per ascoltarlo al telefono chiami la segreteria dal Suo interno.\n",
        ),
        "en": MailText(
            "New voicemail from ${VM_CALLERID}",
            r"Dear ${VM_NAME},\n\n"
            r"there is a new message in the voicemail of extension ${VM_MAILBOX}.\n\n"
            r"From:   ${VM_CALLERID}\n"
            r"When:   ${VM_DATE}\n"
            r"Length: ${VM_DUR}\n\n"
            r"To listen to it by telephone, call your voicemail from your extension.\n",
        ),
    }
)
