"""Networks that are shut out by hand."""
