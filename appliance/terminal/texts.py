"""The sentences of the text screens in Italian; English is what stands in the code.

A table and no gettext catalogue: these screens must work on an installer's medium and on
a machine whose disk is damaged, and their sentences are few.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Language = Literal["it", "en"]

LANGUAGE_VARIABLE = "CENTRALINO_CONSOLE_LANGUAGE"
"""How the console tells the programs that it starts in which language it speaks."""

ITALIAN: Mapping[str, str] = MappingProxyType(
    {
        # machine's console
        "Portal": "Portale",
        "Setup code": "Codice di attivazione",
        "Host name": "Nome della macchina",
        "Address": "Indirizzo",
        "no address yet": "nessun indirizzo, per ora",
        "by DHCP": "da DHCP",
        "System": "Sistema",
        "Telephony": "Telefonia",
        "working": "in funzione",
        "starting": "in avvio",
        "The data partition cannot be used: repair or restore it.": (
            "La partizione dei dati non è utilizzabile: va riparata o ripristinata."
        ),
        "%(name)s: %(problem)s": "%(name)s: %(problem)s",
        "Answers that were not taken:": "Risposte non accettate:",
        "Press the letter of what is to be done:": "Premere la lettera dell'operazione:",
        "A  change the address": "A  cambiare l'indirizzo",
        "R  restart the machine": "R  riavviare la macchina",
        "O  switch the machine off": "O  spegnere la macchina",
        "B  restore a backup": "B  ripristinare un backup",
        "P  reset the administrator": "P  reimpostare l'amministratore",
        "S  write a support file": "S  creare un file per l'assistenza",
        "F  factory reset": "F  riportare alle impostazioni di fabbrica",
        "L  Italiano": "L  English",
        "Address with prefix length (empty: DHCP)": (
            "Indirizzo con lunghezza del prefisso (vuoto: DHCP)"
        ),
        "Gateway (empty: none)": "Gateway (vuoto: nessuno)",
        "DNS servers, separated by blanks": "Server DNS, separati da spazi",
        "Restart now? Calls end.": "Riavviare adesso? Le chiamate in corso cadranno.",
        "Switch off now? Calls end.": "Spegnere adesso? Le chiamate in corso cadranno.",
        "Everything that was ever set up or recorded on this machine is deleted.": (
            "Tutto ciò che è stato configurato o registrato su questa macchina sarà eliminato."
        ),
        "Type %(word)s to go on": "Digitare %(word)s per proseguire",
        "ERASE": "ELIMINA",
        "yes": "sì",
        "Type %(word)s to go on, anything else to go back": (
            "Digitare %(word)s per proseguire, altro per tornare indietro"
        ),
        "Done.": "Fatto.",
        "Still starting: %(processes)s": "Ancora in avvio: %(processes)s",
        "This did not work: %(why)s": "Operazione non riuscita: %(why)s",
        "This did not work: the reason stands above or in the log.": (
            "Operazione non riuscita: il motivo è scritto qui sopra o nel registro."
        ),
        "Press Enter.": "Premere Invio.",
        "Logs hold telephone numbers. Put them into the file? [y/N]": (
            "I registri contengono numeri di telefono. Includerli nel file? [s/N]"
        ),
        "The support file: %(path)s": "Il file per l'assistenza: %(path)s",
        "Version %(version)s is on trial.": "La versione %(version)s è in prova.",
        "Version %(version)s did not work: the former one is back.": (
            "La versione %(version)s non ha funzionato: è tornata quella precedente."
        ),
        "Whoever types the code below becomes administrator of the portal.": (
            "Chi inserisce il codice che segue diventa amministratore del portale."
        ),
        "Open this page within an hour and type the code:": (
            "Aprire questa pagina entro un'ora e inserire il codice:"
        ),
        # restoring a backup
        "No backup was found. Plug in a USB stick with one and try again.": (
            "Nessun backup trovato. Collegare una chiavetta USB che ne contenga uno e riprovare."
        ),
        "Number of the backup (empty: back)": "Numero del backup (vuoto: indietro)",
        "Recovery code": "Codice di recupero",
        "Take name and address of the backup too? [y/N]": (
            "Prendere dal backup anche nome e indirizzo? [s/N]"
        ),
        "Everything on this machine is replaced by the backup. Calls end.": (
            "Tutto ciò che è su questa macchina sarà sostituito dal backup. "
            "Le chiamate in corso cadranno."
        ),
        "RESTORE": "RIPRISTINA",
        "Opening and unpacking": "Apertura ed estrazione",
        "Checking every file": "Controllo di ogni file",
        "Getting ready": "Preparazione",
        "The machine restarts with the backup.": "La macchina si riavvia con il backup.",
        "The recovery code is mistyped, or is not the one of this backup.": (
            "Il codice di recupero è digitato male o non è quello di questo backup."
        ),
        "The file is no backup, is cut off, or was changed.": (
            "Il file non è un backup, è incompleto o è stato modificato."
        ),
        "The backup was made by a newer version. Update this machine first.": (
            "Il backup è stato fatto con una versione più recente. Aggiornare prima la macchina."
        ),
        "Nothing was changed.": "Nulla è stato modificato.",
        # installer
        "Install %(name)s": "Installazione di %(name)s",
        "Checking the medium": "Controllo del supporto",
        "The medium is damaged: %(what)s. Copy or download it again.": (
            "Il supporto è danneggiato: %(what)s. Copiarlo o scaricarlo di nuovo."
        ),
        "No disk was found to install on.": "Nessun disco su cui installare.",
        "too small, %(needed)s are needed": "troppo piccolo, servono %(needed)s",
        "empty": "vuoto",
        "holds data": "contiene dati",
        "holds %(name)s": "contiene %(name)s",
        "Number of the disk": "Numero del disco",
        "There is no such disk.": "Non esiste un disco con questo numero.",
        "Disk %(disk)s holds an older installation. Its data can be kept.": (
            "Il disco %(disk)s contiene un'installazione precedente. "
            "I dati possono essere conservati."
        ),
        "K  keep the data and renew the system": "K  conservare i dati e rinnovare il sistema",
        "E  erase everything": "E  eliminare tutto",
        "All data on %(disk)s will be lost: %(what)s.": (
            "Tutti i dati su %(disk)s andranno persi: %(what)s."
        ),
        "Type the name of the disk (%(disk)s) to go on": (
            "Digitare il nome del disco (%(disk)s) per proseguire"
        ),
        "Not confirmed, nothing was changed.": "Conferma mancante, nulla è stato modificato.",
        "Code for the first access, 12 letters and digits (empty: the console shows one)": (
            "Codice per il primo accesso, almeno 12 lettere e cifre (vuoto: lo mostra la console)"
        ),
        "At least 12 letters and digits.": "Almeno 12 lettere e cifre.",
        "Not an address with prefix length, such as 192.168.1.10/24.": (
            "Non è un indirizzo con lunghezza del prefisso, per esempio 192.168.1.10/24."
        ),
        "Not an address.": "Non è un indirizzo.",
        "Partitioning": "Partizionamento",
        "Writing the system": "Scrittura del sistema",
        "Writing the start files": "Scrittura dei file di avvio",
        "Making the data partition": "Creazione della partizione dei dati",
        "Keeping the data partition": "Conservazione della partizione dei dati",
        "Reading back": "Rilettura",
        "Finished. Remove the medium; the machine restarts in %(seconds)s seconds.": (
            "Installazione terminata. Rimuovere il supporto: riavvio fra %(seconds)s secondi."
        ),
        "The installation failed: %(why)s": "Installazione non riuscita: %(why)s",
        "The log is kept at %(place)s.": "Il registro è conservato in %(place)s.",
        "The other console is installing.": "L'installazione è in corso sull'altra console.",
        "The other console has broken off.": "L'altra console ha interrotto l'installazione.",
    }
)


def language_of(environment: Mapping[str, str]) -> Language:
    """The language in which whoever started this program speaks."""
    return "en" if environment.get(LANGUAGE_VARIABLE) == "en" else "it"


class Texts:
    """Sentences in one language."""

    def __init__(self, language: Language = "it") -> None:
        self.language: Language = language

    def __call__(self, sentence: str, **values: object) -> str:
        """The sentence, with its values, in the language."""
        text = ITALIAN[sentence] if self.language == "it" else sentence
        return text % values if values else text

    def switch(self) -> None:
        """The other language."""
        self.language = "en" if self.language == "it" else "it"
