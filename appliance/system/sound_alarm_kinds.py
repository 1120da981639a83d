"""The alarms about calls without sound: `no-sound-…` when nothing comes from a telephone or line,
`deaf-…` when nothing arrives there (`docs/live.md`)."""

from __future__ import annotations

from appliance.system.alarm_kind import AlarmKind, Words

# Either direction of sound is lost there in the same ways.
_LOOK_AT_THE_BRANCH = Words(
    "Check on the page of the branch that its router follows the newest profile, and "
    "that the telephone is in the network of the branch.",
    "Verificare nella pagina della sede che il router segua il profilo più recente e che "
    "il telefono sia nella rete della sede.",
)
_LOOK_AT_THE_CABLE = Words(
    "Check the telephone's cable or Wi-Fi and the line of its site.",
    "Controllare il cavo o il Wi-Fi del telefono e la linea della sede.",
)

ALL = (
    AlarmKind(
        "no-sound-nat",
        "warning",
        Words(
            "No sound comes from “%(subject)s”: the telephone is behind an address translation "
            "that does not let its sound pass (calls in the last quarter of an hour: %(calls)s).",
            "Da «%(subject)s» non arriva audio: il telefono è dietro un NAT che non lo lascia "
            "passare (chiamate nell'ultimo quarto d'ora: %(calls)s).",
        ),
        Words(
            "In its router switch off SIP ALG and allow UDP towards this machine, or connect the "
            "site by VPN.",
            "Nel router di quella rete disattivare SIP ALG e consentire UDP verso questa "
            "macchina, oppure collegare la sede in VPN.",
        ),
    ),
    AlarmKind(
        "no-sound-blocked",
        "warning",
        Words(
            "No sound comes from “%(subject)s”: something on the way drops it (calls in the last "
            "quarter of an hour: %(calls)s).",
            "Da «%(subject)s» non arriva audio: qualcosa lungo il percorso lo blocca (chiamate "
            "nell'ultimo quarto d'ora: %(calls)s).",
        ),
        Words(
            "Check firewalls between the telephone and this machine: they must pass the UDP "
            "ports of calls. If nothing blocks them, restart the telephone.",
            "Controllare i firewall tra il telefono e questa macchina: devono lasciar passare le "
            "porte UDP delle chiamate. Se nulla le blocca, riavviare il telefono.",
        ),
    ),
    AlarmKind(
        "no-sound-tunnel",
        "warning",
        Words(
            "No sound comes from “%(subject)s” through the tunnel of its site (calls in the last "
            "quarter of an hour: %(calls)s).",
            "Da «%(subject)s» non arriva audio attraverso la VPN della sede (chiamate "
            "nell'ultimo quarto d'ora: %(calls)s).",
        ),
        _LOOK_AT_THE_BRANCH,
    ),
    AlarmKind(
        "no-sound-stopped",
        "warning",
        Words(
            "The sound from “%(subject)s” stopped in the middle of a call (calls in the last "
            "quarter of an hour: %(calls)s).",
            "L'audio da «%(subject)s» si è interrotto durante una chiamata (chiamate "
            "nell'ultimo quarto d'ora: %(calls)s).",
        ),
        _LOOK_AT_THE_CABLE,
    ),
    AlarmKind(
        "no-sound-carrier",
        "warning",
        Words(
            "No sound comes from the carrier over “%(subject)s” (calls in the last quarter of an "
            "hour: %(calls)s).",
            "Dall'operatore su «%(subject)s» non arriva audio (chiamate nell'ultimo quarto "
            "d'ora: %(calls)s).",
        ),
        Words(
            "Check that the internet router passes the UDP ports of calls on to this machine; "
            "then ask the carrier, with the times from the list of calls without sound.",
            "Verificare che il router internet inoltri a questa macchina le porte UDP delle "
            "chiamate; poi chiedere all'operatore, con gli orari dell'elenco delle chiamate "
            "senza audio.",
        ),
    ),
    AlarmKind(
        "deaf-nat",
        "warning",
        Words(
            "“%(subject)s” does not hear: the telephone is behind an address translation that "
            "does not let sound in to it (calls in the last quarter of an hour: %(calls)s).",
            "«%(subject)s» non sente: il telefono è dietro un NAT che non lascia entrare l'audio "
            "(chiamate nell'ultimo quarto d'ora: %(calls)s).",
        ),
        Words(
            "In its router switch off SIP ALG and allow UDP from and to this machine, or connect "
            "the site by VPN.",
            "Nel router di quella rete disattivare SIP ALG e consentire UDP da e verso questa "
            "macchina, oppure collegare la sede in VPN.",
        ),
    ),
    AlarmKind(
        "deaf-blocked",
        "warning",
        Words(
            "“%(subject)s” does not hear: something on the way drops the sound for it (calls in "
            "the last quarter of an hour: %(calls)s).",
            "«%(subject)s» non sente: qualcosa lungo il percorso blocca l'audio diretto al "
            "telefono (chiamate nell'ultimo quarto d'ora: %(calls)s).",
        ),
        Words(
            "Check firewalls between this machine and the telephone: they must pass the UDP "
            "ports of calls towards the telephone too. If nothing blocks them, restart the "
            "telephone.",
            "Controllare i firewall tra questa macchina e il telefono: devono lasciar passare le "
            "porte UDP delle chiamate anche verso il telefono. Se nulla le blocca, riavviare il "
            "telefono.",
        ),
    ),
    AlarmKind(
        "deaf-tunnel",
        "warning",
        Words(
            "“%(subject)s” does not hear: the sound for it does not get through the tunnel of its "
            "site (calls in the last quarter of an hour: %(calls)s).",
            "«%(subject)s» non sente: l'audio non gli arriva attraverso la VPN della sede "
            "(chiamate nell'ultimo quarto d'ora: %(calls)s).",
        ),
        _LOOK_AT_THE_BRANCH,
    ),
    AlarmKind(
        "deaf-stopped",
        "warning",
        Words(
            "“%(subject)s” has stopped hearing in the middle of a call (calls in the last quarter "
            "of an hour: %(calls)s).",
            "«%(subject)s» ha smesso di sentire durante una chiamata (chiamate nell'ultimo quarto "
            "d'ora: %(calls)s).",
        ),
        _LOOK_AT_THE_CABLE,
    ),
    AlarmKind(
        "deaf-carrier",
        "warning",
        Words(
            "Over “%(subject)s” our sound has stopped reaching the carrier (calls in the last "
            "quarter of an hour: %(calls)s).",
            "Su «%(subject)s» il nostro audio non arriva più all'operatore (chiamate nell'ultimo "
            "quarto d'ora: %(calls)s).",
        ),
        Words(
            "Check the internet line and its router; then ask the carrier, with the times from "
            "the list of calls without sound.",
            "Controllare la linea internet e il suo router; poi chiedere all'operatore, con gli "
            "orari dell'elenco delle chiamate senza audio.",
        ),
    ),
    AlarmKind(
        "no-sound-many",
        "critical",
        Words(
            "Calls are without sound from or to %(others)s more telephones or lines.",
            "Le chiamate sono senza audio da o verso altri %(others)s telefoni o linee.",
        ),
        Words(
            "See the list of calls without sound: what they have in common is at fault, e.g. a "
            "site, a switch or the firewall.",
            "Vedere l'elenco delle chiamate senza audio: il guasto è in ciò che hanno in comune, "
            "per esempio una sede, uno switch o il firewall.",
        ),
    ),
)
