"""Packaging: what is installed, and what it needs.

Packages are listed one by one, because `portal` and other names also exist elsewhere;
a test asserts that the ones imported are ours.
"""

from setuptools import setup

ENGINE = ["jinja2>=3.1", "markupsafe>=2.1"]
PORTAL = [
    "flask>=3.0",
    "flask-sqlalchemy>=3.1",
    "sqlalchemy>=2.0,<2.2",
    "flask-migrate>=4.0",
    "flask-wtf>=1.2",
    "wtforms>=3.1",
    "flask-babel>=4.0",
    "flask-security-too>=5.4",
    "flask-limiter>=3.5",
    "argon2-cffi>=23.1",
    "cryptography>=42",
    "qrcode>=7.4",
    "webauthn>=2.0",
    "segno>=1.6",
    "phonenumbers>=8.12",
    "pyyaml>=6.0",
    "click>=8.1",
    "gunicorn>=20.1",
]
LIVE = ["aiohttp>=3.8", "panoramisk>=1.4", "pyjwt>=2.6"]
DEV = [
    "pytest>=8.0",
    "pytest-timeout>=2.2",
    "pytest-xdist>=3.5",
    "hypothesis>=6.90",
    "baresip-python>=0.5.2a3",
    "playwright>=1.48",
    "ruff>=0.6",
    "mypy>=1.11",
    "types-PyYAML",
    "psycopg[binary]>=3.1",
    "babel>=2.12",
    "setuptools>=68",
]

setup(
    name="centralino",
    version="0.1.0",
    description="A whole company telephone system in one bootable image",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[
        "appliance",
        "appliance.apply",
        "appliance.asterisk",
        "appliance.policy",
        "appliance.render",
        "appliance.services",
        "appliance.state",
        "appliance.system",
        "appliance.verify",
        "ari_apps",
        "ari_apps.live",
        "provisioning",
        "provisioning.cisco",
        "provisioning.server",
        "provisioning.snom",
        "provisioning.yealink",
    ],
    package_data={
        "appliance.policy": ["countries/*.toml"],
        "provisioning.cisco": ["models/*.toml", "templates/*.j2"],
        "provisioning.snom": ["models/*.toml", "templates/*.j2"],
        "provisioning.yealink": ["models/*.toml", "templates/*.j2"],
    },
    install_requires=[*ENGINE, *PORTAL, *LIVE],
    extras_require={"dev": DEV},
)
