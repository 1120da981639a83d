"""What is worked out for branches: how much their lines must carry, and files for routers of
other makers. Pure: nothing here reads or writes."""
