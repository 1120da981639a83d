"""The door for branch routers: codes, profiles, reports. No page for people."""
