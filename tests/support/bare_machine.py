"""The yardstick: the same Debian root and disk layout with nothing started but Asterisk.

Debian's own unit and module list, a SIP port, and DHCP: what somebody would have after an
afternoon. Built from the same packages in the same run, so that start-up times compare.
"""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import subprocess
from pathlib import Path

from tools.image import outputs, pack, rootfs
from tools.image.settings import CHECKOUT, RECIPE, Settings

ETC = {
    "asterisk/asterisk.conf": "[options]\n",
    "asterisk/modules.conf": "[modules]\nautoload=yes\n",
    "asterisk/pjsip.conf": "[udp]\ntype=transport\nprotocol=udp\nbind=0.0.0.0\n",
    "asterisk/extensions.conf": "[default]\n",
    "asterisk/logger.conf": "[logfiles]\nmessages => notice,warning,error\n",
    "systemd/network/90-dhcp.network": "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n",
    "hosts": "127.0.0.1 localhost\n127.0.1.1 bare\n",
    "hostname": "bare\n",
    "fstab": "",
}
IDLE = (
    *("nginx", "fail2ban", "nullmailer", "coturn", "openvpn", "prometheus-node-exporter"),
    *("chrony", "open-vm-tools", "ssh"),
)


def build(settings: Settings) -> Path:
    """A qcow2 of it."""
    own = dataclasses.replace(
        settings, build=settings.build / "bare", dist=settings.build / "bare/dist"
    )
    own.dist.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(own.root, ignore_errors=True)
    plain = rootfs.debian(RECIPE / "packages.txt")
    subprocess.run(["cp", "--archive", "--reflink=auto", plain, own.root], check=True)
    _configure(own.root)
    (own.root / "etc/machine-id").write_text("")
    pack.squash(own)
    pack.boot_files(own)
    return outputs.qcow2(own, pack.raw(own))


def _configure(root: Path) -> None:
    for name, text in ETC.items():
        file = root / "etc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text)
    for folder in ("data", "efi"):
        (root / folder).mkdir(exist_ok=True)
    role = CHECKOUT / "roles/image/files"
    start = root / "etc/initramfs-tools"
    shutil.copy(role / "slot.hook", start / "hooks/slot")
    shutil.copy(role / "slot.local-bottom", start / "scripts/local-bottom/slot")
    for script in (start / "hooks/slot", start / "scripts/local-bottom/slot"):
        script.chmod(0o755)
    at = shlex.quote(str(root))
    idle = " ".join(f"{name}.service" for name in IDLE)
    steps = [
        f"mount -t proc proc {at}/proc",
        f"mount --rbind /dev {at}/dev",
        f"chroot {at} systemctl mask {idle}",
        f"chroot {at} systemctl enable systemd-networkd asterisk",
        f"exec chroot {at} update-initramfs -u -k all",
    ]
    command = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    done = subprocess.run([*command, "sh", "-ec", "\n".join(steps)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
