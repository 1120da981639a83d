"""Rules about people, extensions, devices, groups and where their calls go."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from appliance.lint.rule import Facts, Rule, Spot, destinations

GOES_ON = frozenset({"extension", "ring_group"})
"""Kinds of object that may send a call on."""


def fallback_loop(facts: Facts) -> Iterator[Spot]:
    """Calls that are sent on in a circle and end only by the limit on forwards."""
    follows: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for where, sender, target in destinations(facts):
        if target.kind in GOES_ON:
            follows[sender].append((f"{target.kind}:{target.id}", where))
    reported: set[frozenset[str]] = set()
    for start in list(follows):
        circle = _circle(start, follows)
        if circle and frozenset(circle) not in reported:
            reported.add(frozenset(circle))
            where = next(place for target, place in follows[circle[0]] if target == circle[1])
            path = " → ".join(facts.references.label(*each.split(":", 1)) for each in circle)
            yield Spot(where, "calls can go round in a circle: %(path)s", {"path": path})


def _circle(start: str, follows: dict[str, list[tuple[str, str]]]) -> list[str]:
    """A way from `start` back to itself, both ends included; [] when there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop()
        for target, _where in follows.get(way[-1], ()):
            if target == start:
                return [*way, start]
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return []


def _with_device(facts: Facts) -> set[str]:
    return {line.extension for device in facts["devices"].devices for line in device.lines}


def extension_without_device(facts: Facts) -> Iterator[Spot]:
    served = _with_device(facts)
    for each in facts["extensions"].extensions:
        if each.id not in served and each.on_unreachable is None:
            text = "no telephone rings for it and its calls go nowhere else"
            yield Spot(f"extensions/{each.id}", text)


def group_that_nobody_answers(facts: Facts) -> Iterator[Spot]:
    served = _with_device(facts)
    for group in facts["ring_groups"].groups:
        if group.fallback is None and not any(m.extension in served for m in group.members):
            text = "no telephone rings for any of its members and it has no fallback"
            yield Spot(f"ring_groups/{group.id}", text)


def group_of_one(facts: Facts) -> Iterator[Spot]:
    for group in facts["ring_groups"].groups:
        if len(group.members) == 1:
            yield Spot(f"ring_groups/{group.id}/members", "has one member only")


def group_without_end(facts: Facts) -> Iterator[Spot]:
    for group in facts["ring_groups"].groups:
        if group.fallback is None:
            text = "a call that nobody answers ends with an announcement"
            yield Spot(f"ring_groups/{group.id}/fallback", text)


def device_without_line(facts: Facts) -> Iterator[Spot]:
    for device in facts["devices"].devices:
        if not device.lines:
            yield Spot(f"devices/{device.id}/lines", "is no extension: it cannot be called")


def device_without_mac(facts: Facts) -> Iterator[Spot]:
    for device in facts["devices"].devices:
        if device.token and not device.mac:
            text = "its MAC address is missing: the telephone cannot fetch its configuration"
            yield Spot(f"devices/{device.id}/mac", text)


def key_watches_itself(facts: Facts) -> Iterator[Spot]:
    for device in facts["devices"].devices:
        own = {line.extension for line in device.lines}
        for key in device.keys:
            watched = key.watches
            if watched and watched.kind == "extension" and watched.id in own:
                values = {"position": key.position}
                text = "key %(position)d watches the telephone's own extension"
                yield Spot(f"devices/{device.id}/keys", text, values)


def user_without_extension(facts: Facts) -> Iterator[Spot]:
    served = {each.user for each in facts["extensions"].extensions}
    for user in facts["users"].users:
        if user.id not in served:
            yield Spot(f"users/{user.id}", "has no extension")


