"""What all telephones of a site share."""
