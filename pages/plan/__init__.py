"""The plan ledger's pages: targets, projects, systems, departments, reports, review meeting and briefing."""