def same_name(facts: Facts) -> Iterator[Spot]:
    names = Counter(user.full_name.casefold() for user in facts["users"].users)
    for user in facts["users"].users:
        if names[user.full_name.casefold()] > 1:
            values = {"name": user.full_name}
            text = "another person is called %(name)s too: displays cannot tell them apart"
            yield Spot(f"users/{user.id}/last_name", text, values)


def same_mail(facts: Facts) -> Iterator[Spot]:
    mails = Counter(user.email.casefold() for user in facts["users"].users if user.email)
    for user in facts["users"].users:
        if user.email and mails[user.email.casefold()] > 1:
            values = {"email": user.email}
            text = "another person gets mail at %(email)s too"
            yield Spot(f"users/{user.id}/email", text, values)


def number_outside_ranges(facts: Facts) -> Iterator[Spot]:
    numbered = {
        "people": ("extensions", facts["extensions"].extensions),
        "groups": ("ring_groups", facts["ring_groups"].groups),
    }
    for purpose, (service, objects) in numbered.items():
        meant = [each for each in facts["numbering"].ranges if each.purpose == purpose]
        for each in objects if meant else ():
            if not any(each.number in one for one in meant):
                values = {"number": each.number, "purpose": purpose}
                text = "%(number)s lies in no range for %(purpose)s"
                yield Spot(f"{service}/{each.id}/number", text, values)


def weak_pin(facts: Facts) -> Iterator[Spot]:
    """PINs given to several boxes: a PIN that everybody has is none. (Rows and repetitions
    of digits are faults already.)"""
    pins = Counter(box.pin.reveal() for box in facts["voicemail_boxes"].boxes)
    for box in facts["voicemail_boxes"].boxes:
        pin = box.pin.reveal()
        if pin and pins[pin] > 1:
            yield Spot(f"voicemail_boxes/{box.id}/pin", "another box has the same PIN")


def voicemail_that_nobody_hears_of(facts: Facts) -> Iterator[Spot]:
    served = _with_device(facts)
    for box in facts["voicemail_boxes"].boxes:
        extension = facts.references.get("extension", box.extension)
        person = facts.references.get(*extension.named_after) if (
            extension and extension.named_after) else None  # fmt: skip
        mail = box.email or (person.detail.get("email", "") if person else "")
        if box.extension not in served and not (box.send_mail and mail) and not box.pin:
            text = "no telephone shows its messages, no mail brings them, and it has no PIN"
            yield Spot(f"voicemail_boxes/{box.id}", text)


RULES = (
    Rule("fallback-loop", "error", "Send one of them somewhere that ends, such as voicemail.",
         fallback_loop),
    Rule("extension-without-device", "warning",
         "Give it a telephone, or choose where its calls go when it cannot be reached.",
         extension_without_device),
    Rule("group-nobody-answers", "error", "Give its members telephones, or choose a fallback.",
         group_that_nobody_answers),
    Rule("group-of-one", "advice", "Add members, or send calls to the extension itself.",
         group_of_one),
    Rule("group-without-fallback", "advice", "Choose where unanswered calls go.",
         group_without_end),
    Rule("device-without-line", "warning", "Give it an extension, or remove it.",
         device_without_line),
    Rule("device-without-mac", "warning", "Enter the MAC address on the label of the telephone.",
         device_without_mac),
    Rule("key-watches-itself", "advice", "Let the key watch a colleague.", key_watches_itself),
    Rule("user-without-extension", "advice", "Give the person an extension, or remove them.",
         user_without_extension),
    Rule("same-name", "warning", "Add a department or a middle name.", same_name),
    Rule("same-mail", "advice", "Check that both people should read each other's messages.",
         same_mail),
    Rule("number-outside-ranges", "advice", "Move it into a range, or enlarge the range.",
         number_outside_ranges),
    Rule("weak-pin", "error", "Choose another PIN, or let the system make one.", weak_pin),
    Rule("voicemail-unheard", "warning", "Enter a mail address or a PIN.",
         voicemail_that_nobody_hears_of),
)  # fmt: skip
