"""The places where people and telephones are."""
