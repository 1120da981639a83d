"""A reader of OVAs that shares nothing with the writer: what VMware checks at an import.

Sources: DMTF DSP0243 (OVF 1.1) sections 5 to 9; VMware's streamOptimized disks, "Virtual
Disk Format 5.0", for the header of the disk.
"""

from __future__ import annotations

import hashlib
import re
import struct
import tarfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
RASD = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}"
STREAM = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"
SECTOR = 512


@dataclass(frozen=True, slots=True)
class Ova:
    """What stands in an OVA. `hardware` maps a resource type to its subtypes."""

    names: tuple[str, ...]
    properties: dict[str, dict[str, str]]
    hardware: dict[int, list[str]]
    memory_mib: int
    capacity: int
    disk_size: int
    transport: tuple[str, ...]


def read(file: Path) -> Ova:
    """Read an OVA; AssertionError for each rule that it breaks."""
    with tarfile.open(file) as archive:
        members = archive.getmembers()
        names = tuple(member.name for member in members)
        assert all(member.isfile() and not member.pax_headers for member in members)
        assert [Path(name).suffix for name in names] == [".ovf", ".mf", ".vmdk"], names
        contents = {name: archive.extractfile(name) for name in names}
        sums = _sums(contents[names[1]].read().decode())
        text = contents[names[0]].read()
        assert hashlib.sha256(text).hexdigest() == sums[names[0]]
        disk = contents[names[2]]
        assert hashlib.file_digest(disk, "sha256").hexdigest() == sums[names[2]]
        disk.seek(0)
        header = disk.read(SECTOR)
    return _descriptor(text, names, members[2].size, header)


def _sums(manifest: str) -> dict[str, str]:
    lines = manifest.splitlines()
    found = [re.fullmatch(r"SHA256\(([^)]+)\)= ([0-9a-f]{64})", line) for line in lines]
    assert lines, "an empty manifest"
    assert all(found), manifest
    return {match[1]: match[2] for match in found if match}


def _descriptor(text: bytes, names: tuple[str, ...], size: int, header: bytes) -> Ova:
    root = ElementTree.fromstring(text)
    assert root.tag == f"{OVF}Envelope"
    reference = root.find(f"{OVF}References/{OVF}File")
    disk = root.find(f"{OVF}DiskSection/{OVF}Disk")
    assert reference.get(f"{OVF}href") == names[2]
    assert int(reference.get(f"{OVF}size")) == size
    assert disk.get(f"{OVF}fileRef") == reference.get(f"{OVF}id")
    assert disk.get(f"{OVF}format") == STREAM
    capacity = int(disk.get(f"{OVF}capacity"))
    assert capacity == _virtual_size(header)
    hardware = root.find(f"{OVF}VirtualSystem/{OVF}VirtualHardwareSection")
    items = [_item(each) for each in hardware.iter(f"{OVF}Item")]
    _check_items(items, disk.get(f"{OVF}diskId"))
    by_type: dict[int, list[str]] = {}
    for item in items:
        by_type.setdefault(int(item["ResourceType"]), []).append(item.get("ResourceSubType", ""))
    networks = {each.get(f"{OVF}name") for each in root.iter(f"{OVF}Network")}
    assert all(item["Connection"] in networks for item in items if "Connection" in item)
    return Ova(
        names,
        {each.get(f"{OVF}key"): dict(each.attrib) for each in root.iter(f"{OVF}Property")},
        by_type,
        next(int(item["VirtualQuantity"]) for item in items if item["ResourceType"] == "4"),
        capacity,
        size,
        tuple(hardware.get(f"{OVF}transport").split()),
    )


def _item(element: ElementTree.Element) -> dict[str, str]:
    return {child.tag.removeprefix(RASD): child.text or "" for child in element}


def _check_items(items: list[dict[str, str]], disk: str) -> None:
    identities = [item["InstanceID"] for item in items]
    assert len(set(identities)) == len(identities)
    for item in items:
        assert item.get("Parent", identities[0]) in identities
        # The schema's order of children is that of their names.
        assert list(item) == sorted(item), list(item)
    drives = [item for item in items if item["ResourceType"] == "17"]
    assert [item["HostResource"] for item in drives] == [f"ovf:/disk/{disk}"]


def _virtual_size(header: bytes) -> int:
    """The size in the header of a sparse extent, which begins with KDMV."""
    magic, _version, _flags, sectors = struct.unpack_from("<4sIIQ", header)
    assert magic == b"KDMV"
    return int(sectors) * SECTOR
