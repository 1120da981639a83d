"""The wizard: from an empty machine to a first system that can be previewed and applied."""
