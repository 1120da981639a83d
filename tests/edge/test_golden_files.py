"""What the golden files hold is taken by the daemons themselves."""

from pathlib import Path

import pytest

from appliance.system import vpn
from appliance.verify import checkers

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
RULES = sorted(GOLDEN.glob("*/*/expected/etc/nftables.d"))
TUNNELS = sorted(GOLDEN.glob("*/*/expected/etc/centralino/vpn"))
JAILS = sorted(GOLDEN.glob("*/*/expected/etc/fail2ban"))


def case(path):
    return "/".join(path.relative_to(GOLDEN).parts[:2])


@pytest.mark.parametrize("rules", RULES, ids=case)
def test_the_kernel_takes_the_rules(rules):
    assert list(checkers.faults(rules.parents[1], {"firewall"})) == []


@pytest.mark.parametrize("rules", RULES[:1], ids=case)
def test_rules_that_are_wrong_are_named_with_their_line(rules, tmp_path):
    file = tmp_path / "etc/nftables.d/50-edge.nft"
    file.parent.mkdir(parents=True)
    text = (rules / "50-edge.nft").read_text()
    file.write_text(text.replace("policy drop", "policy perhaps", 1))
    ((where, said),) = checkers.faults(tmp_path, {"firewall"})
    assert where == "firewall"
    assert "perhaps" in said


@pytest.mark.parametrize("jails", JAILS, ids=case)
def test_fail2ban_takes_the_jails(jails, tmp_path):
    """Its log must be there, so it is laid where the test may write."""
    root = tmp_path / "root"
    log = tmp_path / "security"
    log.touch()
    for file in jails.rglob("*.conf"):
        copy = root / "etc/fail2ban" / file.relative_to(jails)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text().replace("/var/log/asterisk/security", str(log)))
    assert list(checkers.faults(root, {"bans"})) == []


@pytest.mark.parametrize("tunnels", TUNNELS, ids=case)
def test_openvpn_takes_the_tunnels(tunnels):
    """Its words at least: the papers that they name are no golden files."""
    assert list(checkers.faults(tunnels.parents[2], {checkers.TUNNELS})) == []


@pytest.mark.parametrize("tunnels", TUNNELS[:1], ids=case)
def test_a_tunnel_with_a_wrong_word_is_named_with_its_port_and_line(tunnels, tmp_path):
    file = tmp_path / vpn.FOLDER / "tunnel0.conf"
    file.parent.mkdir(parents=True)
    text = (tunnels / "tunnel0.conf").read_text()
    file.write_text(text.replace("passtos", "passtoss", 1))
    ((where, said),) = checkers.faults(tmp_path, {checkers.TUNNELS})
    assert where == "vpn"
    assert "UDP port 1194" in said
    assert "tunnel0.conf:" in said
    assert "passtoss" in said
