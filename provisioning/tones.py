"""Call progress tones of a country, as each family names or describes them.

Cadences are those of ITU-T E.180 (supplement 2) as Asterisk's indications.conf has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

YEALINK: Mapping[str, str] = MappingProxyType(
    {
        "IT": "Italy",
        "GB": "Great Britain",
        "US": "United States",
        "DE": "Germany",
        "FR": "France",
    }
)

SNOM: Mapping[str, str] = MappingProxyType(
    {"IT": "ITA", "GB": "GBR", "US": "USA", "DE": "GER", "FR": "FRA"}
)

CISCO: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "IT": {
            "Dial_Tone": "425@-19;*(.2/.2/1,.6/1/1)",
            "Ring_Back_Tone": "425@-19;*(1/4/1)",
            "Busy_Tone": "425@-19;10(.5/.5/1)",
            "Reorder_Tone": "425@-19;10(.2/.2/1)",
            "Call_Waiting_Tone": "425@-19;30(.4/.1/1,.25/.1/1,.15/14/1)",
        },
        "GB": {
            "Dial_Tone": "350@-19,440@-19;*(0/0/1+2)",
            "Ring_Back_Tone": "400@-19,450@-19;*(.4/.2/1+2,.4/2/1+2)",
            "Busy_Tone": "400@-19;10(.375/.375/1)",
            "Reorder_Tone": "400@-19;10(.4/.35/1,.225/.525/1)",
            "Call_Waiting_Tone": "400@-19;30(.1/4/1)",
        },
    }
)
"""Country -> parameter -> `frequency@dB;seconds(on/off/component)`; * means for ever."""
