"""Whether the portal works, for the supervisor."""
