"""Questions to the policy: may somebody dial this, and who gets a call to that."""
