"""Parts of a domain's page beyond cards, map and trend: weak patches, events, served systems, pages of the manual."""
