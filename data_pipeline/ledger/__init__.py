"""The plan ledger (规划台账): every promise of a plan with its owner, its pace and its proof."""
