"""What can go wrong on the machine so that somebody should be told: the named alarms.

Texts stand here in both languages, not in the portal's catalogues: the engine also sends
them by mail, and must do so while the portal is down.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from appliance.system import sound_alarm_kinds
from appliance.system.alarm_kind import AlarmKind, Words

_ALL = (
    AlarmKind(
        "disk-nearly-full",
        "warning",
        Words("The disk is %(percent)s %% full.", "Il disco è pieno al %(percent)s %%."),
        Words(
            "Delete old recordings, captures or backups, or give the machine a larger disk.",
            "Eliminare registrazioni, catture o backup vecchi, oppure ampliare il disco.",
        ),
    ),
    AlarmKind(
        "disk-full",
        "critical",
        Words(
            "The disk is %(percent)s %% full: soon nothing more can be recorded.",
            "Il disco è pieno al %(percent)s %%: fra poco non si potrà registrare più nulla.",
        ),
        Words(
            "Delete old recordings, captures or backups now. Calls go on meanwhile.",
            "Eliminare subito registrazioni, catture o backup vecchi. Le chiamate continuano.",
        ),
    ),
    AlarmKind(
        "memory-short",
        "warning",
        Words("Only %(percent)s %% of the memory is free.",
              "È libero solo il %(percent)s %% della memoria."),
        Words(
            "See on the page of services who uses it; give the machine more if it stays so.",
            "Vedere nella pagina dei servizi chi la usa; se resta così, aggiungere memoria.",
        ),
    ),
    AlarmKind(
        "clock-not-synchronised",
        "warning",
        Words(
            "The clock has not been set by a time server for %(hours)s hours.",
            "L'orologio non è sincronizzato con un server dell'ora da %(hours)s ore.",
        ),
        Words(
            "Check that the machine reaches its time servers (UDP port 123).",
            "Verificare che la macchina raggiunga i server dell'ora (porta UDP 123).",
        ),
    ),
    AlarmKind(
        "certificate-expires",
        "warning",
        Words(
            "The certificate “%(subject)s” expires in %(days)s days.",
            "Il certificato «%(subject)s» scade fra %(days)s giorni.",
        ),
        Words("Renew it on the page of certificates.", "Rinnovarlo nella pagina dei certificati."),
    ),
    AlarmKind(
        "certificate-expires-soon",
        "critical",
        Words(
            "The certificate “%(subject)s” expires in %(days)s days: then browsers and "
            "telephones refuse it.",
            "Il certificato «%(subject)s» scade fra %(days)s giorni: poi browser e telefoni lo "
            "rifiuteranno.",
        ),
        Words("Renew it now, on the page of certificates.",
              "Rinnovarlo subito, nella pagina dei certificati."),
    ),
    AlarmKind(
        "certificate-not-renewed",
        "warning",
        Words(
            "The certificate for %(subject)s could not be renewed: %(reason)s",
            "Il certificato per %(subject)s non è stato rinnovato: %(reason)s",
        ),
        Words(
            "The old one is used until it expires. Port 80 must be reachable from the internet.",
            "Si usa ancora quello vecchio, finché vale. La porta 80 deve essere raggiungibile da "
            "internet.",
        ),
    ),
    AlarmKind(
        "process-restarts",
        "critical",
        Words(
            "“%(subject)s” was started again %(times)s times within %(minutes)s minutes.",
            "«%(subject)s» è stato riavviato %(times)s volte in %(minutes)s minuti.",
        ),
        Words(
            "Its log says why: see the page of services. Then write a support file.",
            "Il suo registro dice perché: vedere la pagina dei servizi. Poi creare un file per "
            "l'assistenza.",
        ),
    ),
    AlarmKind(
        "process-not-ready",
        "critical",
        Words("“%(subject)s” does not work: %(problem)s",
              "«%(subject)s» non funziona: %(problem)s"),
        Words("See its log on the page of services, and start it again there.",
              "Vedere il suo registro nella pagina dei servizi, e da lì riavviarlo."),
    ),
    AlarmKind(
        "mail-late",
        "warning",
        Words(
            "%(waiting)s mails wait, the oldest for %(minutes)s minutes; %(given_up)s were given "
            "up.",
            "%(waiting)s messaggi di posta in attesa, il più vecchio da %(minutes)s minuti; "
            "%(given_up)s abbandonati.",
        ),
        Words(
            "Check the mail server, its password, and that the machine reaches it.",
            "Controllare il server di posta, la password e che la macchina lo raggiunga.",
        ),
    ),
    AlarmKind(
        "trunk-down",
        "critical",
        Words("The line “%(subject)s” does not answer.", "La linea «%(subject)s» non risponde."),
        Words(
            "Calls take the next line. Check the internet connection, then ask the carrier.",
            "Le chiamate usano la linea successiva. Controllare la connessione a internet, poi "
            "chiamare l'operatore.",
        ),
    ),
    AlarmKind(
        "trunk-refused",
        "critical",
        Words("The line “%(subject)s” does not take our registration.",
              "La linea «%(subject)s» non accetta la nostra registrazione."),
        Words(
            "Calls take the next line. Check user and password of the line with the carrier.",
            "Le chiamate usano la linea successiva. Verificare con l'operatore utente e password "
            "della linea.",
        ),
    ),
    AlarmKind(
        "site-cut-off",
        "critical",
        Words("The site “%(subject)s” is cut off: its VPN is down.",
              "La sede «%(subject)s» è isolata: la VPN non è attiva."),
        Words(
            "Check power and internet at the site. Its calls follow the rule for this case.",
            "Controllare corrente e internet nella sede. Le sue chiamate seguono la regola "
            "prevista.",
        ),
    ),
    AlarmKind(
        "site-on-reserve",
        "warning",
        Words("The site “%(subject)s” uses its second internet line.",
              "La sede «%(subject)s» usa la seconda linea internet."),
        Words("Have the first line checked.", "Far controllare la prima linea."),
    ),
    AlarmKind(
        "branch-line-bad",
        "warning",
        Words("The internet line “%(subject)s” is down or loses packets.",
              "La linea internet «%(subject)s» è interrotta o perde pacchetti."),
        Words(
            "Calls go on over the other line. Have this one checked by its provider.",
            "Le chiamate proseguono sull'altra linea. Far controllare questa dal fornitore.",
        ),
    ),
    AlarmKind(
        "router-silent",
        "warning",
        Words("The router of “%(subject)s” has stopped reporting.",
              "Il router di «%(subject)s» non invia più rapporti."),
        Words(
            "Calls may go on. Look whether the site has power and internet; if its tunnel is open, "
            "restart the router at a quiet hour.",
            "Le chiamate possono proseguire. Verificare corrente e internet nella sede; se la VPN "
            "è attiva, riavviare il router in un'ora tranquilla.",
        ),
    ),
    AlarmKind(
        "router-twice",
        "critical",
        Words("Two routers say that they are “%(subject)s”.",
              "Due router dicono di essere «%(subject)s»."),
        Words(
            "Switch off the one that should not be there. If you do not know it, open a new code: "
            "it shuts out both.",
            "Spegnere quello di troppo. Se non è noto, aprire un nuovo codice: esclude entrambi.",
        ),
    ),
    AlarmKind(
        "router-codes-guessed",
        "warning",
        Words("Somebody tries codes of routers at random.",
              "Qualcuno prova a caso i codici dei router."),
        Words(
            "All open codes were ended. Open a new one when the router is ready.",
            "Tutti i codici aperti sono stati annullati. Aprirne uno nuovo quando il router è "
            "pronto.",
        ),
    ),
    AlarmKind(
        "drill-failed",
        "warning",
        Words("The last drill at “%(subject)s” did not pass.",
              "L'ultima prova a «%(subject)s» non è riuscita."),
        Words("Look at its certificate on the page of the branch.",
              "Vedere il verbale nella pagina della sede."),
    ),
    AlarmKind(
        "peer-silent",
        "warning",
        Words("“%(subject)s” has not said for an hour whom it shuts out.",
              "«%(subject)s» non comunica da un'ora chi ha bloccato."),
        Words(
            "Whom it had banned is let in here again. The page of shared bans says what is wrong.",
            "Gli indirizzi che aveva bloccato sono riammessi qui. La pagina dei blocchi condivisi "
            "dice che cosa non va.",
        ),
    ),
    AlarmKind(
        "gateway-down",
        "critical",
        Words("The gateway “%(subject)s” does not answer.",
              "Il gateway «%(subject)s» non risponde."),
        Words("Check its power and its network cable.",
              "Controllarne l'alimentazione e il cavo di rete."),
    ),
    AlarmKind(
        "backup-not-set-up",
        "warning",
        Words("No backups are made: there is no recovery code yet.",
              "Non si fanno backup: manca ancora il codice di recupero."),
        Words("Make the recovery code on the page of backups and write it down.",
              "Creare il codice di recupero nella pagina dei backup e trascriverlo."),
    ),
    AlarmKind(
        "backup-failed",
        "critical",
        Words("The backup to “%(subject)s” failed: %(reason)s",
              "Il backup su «%(subject)s» non è riuscito: %(reason)s"),
        Words("Mend the cause and start a backup by hand.",
              "Eliminare la causa e avviare un backup a mano."),
    ),
    AlarmKind(
        "backup-late",
        "warning",
        Words("There has been no backup for %(hours)s hours.",
              "L'ultimo backup risale a %(hours)s ore fa."),
        Words("Start one by hand and look at the settings.",
              "Avviarne uno a mano e controllare le impostazioni."),
    ),
    AlarmKind(
        "rehearsal-failed",
        "critical",
        Words("The last backup could not be restored in the rehearsal: %(reason)s",
              "L'ultimo backup non si è potuto ripristinare nella prova: %(reason)s"),
        Words("Make a new backup now; keep the older ones.",
              "Fare subito un nuovo backup; conservare i precedenti."),
    ),
    AlarmKind(
        "update-failed",
        "warning",
        Words("The update to %(subject)s did not work: %(reason)s",
              "L'aggiornamento a %(subject)s non è riuscito: %(reason)s"),
        Words("The former version runs. Write a support file.",
              "È in funzione la versione precedente. Creare un file per l'assistenza."),
    ),
    AlarmKind(
        "spending-limit",
        "critical",
        Words("“%(subject)s” has reached its limit of outside calls: %(reason)s",
              "«%(subject)s» ha raggiunto il limite di chiamate esterne: %(reason)s"),
        Words(
            "Further calls are refused. See who called where before you raise the limit.",
            "Le altre chiamate sono rifiutate. Vedere chi ha chiamato dove prima di alzare il "
            "limite.",
        ),
    ),
    *sound_alarm_kinds.ALL,
)  # fmt: skip

KINDS: Mapping[str, AlarmKind] = MappingProxyType({kind.name: kind for kind in _ALL})
"""Name -> kind. `docs/alarms.md` says who raises which."""
