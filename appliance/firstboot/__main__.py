"""The unit that runs before anything of ours: settles the machine once, then only looks.

`python -m appliance.firstboot` does its work at the first start, and after a factory
reset; later starts find the mark and leave everything as it is, but for a card that has
another name now.
"""

from __future__ import annotations

import logging

from appliance.firstboot import cards, ssh_keys
from appliance.firstboot.places import Places, read_mark


def main() -> None:
    """Entry point of `python -m appliance.firstboot`."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    places = Places()
    if read_mark(places) is not None:
        ssh_keys.make(places)
        cards.follow(places.prefix)
        return
    # Everything waits for this unit: only the first start reads what only it needs.
    from appliance.firstboot import settling

    settling.settle_machine(places)


if __name__ == "__main__":
    main()
