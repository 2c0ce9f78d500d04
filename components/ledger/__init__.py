"""The plan ledger on screen and on paper: lists, paths, owners, boards, the form for reports, the briefing."""
