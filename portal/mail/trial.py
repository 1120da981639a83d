"""A test mail over the mail server as the draft has it, with the server's own answer.

The relay of the machine takes mail at once and delivers later, so it cannot say whether
an account is right. This asks the server directly, as the relay will.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from appliance import product
from appliance.services.mail import State
from portal.core.i18n import _

PATIENCE_S = 15
"""For each answer of the server."""


class NotSent(RuntimeError):
    """The server has not taken the mail; the text says why and what to look at."""


def send(settings: State, to: str) -> None:
    """Send a test mail; NotSent with a sentence when the server does not take it."""
    with _explained(settings), _connected(settings) as server:
        if settings.user:
            server.login(settings.user, settings.password.reveal())
        server.send_message(_mail(settings, to))


def _mail(settings: State, to: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = settings.sender, to
    mail["Subject"] = _("Test mail of %(product)s", product=product.NAME)
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="centralino.invalid")
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer from absence notices
    mail.set_content(_("The mail server takes what this telephone system sends. Nothing to do."))
    return mail


@contextlib.contextmanager
def _connected(settings: State) -> Iterator[smtplib.SMTP]:
    trusted = ssl.create_default_context()
    if settings.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.server, settings.port, timeout=PATIENCE_S, context=trusted
        )
    else:
        server = smtplib.SMTP(settings.server, settings.port, timeout=PATIENCE_S)
    try:
        if settings.security == "starttls":
            server.starttls(context=trusted)
        yield server
        # What a server says to a good-bye does not change what it has taken.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()
    finally:
        server.close()


@contextlib.contextmanager
def _explained(settings: State) -> Iterator[None]:
    """Turn what smtplib raises into a sentence."""
    place = f"{settings.server}:{settings.port}"
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        text = _("The server refuses user or password: %(said)s", said=_said(error))
        raise NotSent(text) from error
    except smtplib.SMTPSenderRefused as error:
        text = _("The server refuses the sender: %(said)s", said=_said(error))
        raise NotSent(text) from error
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        said = f"{code} {words.decode('utf-8', 'replace')}"
        raise NotSent(_("The server refuses the recipient: %(said)s", said=said)) from error
    except smtplib.SMTPNotSupportedError as error:
        text = _("The server offers no such encryption or sign-in at this port: try another one.")
        raise NotSent(text) from error
    except smtplib.SMTPResponseException as error:
        raise NotSent(_("The server says: %(said)s", said=_said(error))) from error
    except ssl.SSLCertVerificationError as error:
        text = _("The server's certificate is not in order: %(said)s", said=error.verify_message)
        raise NotSent(text) from error
    except ssl.SSLError as error:
        text = _("No encryption comes about at %(place)s: is it the right port?", place=place)
        raise NotSent(text) from error
    except TimeoutError as error:
        text = _("No answer from %(place)s: is it the right port, does a firewall stop it?",
                 place=place)  # fmt: skip
        raise NotSent(text) from error
    except (OSError, UnicodeError, smtplib.SMTPException) as error:
        said = getattr(error, "strerror", None) or str(error)
        text = _("%(place)s cannot be reached: %(said)s", place=place, said=said)
        raise NotSent(text) from error


def _said(error: smtplib.SMTPResponseException) -> str:
    words = error.smtp_error
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return f"{error.smtp_code} {text}"[:300]
