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
    "babel>=2.12",
    "flask-security-too>=5.4",
    "argon2-cffi>=23.1",
    "cryptography>=42",
    "qrcode>=7.4",
    "webauthn>=2.0",
    "nh3>=0.2.14",
    "segno>=1.6",
    "email-validator>=2.0",
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

IMAGE = ["ansible-core>=2.17,<2.20", "ansible-lint>=24.9"]
"""For building images; 2.19 is the last ansible-core that runs on Python 3.11."""

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
        "appliance.disk",
        "appliance.firstboot",
        "appliance.installer",
        "appliance.lint",
        "appliance.policy",
        "appliance.render",
        "appliance.services",
        "appliance.state",
        "appliance.system",
        "appliance.terminal",
        "appliance.verify",
        "ari_apps",
        "ari_apps.live",
        "portal",
        "portal.accounts",
        "portal.audit",
        "portal.changes",
        "portal.core",
        "portal.core.migrations",
        "portal.core.migrations.versions",
        "portal.dashboard",
        "portal.devices",
        "portal.extensions",
        "portal.health",
        "portal.lint",
        "portal.me",
        "portal.people",
        "portal.phone_board",
        "portal.phone_sites",
        "portal.setup",
        "portal.sites",
        "portal.system",
        "portal.wizard",
        "provisioning",
        "provisioning.cisco",
        "provisioning.server",
        "provisioning.snom",
        "provisioning.yealink",
    ],
    package_data={
        "appliance.policy": ["countries/*.toml"],
        "appliance.services": ["trunk_shapes.toml"],
        "portal": [
            "static/*",
            "static/vendor/*/*",
            "translations/*/*.po",
            "*/templates/*/*.html",
            "core/data/*",
            "core/migrations/*",
        ],
        "provisioning.cisco": ["models/*.toml", "templates/*.j2"],
        "provisioning.snom": ["models/*.toml", "templates/*.j2"],
        "provisioning.yealink": ["models/*.toml", "templates/*.j2"],
    },
    install_requires=[*ENGINE, *PORTAL, *LIVE],
    extras_require={"dev": DEV, "image": IMAGE},
    entry_points={"console_scripts": ["centralino = portal.cli:main"]},
)
