"""Which phone asks: names of files and what phones say of themselves."""

import pytest

from provisioning import catalogue, identify


@pytest.mark.parametrize(
    ("name", "mac"),
    [
        ("001565aabbcc.cfg", "001565aabbcc"),
        ("001565AABBCC.CFG", "001565aabbcc"),
        ("000413AABBCC.xml", "000413aabbcc"),
        ("snomD785-000413AABBCC.htm", "000413aabbcc"),
        ("y000000000028.cfg", None),
        ("001565aabbcc.boot", None),
        ("001565aabbcc-local.cfg", None),
        ("001565aabbcc.cfg\0", None),
        ("001565aabbcc.cfg\n", None),
        ("../001565aabbcc.cfg", None),
        ("001565aabbcc.cfg/../x", None),
        ("００1565aabbcc.cfg", None),
        ("snomD785.htm", None),
        ("snom" + "x" * 60 + "-000413AABBCC.htm", None),
        ("", None),
    ],
)
def test_a_file_name_is_known_only_in_its_exact_form(name, mac):
    assert identify.mac_of(name) == mac


@pytest.mark.parametrize(
    ("vendor", "name", "own"),
    [
        ("yealink", "001565aabbcc.cfg", True),
        ("yealink", "001565aabbcc.xml", False),
        ("snom", "000413AABBCC.xml", True),
        ("snom", "snomD785-000413AABBCC.htm", True),
        ("snom", "000413AABBCC.cfg", False),
        ("cisco", "00562b043615.xml", True),
        ("cisco", "snomD785-000413AABBCC.htm", False),
    ],
)
def test_each_vendor_asks_under_its_own_names(vendor, name, own):
    assert identify.own_name(name, vendor) is own


AGENTS = """
Yealink SIP-T46G 28.83.0.120 00:15:65:4a:a9:37 | yealink T46G 28.83.0.120 0015654aa937
Yealink SIP-T31G 124.85.257.55 80:5e:c0:d5:7d:72 | yealink T31G 124.85.257.55 805ec0d57d72
Yealink SIP-T54W 96.86.0.70 00:15:6525ef16a7c | yealink T54W 96.86.0.70 -
Yealink SIP-T54W 96.86.0.70 00:15:6525ef16 | yealink T54W 96.86.0.70 00156525ef16
Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 000413922D24 SXM:0 UXM:0)\
 | snom snomD785 10.1.33.33 000413922d24
Mozilla/4.0 (compatible; snom710-SIP 8.7.3.25) | snom snom710 8.7.3.25 -
Cisco-CP-8851-3PCC/11.0.1 (00562b043615) | cisco 8851 11.0.1 00562b043615
"""


@pytest.mark.parametrize("line", AGENTS.strip().splitlines())
def test_a_user_agent_tells_model_firmware_and_mac(line):
    text, _, told = line.partition(" | ")
    vendor, model, firmware, mac = told.replace("-", "").split(" ")
    found = identify.agent(text)
    assert (found.vendor, found.model, found.firmware, found.mac) == (vendor, model, firmware, mac)


@pytest.mark.parametrize("text", ["", "curl/8.0", "Mozilla/5.0 (X11)", "Yealink" + " x" * 200])
def test_other_programs_are_no_phones(text):
    assert identify.agent(text) is None


def test_every_model_is_found_by_what_it_calls_itself():
    for model in catalogue.models().values():
        assert catalogue.by_agent(model.vendor, model.facts.agent.upper()) == model


def test_the_maker_of_a_mac_is_guessed_but_never_demanded():
    assert identify.vendor_of_mac("001565000000") == "yealink"
    assert identify.vendor_of_mac("000413000000") == "snom"
    assert identify.vendor_of_mac("020000000000") == ""
