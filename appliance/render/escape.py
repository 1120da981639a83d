"""Filters that make a value harmless in the format it is written to.

Every value of a template goes through one of these, because State types say what the
owner may want and each file format says what a reader would misunderstand.
"""

from __future__ import annotations

import re
from typing import Any


class UnsafeValue(ValueError):
    """A value that a format cannot hold; it should have been refused at input."""


_LINE_BREAK = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def one_line(value: Any) -> str:
    """The value as text; refuses control characters and line separators."""
    text = str(value)
    found = _LINE_BREAK.search(text)
    if found:
        raise UnsafeValue(f"control character U+{ord(found[0]):04X} in {text[:40]!r}")
    return text


def asterisk_value(value: Any) -> str:
    """A value on the right of `=` in an Asterisk .conf file.

    `;` begins a comment unless escaped (main/config.c), so it is escaped; blanks at
    both ends would be trimmed silently, so they are refused. Truth values become yes
    and no.
    """
    if value is None:
        raise UnsafeValue("no value")
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = one_line(value)
    if text != text.strip():
        raise UnsafeValue(f"blank at an end of {text[:40]!r}")
    return text.replace(";", "\\;")


_DIALPLAN_SPECIAL = re.compile(r"[${}\[\],\"\\;&()|]")


def dialplan_text(value: Any) -> str:
    """A text inside an application's arguments in extensions.conf.

    Signs that the dialplan's parser gives a meaning (`${`, `,`, `"`, `;` …) cannot be
    quoted reliably in every application, so each becomes a blank.
    """
    return _DIALPLAN_SPECIAL.sub(" ", one_line(value)).strip()


def caller_name(value: Any) -> str:
    """A display name between double quotes in `callerid=`."""
    return asterisk_value(re.sub(r'["\\<>]', " ", one_line(value)).strip())


_SECTION = re.compile(r"[A-Za-z0-9_.+*#@-]{1,79}")


def section(value: Any) -> str:
    """The name between [ ] of a section; only signs without a meaning of their own.

    Longer names than 79 are cut by Asterisk (MAX_CONTEXT_LENGTH is 80), so refused.
    """
    text = str(value)
    if not _SECTION.fullmatch(text):
        raise UnsafeValue(f"{text[:40]!r} cannot be the name of a section")
    return text


_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})

# What XML 1.0 section 2.2 leaves out of Char besides the controls refused by `one_line`.
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


def xml(value: Any) -> str:
    """A text or attribute value in an XML file: numbers and texts only.

    None and truth values would be written as words that no reader expects.
    """
    if value is None or isinstance(value, bool):
        raise UnsafeValue(f"{value!r} has no form in XML")
    text = one_line(value)
    if _NOT_XML.search(text):
        raise UnsafeValue(f"character that XML forbids in {text[:40]!r}")
    return text.translate(_XML)


def yealink_value(value: Any) -> str:
    """A value on the right of `=` in a Yealink configuration file.

    An empty value would keep what the phone has, and `%NULL%` is the word that resets
    (Yealink Auto Provisioning Guide); so nothing becomes that word, and a text that
    only looks like it is taken apart.
    """
    if value is None or value == "":
        return "%NULL%"
    if isinstance(value, bool):
        return "1" if value else "0"
    text = one_line(value).strip()
    return text.replace("%NULL%", "% NULL %")


_NGINX_VALUE = re.compile(r"[A-Za-z0-9_./:@%+-]+", re.ASCII)


def nginx_value(value: Any) -> str:
    """One word of nginx.conf: blanks, quotes, `;`, `{`, `}` and `$` would change its meaning."""
    text = str(value)
    if text and not _NGINX_VALUE.fullmatch(text):
        raise UnsafeValue(f"{text[:40]!r} cannot stand in nginx.conf")
    return text


_NFT_VALUE = re.compile(r"[A-Za-z0-9_./:*-]+", re.ASCII)


def nft_value(value: Any) -> str:
    """One word of a rule for the packet filter: a number, an address, a network, a name."""
    text = str(value)
    if not _NFT_VALUE.fullmatch(text):
        raise UnsafeValue(f"{text[:40]!r} cannot stand in a rule")
    return text


_NETWORKD_VALUE = re.compile(r"[A-Za-z0-9_./:-]+", re.ASCII)


def networkd_value(value: Any) -> str:
    """One word of the files of networkd, resolved, chrony and of hosts(5): a name, an address, a
    network. Truth values become yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if text and not _NETWORKD_VALUE.fullmatch(text):
        raise UnsafeValue(f"{text[:40]!r} cannot stand in a file of the network")
    return text


_FAIL2BAN_VALUE = re.compile(r"[A-Za-z0-9_./:-]+", re.ASCII)


def fail2ban_value(value: Any) -> str:
    """One word of fail2ban's files, in which `%` and `<` stand for other values."""
    text = str(value)
    if not _FAIL2BAN_VALUE.fullmatch(text):
        raise UnsafeValue(f"{text[:40]!r} cannot stand in fail2ban's files")
    return text


def voicemail_field(value: Any) -> str:
    """A name or address in a line of voicemail.conf, whose fields are parted by commas."""
    return asterisk_value(re.sub(r'[,|"<>\\${}]', " ", one_line(value)).strip())


def as_it_is(value: Any) -> str:
    """A whole text, such as a file inside a script, or a value that was checked before."""
    return str(value)


def uci_value(value: Any) -> str:
    """A value for uci(8) of OpenWrt: in single quotes, each single quote of its own escaped."""
    return "'" + one_line(value).replace("'", "'\\''") + "'"


def uci_section(value: Any) -> str:
    """A name of a section of UCI: letters, digits and underscores only."""
    return re.sub(r"[^a-z0-9]", "_", one_line(value).lower())


def script_comment(value: Any) -> str:
    """A text in a comment of a script, where nothing may end the comment or look like a command."""
    return re.sub(r"[^A-Za-z0-9 .,/-]", "?", one_line(value))


_ROUTEROS_SPECIAL = re.compile(r'["\\$?]')


def routeros_text(value: Any) -> str:
    """A text between double quotes in a script of RouterOS.

    Quotes, backslashes, variables and the sign for help are escaped; a line end becomes \\n, and
    every byte beyond ASCII its hexadecimal escape (RouterOS manual, "Scripting": constant
    escape sequences).
    """
    found = []
    for line in str(value).split("\n"):
        text = _ROUTEROS_SPECIAL.sub(lambda sign: f"\\{sign[0]}", one_line(line))
        found.append("".join(c if c.isascii() else _hexadecimal(c) for c in text))
    return '"' + "\\n".join(found) + '"'


def _hexadecimal(character: str) -> str:
    return "".join(f"\\{byte:02X}" for byte in character.encode())
