"""The sample company of examples/, with telephones and a carrier that live."""
